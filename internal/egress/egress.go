// Package egress connects to servers that tenants name, and to none inside the platform.
package egress

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"

	"code.dny.dev/ssrf"
)

// Options say which addresses may be connected to in addition to public ones, and which of these may not.
type Options struct {
	// Allowed are private networks that may be connected to. They take precedence over everything that is denied.
	Allowed []netip.Prefix
	// Denied are public networks that may not be connected to.
	Denied []netip.Prefix
	// Platform returns further networks that may not be connected to: those that the platform has at the moment, such as the addresses of its nodes.
	// Nil: there are none.
	Platform func(ctx context.Context) ([]netip.Prefix, error)
	// Ports are those that may be connected to. Empty: any.
	Ports []uint16
	// Resolver looks hostnames up. Nil: the system's.
	Resolver *net.Resolver
}

// Dialer connects to public addresses alone.
type Dialer struct {
	dialer   net.Dialer
	guard    *ssrf.Guardian
	allowed  []netip.Prefix
	platform func(ctx context.Context) ([]netip.Prefix, error)
}

// New returns a Dialer.
func New(o Options) *Dialer {
	allowed4, allowed6 := byFamily(o.Allowed)
	denied4, denied6 := byFamily(o.Denied)
	d := &Dialer{allowed: o.Allowed, platform: o.Platform}
	d.guard = ssrf.New(ssrf.WithPorts(o.Ports...), ssrf.WithAllowedV4Prefixes(allowed4...), ssrf.WithAllowedV6Prefixes(allowed6...),
		ssrf.WithDeniedV4Prefixes(denied4...), ssrf.WithDeniedV6Prefixes(denied6...))
	// Each address is checked when it is about to be connected to, after its hostname was resolved: a DNS answer that changes in between changes
	// nothing.
	d.dialer = net.Dialer{Resolver: o.Resolver, ControlContext: d.check}
	return d
}

// DialContext connects to HOST:PORT. IsProhibited and IsProhibitedPort tell the errors about an address and a port that may not be connected to.
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

// check returns an error if an address may not be connected to.
func (d *Dialer) check(ctx context.Context, network, address string, c syscall.RawConn) error {
	if err := d.guard.Safe(network, address, c); err != nil {
		return err
	}
	if d.platform == nil {
		return nil
	}
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if contains(d.allowed, to.Addr()) {
		return nil
	}
	networks, err := d.platform(ctx)
	if err != nil {
		return fmt.Errorf("read the addresses of the platform: %w", err)
	}
	if contains(networks, to.Addr()) {
		return fmt.Errorf("%w: it is the platform's", ssrf.ErrProhibitedIP)
	}
	return nil
}

// IsProhibited reports whether an error is about an address that may not be connected to.
func IsProhibited(err error) bool { return errors.Is(err, ssrf.ErrProhibitedIP) }

// IsProhibitedPort reports whether an error is about a port that may not be connected to.
func IsProhibitedPort(err error) bool { return errors.Is(err, ssrf.ErrProhibitedPort) }

func contains(networks []netip.Prefix, a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(a) })
}

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
