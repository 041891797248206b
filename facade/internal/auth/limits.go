package auth

import (
	"net/netip"

	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/limit"
)

// Limits bound how often requests are let through. They are there against load and noise, and so that no client starves the others: a key has
// 238 random bits, which nobody guesses however often they try. So whoever has a valid key is served, whatever others do behind the same
// address, and an address is never locked out.
type Limits struct {
	// Failures limits the requests without a valid key, also those without any, by the address that they come from; nil for no limit.
	Failures *limit.Limiter
	// Keys limits the requests with a valid key, by the key; nil for no limit.
	Keys *limit.Limiter
}

// refusal is the answer to a request without a valid key from an address: the 401, or the 429 if there have been too many.
func (l Limits) refusal(address string) error {
	if wait := l.Failures.Take(Network(address)); wait > 0 {
		return apierr.TooManyRequests(wait)
	}
	return apierr.Unauthorized()
}

// allow is nil if a key may be used once more, and the 429 if it has been too often.
func (l Limits) allow(key string) error {
	if wait := l.Keys.Take(key); wait > 0 {
		return apierr.TooManyRequests(wait)
	}
	return nil
}

// Network is what an address is counted under: itself, or its /64 for IPv6, which is the least that a customer of a provider is given.
func Network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	if ip = ip.Unmap(); ip.Is4() {
		return ip.String()
	}
	return netip.PrefixFrom(ip.WithZone(""), 64).Masked().String()
}
