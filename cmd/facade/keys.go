package main

import (
	"errors"
	"flag"

	"github.com/berth-dev/berth/facade"
	"github.com/berth-dev/berth/facade/apikey"
)

// registerKeys makes the flags of API keys known.
func registerKeys(set *flag.FlagSet, limits *facade.KeyLimits) {
	const scope = " at the same time, to be made on the profile page; 0 for any number"
	set.IntVar(&limits.PerOwner, "max-keys-per-owner", apikey.DefaultMaxPerOwner, "how many API keys one person may have"+scope)
	set.IntVar(&limits.PerOrganization, "max-keys-per-organization", apikey.DefaultMaxPerOrganization, "how many API keys an organization may have"+scope)
}

// checkKeys returns an error if a limit makes no sense.
func checkKeys(limits facade.KeyLimits) error {
	if limits.PerOwner < 0 || limits.PerOrganization < 0 {
		return errors.New("--max-keys-per-owner and --max-keys-per-organization must not be negative")
	}
	return nil
}
