package mail

import (
	"context"
	"net"
	"strconv"
	"time"

	"github.com/berth-dev/berth/internal/egress"
)

const (
	// connectTimeout is how long it may take to find a server and to connect. A port that a firewall hides is so told of soon.
	connectTimeout = 10 * time.Second
	// maxRead is how many bytes are read of a connection, its certificates included: ten times what a talkative server sends.
	maxRead = 128 << 10
)

// bounded is a connection that ends when its other side sends far more than a mail server has to say: what it says is kept in memory, however
// long its lines are.
type bounded struct {
	net.Conn
	left int
}

// Read reads what may still be read.
func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooMuch
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// dial connects to the server: to one of an app's only where egress allows it. The connection ends with ctx.
func (r *route) dial(ctx context.Context) (net.Conn, error) {
	within, cancel := context.WithTimeout(ctx, min(connectTimeout, r.sender.timeout))
	defer cancel()
	allowed := r.sender.egress
	allowed.Resolver = r.sender.resolver
	connect := egress.New(allowed).DialContext
	if r.settings.Platform {
		connect = (&net.Dialer{Resolver: r.sender.resolver}).DialContext
	}
	connection, err := connect(within, "tcp", net.JoinHostPort(r.host, strconv.Itoa(r.settings.Port)))
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { _ = connection.Close() })
	return &bounded{Conn: connection, left: maxRead}, nil
}
