package connlimit

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// server accepts connections and keeps them open until the test ends.
type server struct {
	address string

	mu      sync.Mutex
	open    int
	refused []string
	conns   chan net.Conn
}

func serve(t *testing.T, options Options) *server {
	t.Helper()
	inner, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{address: inner.Addr().String(), conns: make(chan net.Conn, 100)}
	options.Opened = func(change int) { s.mu.Lock(); defer s.mu.Unlock(); s.open += change }
	options.Refused = func(address string) { s.mu.Lock(); defer s.mu.Unlock(); s.refused = append(s.refused, address) }
	l := Listen(inner, options)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.conns <- c
			if _, err := c.Write([]byte("x")); err != nil {
				t.Error(err)
			}
		}
	}()
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		<-done
		close(s.conns)
		for c := range s.conns {
			_ = c.Close()
		}
	})
	return s
}

// dial connects from an address of loopback.
func (s *server) dial(t *testing.T, from string) net.Conn {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	c, err := dialer.DialContext(t.Context(), "tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// greeted reports whether a connection is accepted; it is not if the server closes it.
func greeted(t *testing.T, c net.Conn) bool {
	t.Helper()
	_, err := io.ReadFull(c, make([]byte, 1))
	if err != nil && !errors.Is(err, io.EOF) {
		if _, reset := errors.AsType[*net.OpError](err); !reset {
			t.Fatal(err)
		}
	}
	return err == nil
}

// TestPerAddress says that an address has no more connections open than it may, that others are not affected, and that a connection that is
// closed makes room for another.
func TestPerAddress(t *testing.T) {
	t.Parallel()
	s := serve(t, Options{PerAddress: 2, Exempt: []netip.Prefix{netip.MustParsePrefix("127.0.0.9/32")}})
	for range 2 {
		if !greeted(t, s.dial(t, "127.0.0.1")) {
			t.Error("a connection within the bound was closed")
		}
	}
	for range 3 {
		if greeted(t, s.dial(t, "127.0.0.1")) {
			t.Error("one connection too many was accepted")
		}
	}
	for _, from := range []string{"127.0.0.2", "127.0.0.9", "127.0.0.9", "127.0.0.9"} {
		if !greeted(t, s.dial(t, from)) {
			t.Errorf("a connection from %s was closed", from)
		}
	}
	s.mu.Lock()
	if diff := cmp.Diff([]string{"127.0.0.1", "127.0.0.1", "127.0.0.1"}, s.refused); diff != "" || s.open != 6 {
		t.Errorf("%d are open, want 6; refused: -want, +got:\n%s", s.open, diff)
	}
	s.mu.Unlock()
	first := <-s.conns
	_, _ = first.Close(), first.Close() // net/http closes some connections twice.
	if !greeted(t, s.dial(t, "127.0.0.1")) {
		t.Error("a connection was closed although there is room")
	}
	if greeted(t, s.dial(t, "127.0.0.1")) {
		t.Error("a connection that was closed twice has made room for two")
	}
}

// addressed is a connection from any address.
type addressed struct {
	net.Conn
	address string
}

func (a addressed) RemoteAddr() net.Addr { return name(a.address) }

type name string

func (name) Network() string  { return "tcp" }
func (n name) String() string { return string(n) }

// TestAddressOf says which connections are counted together.
func TestAddressOf(t *testing.T) {
	t.Parallel()
	l := &listener{options: Options{Exempt: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00::/8")}}}
	for remote, want := range map[string]string{
		"192.0.2.1:443":              "192.0.2.1",
		"[::ffff:192.0.2.1]:443":     "192.0.2.1",
		"[2001:db8::1]:443":          "2001:db8::/64",
		"[2001:db8::ffff:1%eth0]:80": "2001:db8::/64",
		"10.1.2.3:443":               "",
		"[::ffff:10.1.2.3]:443":      "",
		"[fd12::1]:443":              "",
		"10.2.2.3:443":               "10.2.2.3",
	} {
		if got := l.addressOf(addressed{address: remote}); got != want {
			t.Errorf("addressOf(%s): got %q, want %q", remote, got, want)
		}
	}
}
