package web

import (
	"bufio"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// errPlainHTTP ends the TLS handshake of a connection that speaks HTTP without TLS.
var errPlainHTTP = errors.New("plain HTTP on the HTTPS port")

// plainHTTPAnswer is what a client gets that forgot the s of https.
const plainHTTPAnswer = "HTTP/1.1 400 Bad Request\r\n" +
	"Content-Type: application/json\r\n" +
	"Content-Length: 51\r\n" +
	"Connection: close\r\n" +
	"\r\n" +
	`{"detail":"This API is served over HTTPS alone."}` + "\r\n"

const (
	// drainTimeout and maxDrain bound how much of a plain request is read after the answer, so that the client sees the answer and not a
	// reset connection.
	drainTimeout = time.Second
	maxDrain     = 1 << 20
	// tlsHandshake is the first byte of every TLS connection.
	tlsHandshake = 0x16
)

// RefusePlainHTTP wraps the listener under a TLS listener: a connection that doesn't begin with a TLS handshake gets an error in JSON, and
// never service.
func RefusePlainHTTP(inner net.Listener) net.Listener { return plainHTTPRefuser{inner} }

type plainHTTPRefuser struct{ net.Listener }

// Accept doesn't wait for the first byte, or one silent client would keep all others out: the connection looks at it when it is first read.
func (l plainHTTPRefuser) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &sniffed{Conn: conn, reader: bufio.NewReader(conn)}, nil
}

// sniffed is a connection whose first byte is looked at before anything is read from it.
type sniffed struct {
	net.Conn

	reader *bufio.Reader
	once   sync.Once
	err    error
}

func (s *sniffed) Read(data []byte) (int, error) {
	s.once.Do(s.sniff)
	if s.err != nil {
		return 0, s.err
	}
	return s.reader.Read(data)
}

func (s *sniffed) sniff() {
	first, err := s.reader.Peek(1)
	if err != nil {
		s.err = err
		return
	}
	if first[0] == tlsHandshake {
		return
	}
	s.err = errPlainHTTP
	if _, err := io.WriteString(s.Conn, plainHTTPAnswer); err != nil {
		return
	}
	if half, ok := s.Conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		_ = s.SetReadDeadline(time.Now().Add(drainTimeout))
		_, _ = io.CopyN(io.Discard, s.reader, maxDrain)
	}
}
