// Package connlimit bounds how many connections a listener has open at a time, in all and from each client address: a connection takes memory
// before it has sent a request, so no limit of requests protects a server from too many of them.
package connlimit

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"

	"github.com/berth-dev/berth/facade/internal/auth"
)

// Options are the bounds, and what is told of them.
type Options struct {
	// Total is how many connections are open at most; 0 for any number. Each further one takes the place of an idle one: of those of the address, or one
	// /64 of IPv6, that has the most open, the one that has been idle for longest. So a few addresses never keep the others out. One whose own address
	// has the most is closed at once if none of that are idle. If none at all are, it waits until there is one, or one is closed.
	Total int
	// PerAddress is how many are open at most from one address; 0 for any number. More are closed at once.
	PerAddress int
	// Exempt are the networks of proxies, from which the connections of all clients come: PerAddress does not apply to them, and their connections give
	// way to no other.
	Exempt []netip.Prefix
	// Opened is called with 1 when a connection is accepted, and with -1 when it is closed. May be nil.
	Opened func(change int)
	// Refused is called with the address of a connection that was closed because of a bound. May be nil.
	Refused func(address string)
}

// Listen wraps a listener in the bounds. The server must tell Note what it does with its connections.
func Listen(inner net.Listener, options Options) net.Listener {
	l := &listener{Listener: inner, options: options, open: map[string]map[*conn]struct{}{}}
	l.changed = sync.NewCond(&l.mu)
	return l
}

// Note is an http.Server's ConnState: it says which connections of a listener are idle. One that has not sent a request is.
func Note(connection net.Conn, state http.ConnState) {
	if secure, ok := connection.(interface{ NetConn() net.Conn }); ok {
		connection = secure.NetConn()
	}
	if limited, ok := connection.(*conn); ok {
		limited.listener.note(limited, state)
	}
}

// listener bounds the connections.
type listener struct {
	net.Listener
	options Options

	mu sync.Mutex
	// changed is told when a connection becomes idle or is closed, and when the listener is.
	changed *sync.Cond
	// open are the connections from each address; one that has none is not in it.
	open map[string]map[*conn]struct{}
	// total is how many there are, with those that are exempt.
	total int
	// uses counts what has become of connections, so that their order is known.
	uses   int64
	closed bool
}

// Accept returns the next connection that is within the bounds.
func (l *listener) Accept() (net.Conn, error) {
	for {
		accepted, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		c := &conn{Conn: accepted, listener: l}
		c.address = l.addressOf(accepted)
		victim, ok := l.admit(c)
		if victim != nil {
			_ = victim.Close()
			l.refused(victim.address)
		}
		if ok {
			l.opened(1)
			return c, nil
		}
		_ = accepted.Close()
		l.refused(c.address)
	}
}

// Close closes the listener, also while a connection waits for its place.
func (l *listener) Close() error {
	l.mu.Lock()
	l.closed = true
	l.changed.Broadcast()
	l.mu.Unlock()
	return l.Listener.Close()
}

// addressOf returns what a connection is counted under; empty if it is exempt.
func (l *listener) addressOf(accepted net.Conn) string {
	from, err := netip.ParseAddrPort(accepted.RemoteAddr().String())
	if err != nil {
		return accepted.RemoteAddr().String()
	}
	ip := from.Addr().Unmap()
	if slices.ContainsFunc(l.options.Exempt, func(n netip.Prefix) bool { return n.Contains(ip) }) {
		return ""
	}
	return auth.Network(ip.String())
}

// admit waits until a connection has a place, and returns the one that has to be closed for it, if any. It returns false if the connection gets none.
func (l *listener) admit(c *conn) (victim *conn, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.options.PerAddress > 0 && len(l.open[c.address]) >= l.options.PerAddress {
		return nil, false
	}
	for l.options.Total > 0 && l.total >= l.options.Total {
		if l.closed {
			return nil, false
		}
		idle, victim := l.victim(c.address)
		if victim != nil {
			l.remove(victim)
			l.add(c)
			return victim, true
		}
		if idle {
			return nil, false
		}
		l.changed.Wait()
	}
	l.add(c)
	return nil, true
}

// victim returns the connection that gives way to one from an address, and whether any connection is idle.
func (l *listener) victim(address string) (idle bool, victim *conn) {
	own, most := len(l.open[address]), 0
	for from, connections := range l.open {
		for c := range connections {
			if c.active {
				continue
			}
			idle = true
			number := len(connections)
			if from != address && number <= own || number < most || number == most && victim != nil && c.used > victim.used {
				continue
			}
			most, victim = number, c
		}
	}
	return idle, victim
}

// add counts a connection; mu is held.
func (l *listener) add(c *conn) {
	l.uses++
	c.used, c.counted = l.uses, true
	l.total++
	if c.address == "" {
		return
	}
	if l.open[c.address] == nil {
		l.open[c.address] = map[*conn]struct{}{}
	}
	l.open[c.address][c] = struct{}{}
}

// remove counts a connection no more, however often it is called; mu is held.
func (l *listener) remove(c *conn) {
	if !c.counted {
		return
	}
	c.counted = false
	l.total--
	l.changed.Broadcast()
	delete(l.open[c.address], c)
	if len(l.open[c.address]) == 0 {
		delete(l.open, c.address)
	}
}

// note keeps what a server does with a connection.
func (l *listener) note(c *conn, state http.ConnState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.uses++
	c.used, c.active = l.uses, state == http.StateActive
	l.changed.Broadcast()
}

func (l *listener) opened(change int) {
	if l.options.Opened != nil {
		l.options.Opened(change)
	}
}

func (l *listener) refused(address string) {
	if l.options.Refused != nil {
		l.options.Refused(address)
	}
}

// conn is a connection of a listener. What is not of net.Conn belongs to the listener's mu.
type conn struct {
	net.Conn
	listener *listener
	// address is what it is counted under; empty if it is exempt.
	address string
	// used is when it was opened, became active or idle, in the listener's count.
	used    int64
	active  bool
	counted bool
	once    sync.Once
}

// Close closes the connection and gives its place back, once.
func (c *conn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() {
		c.listener.mu.Lock()
		c.listener.remove(c)
		c.listener.mu.Unlock()
		c.listener.opened(-1)
	})
	return err
}
