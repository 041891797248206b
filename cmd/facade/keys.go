package main

import (
	"errors"
	"flag"
	"time"

	"github.com/berth-dev/berth/internal/apikey"
)

// registerKeys makes the flags of API keys known.
func registerKeys(set *flag.FlagSet, f *flags) {
	limits := &f.keys
	const scope = " at the same time, to be made on the profile page; 0 for any number"
	set.IntVar(&limits.PerOwner, "max-keys-per-owner", apikey.DefaultMaxPerOwner, "how many API keys one person may have"+scope)
	set.DurationVar(&limits.Life, "max-key-life", apikey.DefaultMaxLife,
		"how long an API key lives at most that is made on the profile page; 0 for any time. The annotation berth.dev/max-key-life of the Namespace "+
			"says the same to an admission policy")
	set.DurationVar(&f.keyOwnerSeen, "key-owner-seen", 90*24*time.Hour, "within which time the person who has made an API key on the profile page has to have "+
		"signed in for the key to work; 0 for any time. It does not concern keys of berthctl")
	set.IntVar(&limits.PerOrganization, "max-keys-per-organization", apikey.DefaultMaxPerOrganization, "how many API keys an organization may have"+scope)
}

// checkKeys returns an error if a limit makes no sense.
func checkKeys(f *flags) error {
	limits := f.keys
	if f.keyOwnerSeen < 0 || f.keyOwnerSeen > 0 && f.keyOwnerSeen < apikey.SeenPrecision {
		return errors.New("--key-owner-seen must be 0 or at least 24h")
	}
	if limits.Life < 0 || limits.Life > 0 && limits.Life < time.Minute {
		return errors.New("--max-key-life must be 0 or at least 1m")
	}
	if limits.PerOwner < 0 || limits.PerOrganization < 0 {
		return errors.New("--max-keys-per-owner and --max-keys-per-organization must not be negative")
	}
	return nil
}
