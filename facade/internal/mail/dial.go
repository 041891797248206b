package mail

import (
	"context"
	"net"
	"net/netip"
	"strconv"
	"time"
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

// dial connects to the server. Where it is an app's, each address is looked at when it is about to be connected to, after the name was resolved
// once: an answer of DNS that changes in between would change nothing. The connection ends with ctx.
func (r *route) dial(ctx context.Context) (net.Conn, error) {
	dialer := &net.Dialer{Resolver: r.sender.resolver, Timeout: min(connectTimeout, r.sender.timeout)}
	host := r.host
	if !r.settings.Platform {
		dialer.Control = r.sender.guard.Safe
		if _, err := netip.ParseAddr(host); err != nil {
			host += "." // A name of the world's. Without the dot, the domains of the cluster would be tried first.
		}
	}
	connection, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(r.settings.Port)))
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { _ = connection.Close() })
	return &bounded{Conn: connection, left: maxRead}, nil
}
