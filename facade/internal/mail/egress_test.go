package mail

import (
	"context"
	"fmt"
	"net/netip"
	"testing"

	"github.com/berth-dev/berth/internal/egress"
)

// TestPorts says that a domain's server is connected to at ports of mail alone, and the platform's at its own.
func TestPorts(t *testing.T) {
	t.Parallel()
	s := startServer(t, serverOptions{})
	sender := newSender(t, s, loopback)
	sender.egress.Ports = []uint16{25, 587}
	want400(t, sender.Test(t.Context(), "cowork", to, settings(s), domain), []string{"email_port"}, "at the ports 25, 587 only, not at "+fmt.Sprint(s.port))
	inside := settings(s, func(s *Settings) { s.Host = "10.0.0.1" })
	want400(t, sender.Test(t.Context(), "cowork", to, inside, domain), []string{"email_port"}, "25, 587")
	if n := s.connections.Load(); n > 0 {
		t.Errorf("%d connections", n)
	}
	if err := sender.Test(t.Context(), "cowork", to, settings(s, func(s *Settings) { s.Platform = true }), domain); err != nil {
		t.Error(err)
	}
	sender.egress.Ports = append(sender.egress.Ports, uint16(s.port))
	if err := sender.Test(t.Context(), "cowork", to, settings(s), domain); err != nil {
		t.Error(err)
	}
}

// TestDeniedNetworks says that public addresses of the platform are told in the words of those that nobody has.
func TestDeniedNetworks(t *testing.T) {
	t.Parallel()
	s := startServer(t, serverOptions{})
	node := []netip.Prefix{netip.MustParsePrefix("9.9.9.9/32"), netip.MustParsePrefix("2620:fe::/64")}
	for name, options := range map[string]egress.Options{
		"Configured": {Denied: node},
		"Nodes":      {Platform: func(context.Context) ([]netip.Prefix, error) { return node, nil }},
	} {
		for _, address := range []string{"9.9.9.9", "2620:fe::9"} {
			t.Run(name+" "+address, func(t *testing.T) {
				t.Parallel()
				sender := newSender(t, s)
				sender.egress = options
				err := sender.Test(t.Context(), "cowork", to, settings(s, func(s *Settings) { s.Host = address }), domain)
				want400(t, err, []string{"email_host"}, "with a public address")
			})
		}
	}
}
