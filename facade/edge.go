package facade

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/berth-dev/berth/facade/internal/connlimit"
	"github.com/berth-dev/berth/facade/internal/mw"
	"github.com/berth-dev/berth/facade/internal/web"
	"github.com/berth-dev/berth/internal/host"
)

// Edge bounds what a server spends on clients before it knows who they are. Several servers spend as many times more. The zero value is without
// bounds.
type Edge struct {
	// Connections is how many connections are open at most; 0 for any number. Each further one takes the place of an idle one, first of those of the
	// address that has the most, or waits if none is idle.
	Connections int
	// ConnectionsPerAddress is how many are open at most from one address, or one /64 of IPv6; 0 for any number. More are closed at once. It does
	// not apply to TrustedProxies, whose idle connections give way to no others either.
	ConnectionsPerAddress int
	// Requests is how many requests are under way at most, until their answers have been handed to the network; 0 for any number. One address, or one
	// /64 of IPv6, has a third of them at most, and several have an equal part each. More are broken off. Logs that are followed do not count.
	Requests int
	// AnonymousLines is how many lines a second the log has, in the long run, about requests without a valid API key and those of keys that are
	// used too often; 0 for any number. One caller gets a tenth of that.
	AnonymousLines float64
}

// publicURL reads the URL at which clients reach the server; nil if it is empty. A host in Unicode is written as DNS has it.
func publicURL(address string) (*url.URL, error) {
	name, err := host.OfURL(address)
	if name == "" || err != nil {
		return nil, err
	}
	public, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	if public.Scheme != "https" { // A client that follows a link sends its key there.
		return nil, fmt.Errorf("public URL %q must begin with https://, as in https://berth.example.com", address)
	}
	if port := public.Port(); port != "" {
		name = net.JoinHostPort(name, port)
	}
	return &url.URL{Scheme: public.Scheme, Host: name, Path: public.Path}, nil
}

// linkPublicly has the links in answers lead to the public URL, if there is one.
func (s *Server) linkPublicly(c *gin.Context) {
	if s.publicURL != nil {
		c.Request = c.Request.WithContext(web.WithPublicURL(c.Request.Context(), s.publicURL))
	}
}

// tellRefused is how often the log tells of connections that were closed because of a limit.
const tellRefused = time.Minute

// refusals tells the log of connections that were closed because of a limit: of the first one at once, and of all that follow within tellRefused when
// that is over.
type refusals struct {
	// warn writes the line.
	warn func(address string, count int)
	// after is time.AfterFunc.
	after func(time.Duration, func()) *time.Timer

	mu sync.Mutex
	// count is how many the log has not been told of, address that of the last one.
	count   int
	address string
	// pausing is set while tellRefused lasts.
	pausing bool
}

func (r *refusals) add(address string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count++
	r.address = address
	if !r.pausing {
		r.tell()
	}
}

// tell writes the line and begins the pause; mu is held.
func (r *refusals) tell() {
	r.warn(r.address, r.count)
	r.count, r.pausing = 0, true
	r.after(tellRefused, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.pausing = false
		if r.count > 0 {
			r.tell()
		}
	})
}

// limitConnections bounds the connections of a listener.
func (s *Server) limitConnections(inner net.Listener) net.Listener {
	told := &refusals{after: time.AfterFunc, warn: func(address string, count int) {
		s.log.Warn("connections refused: too many are open", "address", address, "count", count)
	}}
	return connlimit.Listen(inner, connlimit.Options{
		Total: s.options.Edge.Connections, PerAddress: s.options.Edge.ConnectionsPerAddress, Exempt: s.options.TrustedProxies,
		Opened: s.metrics.Connected,
		Refused: func(address string) {
			s.metrics.ConnectionRefused()
			told.add(address)
		},
	})
}

// limitRequests bounds the requests that are under way.
func (s *Server) limitRequests() gin.HandlerFunc {
	told := &refusals{after: time.AfterFunc, warn: func(address string, count int) {
		s.log.Warn("requests broken off: too many are under way", "address", address, "count", count)
	}}
	return mw.UnderWay(s.options.Edge.Requests, func(address string) {
		s.metrics.RequestBrokenOff()
		told.add(address)
	})
}

// noteConnection is what the server does with a connection.
func (s *Server) noteConnection(connection net.Conn, state http.ConnState) {
	s.came.note(connection, state)
	connlimit.Note(connection, state)
}
