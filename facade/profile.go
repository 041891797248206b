package facade

import (
	"context"
	"fmt"
	"time"

	"github.com/berth-dev/berth/facade/internal/auth"
	"github.com/berth-dev/berth/facade/internal/profile"
	"github.com/berth-dev/berth/facade/internal/signin"
	"github.com/berth-dev/berth/facade/internal/store"
	"github.com/berth-dev/berth/facade/internal/translate"
	"github.com/berth-dev/berth/internal/apikey"
)

// SignIn says how people sign in to see to their API keys. The zero value has nobody sign in.
type SignIn = signin.Options

// KeyLimits bound the API keys that work at the same time.
type KeyLimits = apikey.Limits

// GroupMap are the groups of Berth's that groups of the identity provider stand for.
type GroupMap = signin.GroupMap

// newPages makes the pages on which people see to their API keys.
func newPages(server Options, keys *store.Store, reviews *auth.Reviews) (*profile.Pages, error) {
	ofAPI := server.Limits.forAuth()
	pages := profile.Options{
		Store: keys, Reviewer: reviewer{reviews}, SignIns: ofAPI.Failures, Writes: ofAPI.Keys, MaxLife: server.KeyLimits.Life, Now: time.Now,
	}
	options := server.SignIn
	if options.Issuer == "" {
		return profile.New(pages), nil
	}
	if len(options.SessionKey) == 0 {
		server.Log.Warn("there is no session key, so this process has made one up: with several replicas nobody can sign in, and with one, sign-ins end with it",
			"remedy", "put 32 random bytes into the file of --session-key-file, in a cluster into the Secret berth-session under key, and restart the facade")
	}
	options.Ended = keys.SessionEnded
	var err error
	if pages.SignIn, err = signin.New(options); err != nil {
		return nil, fmt.Errorf("have people sign in: %w", err)
	}
	return profile.New(pages), nil
}

// forStore are the options of the store.
func (o Options) forStore(platform translate.Platform) store.Options {
	ownerSeen := o.KeyOwnerSeen
	if o.SignIn.Issuer == "" {
		ownerSeen = 0
	}
	return store.Options{
		Config: o.Config, KeysNamespace: o.KeysNamespace, FormerKeysNamespace: o.Namespace,
		Platform: platform, KeyLimits: o.KeyLimits, OwnerSeen: ownerSeen, VerifyDomains: o.Hosts.Verify, Log: o.Log,
	}
}

// reviewer asks about people what is asked about the holders of keys for a call.
type reviewer struct{ reviews *auth.Reviews }

// May reports whether a person has the right to an action.
func (r reviewer) May(ctx context.Context, person signin.Person, action auth.Action) (bool, error) {
	return r.reviews.May(ctx, auth.Principal{Owner: person.Address, User: person.User(), Groups: person.Groups}, action)
}
