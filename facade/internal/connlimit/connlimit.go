// Package connlimit bounds how many connections a listener has open at a time, in all and from each client address: a connection takes memory
// before it has sent a request, so no limit of requests protects a server from too many of them.
package connlimit

import (
	"net"
	"net/netip"
	"slices"
	"sync"

	"golang.org/x/net/netutil"

	"github.com/berth-dev/berth/facade/internal/auth"
)

// Options are the bounds, and what is told of them.
type Options struct {
	// Total is how many connections are open at most; 0 for any number. More wait until others are closed.
	Total int
	// PerAddress is how many are open at most from one address, or one /64 of IPv6; 0 for any number. More are closed at once.
	PerAddress int
	// Exempt are the networks of proxies, to which PerAddress does not apply: the connections of all clients come from them.
	Exempt []netip.Prefix
	// Opened is called with 1 when a connection is accepted, and with -1 when it is closed. May be nil.
	Opened func(change int)
	// Refused is called with the address of a connection that PerAddress has closed, as it is counted. May be nil.
	Refused func(address string)
}

// Listen wraps a listener in the bounds.
func Listen(inner net.Listener, options Options) net.Listener {
	limited := net.Listener(&listener{Listener: inner, options: options, open: map[string]int{}})
	if options.Total > 0 {
		limited = netutil.LimitListener(limited, options.Total)
	}
	return limited
}

// listener bounds the connections from each address.
type listener struct {
	net.Listener
	options Options

	mu sync.Mutex
	// open is how many connections each address has open; one that has none is not in it.
	open map[string]int
}

// Accept returns the next connection that is within the bound of its address.
func (l *listener) Accept() (net.Conn, error) {
	for {
		accepted, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		address, counted := l.addressOf(accepted)
		if counted && !l.take(address) {
			_ = accepted.Close()
			if l.options.Refused != nil {
				l.options.Refused(address)
			}
			continue
		}
		l.opened(1)
		return &conn{Conn: accepted, release: sync.OnceFunc(func() {
			if counted {
				l.giveBack(address)
			}
			l.opened(-1)
		})}, nil
	}
}

// addressOf returns what a connection is counted under, and whether it is.
func (l *listener) addressOf(accepted net.Conn) (string, bool) {
	if l.options.PerAddress <= 0 {
		return "", false
	}
	from, err := netip.ParseAddrPort(accepted.RemoteAddr().String())
	if err != nil {
		return accepted.RemoteAddr().String(), true
	}
	ip := from.Addr().Unmap()
	if slices.ContainsFunc(l.options.Exempt, func(n netip.Prefix) bool { return n.Contains(ip) }) {
		return "", false
	}
	return auth.Network(ip.String()), true
}

// take counts one more connection of an address, unless it has as many as it may.
func (l *listener) take(address string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[address] >= l.options.PerAddress {
		return false
	}
	l.open[address]++
	return true
}

func (l *listener) giveBack(address string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open[address]--
	if l.open[address] <= 0 {
		delete(l.open, address)
	}
}

func (l *listener) opened(change int) {
	if l.options.Opened != nil {
		l.options.Opened(change)
	}
}

// conn gives its place back when it is closed, however often that is.
type conn struct {
	net.Conn
	release func()
}

// Close closes the connection.
func (c *conn) Close() error {
	err := c.Conn.Close()
	c.release()
	return err
}
