package mail

import (
	"context"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// rebindingDNS is a DNS server that answers each question for an address with the next of its answers, and then with the last for ever.
type rebindingDNS struct {
	answers []netip.Addr
	asked   atomic.Int32
}

// start serves on loopback and returns a resolver that asks there alone.
func (d *rebindingDNS) start(t *testing.T) *net.Resolver {
	t.Helper()
	connection, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	go func() {
		buffer := make([]byte, 1500)
		for {
			n, from, err := connection.ReadFrom(buffer)
			if err != nil {
				return
			}
			if answer, ok := d.answer(buffer[:n]); ok {
				_, _ = connection.WriteTo(answer, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", connection.LocalAddr().String())
	}}
}

func (d *rebindingDNS) answer(question []byte) ([]byte, bool) {
	var message dnsmessage.Message
	if message.Unpack(question) != nil || len(message.Questions) != 1 {
		return nil, false
	}
	message.Response, message.Additionals = true, nil
	if q := message.Questions[0]; q.Type == dnsmessage.TypeA {
		n := int(d.asked.Add(1)) - 1
		message.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET},
			Body:   &dnsmessage.AResource{A: d.answers[min(n, len(d.answers)-1)].As4()},
		}}
	}
	packed, err := message.Pack()
	return packed, err == nil
}
