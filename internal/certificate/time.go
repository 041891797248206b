package certificate

import "time"

// Serves tells whether clients would take the leaf for the host's at this time. It asks for less than Arrange: only for what time or
// another host can take away from a chain that was checked, or that an authority made.
func (c Chain) Serves(host string, now time.Time) bool {
	leaf := c.Leaf()
	return leaf.VerifyHostname(host) == nil && !now.After(leaf.NotAfter) && !now.Before(leaf.NotBefore)
}

// NotAfter is when a chain that is in order ends: with the leaf, or with its issuer. Of roots, clients have their own, and any other certificate that
// has expired is left out.
func (c Chain) NotAfter() time.Time {
	end := c.Leaf().NotAfter
	if len(c) > 1 && !isRoot(c[1]) && c[1].NotAfter.Before(end) {
		end = c[1].NotAfter
	}
	return end
}

// NextChange is when one of the certificates next becomes valid or ends, or zero if none ever does after now.
func (c Chain) NextChange(now time.Time) time.Time {
	var next time.Time
	for _, certificate := range c {
		for _, t := range []time.Time{certificate.NotBefore, certificate.NotAfter} {
			if t.After(now) && (next.IsZero() || t.Before(next)) {
				next = t
			}
		}
	}
	return next
}
