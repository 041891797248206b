package apikey

import (
	"fmt"
	"slices"
	"time"
)

// Defaults of Limits.
const (
	DefaultMaxPerOwner        = 20
	DefaultMaxPerOrganization = 200
	DefaultMaxLife            = 365 * 24 * time.Hour
)

// KeepEnded is how long a key that has ended is kept, so that lists still show it.
const KeepEnded = 30 * 24 * time.Hour

// Limits bound the API keys that work at the same time, and how long each of them lives. Keys that have ended do not count. Nor do keys that another one
// replaces, of which there may be as many again: a rotation is possible at the limit. The zero value has no limits.
type Limits struct {
	// PerOwner is the largest number of keys of one owner; 0 for any number.
	PerOwner int
	// PerOrganization is the largest number of keys that hold in one organization; 0 for any number.
	PerOrganization int
	// Life is how long a key lives at most; 0 for any time. Keys that were made before are not concerned, their successors are.
	Life time.Duration
}

// LimitError is the error about a key that would exceed the limits.
type LimitError struct {
	// Organization is the one that has too many keys; empty if the owner has.
	Organization string
	// Limit is the number that it may have.
	Limit int
	// Replaced is true if it is the keys that others replace which are too many.
	Replaced bool
}

// Error names the limit.
func (e *LimitError) Error() string {
	holder, which := "the owner", "API keys"
	if e.Organization != "" {
		holder = "organization " + e.Organization
	}
	if e.Replaced {
		which = "API keys that are replaced and still work"
	}
	return fmt.Sprintf("%s has the maximum of %d %s", holder, e.Limit, which)
}

// Check returns a *LimitError if a key exceeds the limits beside others. Its own earlier state among the others does not count.
func (l Limits) Check(key Key, others []Key, now time.Time) error {
	return l.check(key, others, func(other Key) bool { return !other.Expired(now) && other.Retires.IsZero() }, false)
}

// CheckReplaced returns a *LimitError if there are too many replaced keys beside a key that is to be replaced and to work on for a while.
func (l Limits) CheckReplaced(key Key, others []Key, now time.Time) error {
	return l.check(key, others, func(other Key) bool { return !other.Expired(now) && !other.Retires.IsZero() }, true)
}

func (l Limits) check(key Key, others []Key, counts func(Key) bool, replaced bool) error {
	counted := slices.DeleteFunc(slices.Clone(others), func(other Key) bool { return other.ID == key.ID || !counts(other) })
	if l.PerOwner > 0 && number(counted, key.SameHolder) >= l.PerOwner {
		return &LimitError{Limit: l.PerOwner, Replaced: replaced}
	}
	for _, organization := range key.Organizations {
		holdsHere := func(other Key) bool { return slices.Contains(other.Organizations, organization) }
		if l.PerOrganization > 0 && number(counted, holdsHere) >= l.PerOrganization {
			return &LimitError{Organization: organization, Limit: l.PerOrganization, Replaced: replaced}
		}
	}
	return nil
}

func number(keys []Key, is func(Key) bool) (n int) {
	for _, key := range keys {
		if is(key) {
			n++
		}
	}
	return n
}
