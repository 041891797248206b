package profile

import (
	"context"

	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/auth"
	"github.com/berth-dev/berth/facade/internal/signin"
	"github.com/berth-dev/berth/internal/apikey"
)

// roles are those that keys can be made with here, the lesser one first. Keys of host staff are made by administrators alone.
var roles = []apikey.Role{apikey.RoleContributor, apikey.RoleManager}

// rights are what a person may do, as far as it was asked while a request is served.
type rights struct {
	reviewer Reviewer
	person   signin.Person
	known    map[auth.Action]bool
}

func (p *Pages) rights(person signin.Person) *rights {
	return &rights{reviewer: p.options.Reviewer, person: person, known: map[auth.Action]bool{}}
}

// may tells whether the person may do verb (list, create, delete) to the API keys of an organization. The name of one to create is the role that
// it is to have; otherwise there is none.
func (r *rights) may(ctx context.Context, verb, name, organization string) (bool, error) {
	return r.ask(ctx, auth.Action{Verb: verb, Resource: "apikeys", Organization: organization, Name: name})
}

// mayListApps reports whether the person has the right to list the apps of an organization.
func (r *rights) mayListApps(ctx context.Context, organization string) (bool, error) {
	return r.ask(ctx, auth.Action{Verb: "list", Resource: "apps", Organization: organization})
}

// ask asks the reviewer about an action once per request.
func (r *rights) ask(ctx context.Context, action auth.Action) (bool, error) {
	if yes, asked := r.known[action]; asked {
		return yes, nil
	}
	yes, err := r.reviewer.May(ctx, r.person, action)
	if err == nil {
		r.known[action] = yes
	}
	return yes, err
}

// everywhere tells whether the person may do it in each organization of a key. A key of host staff holds in none of them by name, and nobody has
// a right to it by its organizations.
func (r *rights) everywhere(ctx context.Context, verb, name string, key apikey.Key) (bool, error) {
	for _, organization := range key.Organizations {
		if yes, err := r.may(ctx, verb, name, organization); err != nil || !yes {
			return false, err
		}
	}
	return len(key.Organizations) > 0, nil
}

// maySee tells whether the person may know of a key: it is theirs, or they may list those of one of its organizations.
func (r *rights) maySee(ctx context.Context, key apikey.Key) (bool, error) {
	if r.person.Owns(key) {
		return true, nil
	}
	for _, organization := range key.Organizations {
		if yes, err := r.may(ctx, "list", "", organization); err != nil || yes {
			return yes, err
		}
	}
	return false, nil
}

// mayRevoke tells whether the person may revoke a key: it is theirs, or they may delete the keys of each of its organizations.
func (r *rights) mayRevoke(ctx context.Context, key apikey.Key) (bool, error) {
	if r.person.Owns(key) {
		return true, nil
	}
	return r.everywhere(ctx, "delete", "", key)
}

// mayRotate tells whether the person may replace a key: it is theirs, since whoever is shown the new one could act in its owner's name, and they
// may make one like it. Without the latter, somebody who was a manager once could stay one for ever.
func (r *rights) mayRotate(ctx context.Context, key apikey.Key) (bool, error) {
	if !r.person.Owns(key) {
		return false, nil
	}
	return r.everywhere(ctx, "create", string(key.Role), key)
}

// grantable are the roles that the person may give to a key in an organization.
func (r *rights) grantable(ctx context.Context, organization string) ([]apikey.Role, error) {
	var granted []apikey.Role
	for _, role := range roles {
		yes, err := r.may(ctx, "create", string(role), organization)
		if err != nil {
			return nil, err
		}
		if yes {
			granted = append(granted, role)
		}
	}
	return granted, nil
}

// decided is nil if the answer is yes, and the 403 if it is no.
func decided(yes bool, err error) error {
	if err == nil && !yes {
		return apierr.Forbidden()
	}
	return err
}
