// Package egress connects to servers that tenants name, and to none inside the platform.
package egress

import (
	"context"
	"errors"
	"net"
	"net/netip"

	"code.dny.dev/ssrf"
)

// Options say which addresses may be connected to in addition to public ones, and which of these may not.
type Options struct {
	// Allowed are private networks that may be connected to.
	Allowed []netip.Prefix
	// Denied are public networks that may not be connected to.
	Denied []netip.Prefix
	// Resolver looks hostnames up. Nil: the system's.
	Resolver *net.Resolver
}

// Dialer connects to public addresses alone.
type Dialer struct{ dialer net.Dialer }

// New returns a Dialer.
func New(o Options) *Dialer {
	allowed4, allowed6 := byFamily(o.Allowed)
	denied4, denied6 := byFamily(o.Denied)
	guard := ssrf.New(ssrf.WithAnyPort(), ssrf.WithAllowedV4Prefixes(allowed4...), ssrf.WithAllowedV6Prefixes(allowed6...),
		ssrf.WithDeniedV4Prefixes(denied4...), ssrf.WithDeniedV6Prefixes(denied6...))
	// Each address is checked when it is about to be connected to, after its hostname was resolved: a DNS answer that changes in between changes
	// nothing.
	return &Dialer{dialer: net.Dialer{Resolver: o.Resolver, Control: guard.Safe}}
}

// DialContext connects to HOST:PORT. IsProhibited tells the error about an address that may not be connected to.
func (d *Dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if _, err := netip.ParseAddr(host); err != nil && host != "" && host[len(host)-1] != '.' {
		host += "." // Without the dot, the search domains of the cluster would be tried first.
	}
	return d.dialer.DialContext(ctx, network, net.JoinHostPort(host, port))
}

// IsProhibited reports whether an error is about an address that may not be connected to.
func IsProhibited(err error) bool { return errors.Is(err, ssrf.ErrProhibitedIP) }

func byFamily(networks []netip.Prefix) (v4, v6 []netip.Prefix) {
	for _, network := range networks {
		if network.Addr().Is4() {
			v4 = append(v4, network)
		} else {
			v6 = append(v6, network)
		}
	}
	return v4, v6
}
