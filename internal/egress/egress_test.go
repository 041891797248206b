package egress_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/egress"
)

// platform returns networks that the platform has at the moment.
func platform(networks ...string) func(context.Context) ([]netip.Prefix, error) {
	return func(context.Context) ([]netip.Prefix, error) {
		var all []netip.Prefix
		for _, n := range networks {
			all = append(all, netip.MustParsePrefix(n))
		}
		return all, nil
	}
}

func TestDialer(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	number := netip.MustParseAddrPort(listener.Addr().String()).Port()
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	cases := map[string]struct {
		host       string
		options    egress.Options
		connects   bool
		prohibited bool
		// prohibitedPort says that the port is, whatever the address.
		prohibitedPort bool
	}{
		"Loopback":        {host: "127.0.0.1", prohibited: true},
		"Loopback6":       {host: "::1", prohibited: true},
		"Mapped":          {host: "::ffff:127.0.0.1", prohibited: true},
		"Unspecified":     {host: "0.0.0.0", prohibited: true},
		"Metadata":        {host: "169.254.169.254", prohibited: true},
		"Metadata6":       {host: "fd00:ec2::254", prohibited: true},
		"Private":         {host: "10.96.0.1", prohibited: true},
		"Private172":      {host: "172.16.0.1", prohibited: true},
		"Private192":      {host: "192.168.0.1", prohibited: true},
		"CarrierGrade":    {host: "100.64.0.1", prohibited: true},
		"Translated":      {host: "64:ff9b::7f00:1", prohibited: true},
		"Denied":          {host: "9.9.9.9", options: egress.Options{Denied: []netip.Prefix{netip.MustParsePrefix("9.0.0.0/8")}}, prohibited: true},
		"Denied6":         {host: "2620:fe::9", options: egress.Options{Denied: []netip.Prefix{netip.MustParsePrefix("2620::/16")}}, prohibited: true},
		"Allowed":         {host: "127.0.0.1", options: egress.Options{Allowed: loopback}, connects: true},
		"AllowedAnd":      {host: "127.0.0.1", options: egress.Options{Allowed: loopback, Denied: loopback}, connects: true},
		"Platform":        {host: "9.9.9.9", options: egress.Options{Platform: platform("9.9.9.9/32")}, prohibited: true},
		"Platform6":       {host: "2620:fe::9", options: egress.Options{Platform: platform("192.0.2.1/32", "2620:fe::/64")}, prohibited: true},
		"PlatformAllowed": {host: "127.0.0.1", options: egress.Options{Allowed: loopback, Platform: platform("127.0.0.1/32")}, connects: true},
		"PlatformUnknown": {host: "9.9.9.9", options: egress.Options{Platform: func(context.Context) ([]netip.Prefix, error) {
			return nil, errors.New("no cache")
		}}},
		"Port":            {host: "127.0.0.1", options: egress.Options{Allowed: loopback, Ports: []uint16{25, number}}, connects: true},
		"OtherPort":       {host: "127.0.0.1", options: egress.Options{Allowed: loopback, Ports: []uint16{25, 465}}, prohibitedPort: true},
		"OtherPortInside": {host: "10.0.0.1", options: egress.Options{Ports: []uint16{25, 465}}, prohibitedPort: true},
		"AllowedNotOther": {host: "10.0.0.1", options: egress.Options{Allowed: loopback}, prohibited: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := egress.New(tc.options).DialContext(t.Context(), "tcp", net.JoinHostPort(tc.host, port))
			if err == nil {
				_ = c.SetDeadline(time.Now())
				_ = c.Close()
			}
			if got := err == nil; got != tc.connects {
				t.Errorf("connects: %t (%v), want %t", got, err, tc.connects)
			}
			if got := egress.IsProhibitedPort(err); got != tc.prohibitedPort {
				t.Errorf("error %v, prohibited port: %t, want %t", err, got, tc.prohibitedPort)
			}
			if got := egress.IsProhibited(err); got != tc.prohibited {
				t.Errorf("error %v, prohibited: %t, want %t", err, got, tc.prohibited)
			}
		})
	}
}
