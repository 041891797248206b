package connlimit

import (
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

// queue is a listener for connections that a test hands it.
type queue struct {
	incoming chan net.Conn
	end      chan struct{}
}

func (q *queue) Accept() (net.Conn, error) {
	select {
	case c := <-q.incoming:
		return c, nil
	case <-q.end:
		return nil, net.ErrClosed
	}
}

func (q *queue) Close() error { close(q.end); return nil }

func (*queue) Addr() net.Addr { return name("queue") }

// named is a connection whose end is noted.
type named struct {
	addressed
	ended func(address string)
}

func (n named) Close() error {
	n.ended(n.address)
	return nil
}

// TestTotal says which connections are open, wait and are closed when there are as many as there may be. A step names a connection by its address and
// port: + opens it, ! has it serve a request, . has it idle again, - closes it.
func TestTotal(t *testing.T) {
	cases := map[string]struct {
		reason string
		steps  string
		// open are the connections that are accepted and open in the end, closed those that the listener has closed.
		open, closed string
	}{
		"Room":     {steps: "+1.1.1.1:1 +1.1.1.1:2 +1.1.1.1:3", open: "1.1.1.1:1 1.1.1.1:2 1.1.1.1:3"},
		"Active":   {steps: "+1.1.1.1:1 !1.1.1.1:1 +1.1.1.1:2 !1.1.1.1:2 +1.1.1.1:3 !1.1.1.1:3 +2.2.2.2:1", open: "1.1.1.1:1 1.1.1.1:2 1.1.1.1:3"},
		"MadeRoom": {steps: "+1.1.1.1:1 !1.1.1.1:1 +1.1.1.1:2 !1.1.1.1:2 +1.1.1.1:3 !1.1.1.1:3 +2.2.2.2:1 -1.1.1.1:2", open: "1.1.1.1:1 1.1.1.1:3 2.2.2.2:1"},
		"BecomesIdle": {
			steps: "+1.1.1.1:1 !1.1.1.1:1 +1.1.1.1:2 !1.1.1.1:2 +1.1.1.1:3 !1.1.1.1:3 +2.2.2.2:1 .1.1.1.1:2",
			open:  "1.1.1.1:1 1.1.1.1:3 2.2.2.2:1", closed: "1.1.1.1:2",
		},
		"OldestIdle":  {steps: "+1.1.1.1:1 +1.1.1.1:2 +1.1.1.1:3 +2.2.2.2:1", open: "1.1.1.1:2 1.1.1.1:3 2.2.2.2:1", closed: "1.1.1.1:1"},
		"LongestIdle": {steps: "+1.1.1.1:1 +1.1.1.1:2 +1.1.1.1:3 .1.1.1.1:1 +2.2.2.2:1", open: "1.1.1.1:1 1.1.1.1:3 2.2.2.2:1", closed: "1.1.1.1:2"},
		"OfTheMost":   {steps: "+3.3.3.3:1 +1.1.1.1:1 +1.1.1.1:2 +2.2.2.2:1", open: "1.1.1.1:2 2.2.2.2:1 3.3.3.3:1", closed: "1.1.1.1:1"},
		"OfTheMostIdle": {
			reason: "A request is not broken off while others are idle.",
			steps:  "+3.3.3.3:1 +1.1.1.1:1 !1.1.1.1:1 +1.1.1.1:2 !1.1.1.1:2 +2.2.2.2:1", open: "1.1.1.1:1 1.1.1.1:2 2.2.2.2:1", closed: "3.3.3.3:1",
		},
		"Own": {steps: "+1.1.1.1:1 +1.1.1.1:2 +2.2.2.2:1 +1.1.1.1:3", open: "1.1.1.1:2 1.1.1.1:3 2.2.2.2:1", closed: "1.1.1.1:1"},
		"OwnAreActive": {
			reason: "One that has no right to a place keeps nobody waiting.",
			steps:  "+1.1.1.1:1 !1.1.1.1:1 +1.1.1.1:2 !1.1.1.1:2 +2.2.2.2:1 +1.1.1.1:3 +3.3.3.3:1", open: "1.1.1.1:1 1.1.1.1:2 3.3.3.3:1", closed: "1.1.1.1:3 2.2.2.2:1",
		},
		"Proxy":    {steps: "+9.9.9.9:1 +9.9.9.9:2 +1.1.1.1:1 +2.2.2.2:1", open: "2.2.2.2:1 9.9.9.9:1 9.9.9.9:2", closed: "1.1.1.1:1"},
		"OfAProxy": {steps: "+9.9.9.9:1 +9.9.9.9:2 +1.1.1.1:1 +9.9.9.9:3", open: "9.9.9.9:1 9.9.9.9:2 9.9.9.9:3", closed: "1.1.1.1:1"},
		"Proxies":  {steps: "+9.9.9.9:1 +9.9.9.9:2 +9.9.9.9:3 +1.1.1.1:1", open: "9.9.9.9:1 9.9.9.9:2 9.9.9.9:3"},
		"Network":  {steps: "+[2001:db8::1]:1 +[2001:db8::2]:1 +3.3.3.3:1 +2.2.2.2:1", open: "2.2.2.2:1 3.3.3.3:1 [2001:db8::2]:1", closed: "[2001:db8::1]:1"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				incoming := &queue{incoming: make(chan net.Conn, 10), end: make(chan struct{})}
				var mu sync.Mutex
				var closed []string
				refused, counted := 0, 0
				count := func(to *int, change int) {
					mu.Lock()
					defer mu.Unlock()
					*to += change
				}
				ended := func(address string) {
					mu.Lock()
					defer mu.Unlock()
					closed = append(closed, address)
				}
				l := Listen(incoming, Options{
					Total: 3, Exempt: []netip.Prefix{netip.MustParsePrefix("9.9.9.9/32")},
					Opened: func(change int) { count(&counted, change) }, Refused: func(string) { count(&refused, 1) },
				})
				open := map[string]net.Conn{}
				go func() {
					for c, err := l.Accept(); err == nil; c, err = l.Accept() {
						mu.Lock()
						open[c.RemoteAddr().String()] = c
						mu.Unlock()
					}
				}()
				for step := range strings.FieldsSeq(tc.steps) {
					switch address := step[1:]; step[0] {
					case '+':
						incoming.incoming <- named{addressed{address: address}, ended}
					case '!':
						Note(open[address], http.StateActive)
					case '.':
						Note(open[address], http.StateIdle)
					case '-':
						c := open[address]
						delete(open, address) // Before the place is another's, which is added to open.
						_ = c.Close()
					}
					synctest.Wait()
					if step[0] == '-' {
						closed = nil // Its client has closed it.
					}
				}
				for _, address := range closed {
					delete(open, address)
				}
				got := strings.Join(slices.Sorted(maps.Keys(open)), " ")
				gone := strings.Join(slices.Sorted(slices.Values(closed)), " ")
				if got != tc.open || gone != tc.closed || refused != len(closed) || counted != 3 {
					t.Errorf("\n%s\n%d are counted, %d as refused; open and closed: -want, +got:\n%s", tc.reason, counted, refused,
						cmp.Diff([]string{tc.open, tc.closed}, []string{got, gone}))
				}
				_ = l.Close()
			})
		})
	}
}

// TestForgetsAddresses says that nothing is kept of an address without connections.
func TestForgetsAddresses(t *testing.T) {
	t.Parallel()
	incoming, closed := &queue{incoming: make(chan net.Conn, 10), end: make(chan struct{})}, []string{}
	l := Listen(incoming, Options{PerAddress: 1})
	for _, address := range []string{"192.0.2.1:1", "[2001:db8::1]:1", "192.0.2.1:2"} {
		incoming.incoming <- named{addressed{address: address}, func(address string) { closed = append(closed, address) }}
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		_ = c.Close()
		_ = c.Close() // net/http closes some connections twice.
	}
	if known, ok := l.(*listener); !ok || len(known.open) > 0 || known.total != 0 {
		t.Errorf("kept: %v", l)
	}
}
