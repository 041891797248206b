package profile

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/berth-dev/berth/facade/internal/signin"
	"github.com/berth-dev/berth/facade/internal/wire"
	"github.com/berth-dev/berth/internal/apikey"
)

// indexView is the page with a person's organizations.
type indexView struct {
	// Role is what the person is in every organization; empty if that differs.
	Role string
	// Notice says what was just done; may be empty.
	Notice string
	// Query is what organizations are searched by, and Search whether there are enough to search.
	Query  string
	Search bool
	// Filter selects and sorts the keys. Sift shows the form for it.
	Filter keyFilter
	Sift   bool
	// Organizations are those that are shown with their keys.
	Organizations []organizationView
	// Links are the organizations of this page of many, in place of Organizations.
	Links wire.Page[linkView]
	// Others are keys of the person's that hold in none of their organizations.
	Others []keyView
}

// linkView is one of many organizations.
type linkView struct {
	Name, Role string
}

// organizationView is an organization with the keys that a person may see.
type organizationView struct {
	Name, Role string
	// All is false if the person sees their own keys alone.
	All  bool
	Keys []keyView
	// Apps are the slugs of its apps, if the person may list them.
	Apps []string
	// Roles are those that the person may give to a new key; none if they may make no key.
	Roles    []apikey.Role
	Expiries []choice
	// Expiry is the one of Expiries that the form has at first.
	Expiry string
	// Full says why there is no room for another key, and what to do; empty if there is.
	Full string
	// Form is what the form carries that makes a key.
	Form string
	// Open shows that form at once.
	Open bool
}

// keyView is a key, and what the person may do to it.
type keyView struct {
	apikey.Key
	// Ends is when it stops working; zero for never.
	Ends time.Time
	// Over is true if it has stopped working, and Replaced if another one is there for it.
	Over, Replaced bool
	// Dormant is true if it does not work until its owner signs in again.
	Dormant bool
	// ReplacedBy is the id of the key that is there for it; empty if there is none, or the person may not see it.
	ReplacedBy string
	// UsedFrom and UsedUntil are the time in which it was used last, as closely as that is known.
	UsedFrom, UsedUntil time.Time
	// Mine is true if it is the person's own.
	Mine bool
	// Elsewhere are the organizations that it holds in beside the one that it is shown under.
	Elsewhere            []string
	MayRevoke, MayRotate bool
	// Under is the organization that it is shown under, if any; Excluded whether that excludes it, and MayExclude whether the person may have it do so.
	Under                string
	Excluded, MayExclude bool
}

// Used tells whether the key was used at all.
func (k keyView) Used() bool { return !k.LastUsed.IsZero() }

// roleIn says what a person is in an organization.
func roleIn(person signin.Person, organization string) string {
	var words []string
	for _, role := range person.Memberships()[organization] {
		words = append(words, string(role))
	}
	if person.Host() {
		words = append(words, "host staff")
	}
	return strings.Join(words, ", ")
}

// organizationView shows an organization.
func (p *Pages) organizationView(ctx context.Context, r *rights, name string) (organizationView, error) {
	view := organizationView{Name: name, Role: roleIn(r.person, name), Expiries: expiriesWithin(p.options.MaxLife)}
	view.Expiry = preselected(view.Expiries)
	var err error
	if view.All, err = r.may(ctx, "list", "", name); err != nil {
		return view, err
	}
	if view.Roles, err = r.grantable(ctx, name); err != nil {
		return view, err
	}
	if len(view.Roles) > 0 {
		view.Full = p.full(r.person, name)
	}
	mayListApps, err := r.mayListApps(ctx, name)
	if err != nil {
		return view, err
	}
	if mayListApps {
		view.Apps = p.options.Store.Slugs(name)
	}
	for _, key := range slices.Backward(p.options.Store.Keys(name)) { // The newest first.
		if !view.All && !r.person.Owns(key) {
			continue
		}
		shown, err := p.keyView(ctx, r, key, name)
		if err != nil {
			return view, err
		}
		view.Keys = append(view.Keys, shown)
	}
	nameSuccessors(view.Keys)
	return view, nil
}

// nameSuccessors says of each key which of the others replaces it.
func nameSuccessors(keys []keyView) {
	successors := map[string]string{}
	for _, key := range keys {
		successors[key.Replaces] = key.ID
	}
	for i := range keys {
		keys[i].ReplacedBy = successors[keys[i].ID]
	}
}

// usedWithin returns the time in which a key was used last. What is noted of that is the hour: it isn't before the key was made, and it is over.
func usedWithin(key apikey.Key, now time.Time) (from, until time.Time) {
	from, until = key.LastUsed, key.LastUsed.Add(apikey.LastUsedPrecision)
	if made := key.Created.Time; made.After(from) && made.Before(until) {
		from = made
	}
	if now.Before(until) && now.After(from) {
		until = now
	}
	return from.Truncate(time.Minute), until.Truncate(time.Minute)
}

// keyView shows a key under one of its organizations, or under none.
func (p *Pages) keyView(ctx context.Context, r *rights, key apikey.Key, under string) (keyView, error) {
	now := p.options.Now()
	view := keyView{Key: key, Ends: key.End(), Over: key.Expired(now), Replaced: !key.Retires.IsZero(), Mine: r.person.Owns(key)}
	view.Dormant = !view.Over && p.options.Store.Dormant(key)
	view.UsedFrom, view.UsedUntil = usedWithin(key, now)
	view.Elsewhere = slices.DeleteFunc(slices.Clone(key.Organizations), func(name string) bool { return name == under })
	view.Under, view.Excluded = under, p.options.Store.Excluded(under, key.ID)
	var err error
	if view.MayExclude, err = r.mayExclude(ctx, key, under); err != nil {
		return view, err
	}
	if view.MayRevoke, err = r.mayRevoke(ctx, key); err != nil || !rotatable(key, now) {
		return view, err
	}
	view.MayRotate, err = r.mayRotate(ctx, p.options.Store.WithoutExclusions(key))
	return view, err
}

// rotatable tells whether a key can be replaced: it works, and there is none yet that replaces it.
func rotatable(key apikey.Key, now time.Time) bool { return !key.Expired(now) && key.Retires.IsZero() }
