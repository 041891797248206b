package facade

import (
	"crypto/tls"
	"log/slog"
	"net/http"
	"time"
)

// Limits of a connection. They are wide for a slow client and narrow for one that holds connections open on purpose.
const (
	readHeaderTimeout = 10 * time.Second
	readTimeout       = time.Minute
	writeTimeout      = 2 * time.Minute
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 32 << 10
	// maxStreams is how many requests a client may have under way over one connection of HTTP/2; for more it opens others.
	maxStreams = 50
	// writeByteTimeout is how long a connection of HTTP/2 may take no byte. Without it, a client that stops reading keeps its streams for ever: their own
	// deadlines end them by a frame that waits behind what cannot be written.
	writeByteTimeout = 15 * time.Second
	probeTimeout     = 5 * time.Second
	metricsTimeout   = 30 * time.Second
	// shutdownTimeout is how long requests that are being served may take to finish when the server stops: a write, if the API server is slow,
	// up to half a minute.
	shutdownTimeout = 35 * time.Second
)

func (s *Server) apiServer() *http.Server {
	return &http.Server{
		Handler:           s.handler(),
		TLSConfig:         &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: s.options.Certificate.GetCertificate},
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams, WriteByteTimeout: writeByteTimeout},
		ConnState:         s.noteConnection,
		// What a client does wrong below HTTP, such as a broken handshake, is no error of the server's.
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
}

// healthHandler serves the probes: /healthz while the process works, /readyz while it should get requests.
func (s *Server) healthHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := s.unready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		}
	})
	return mux
}
