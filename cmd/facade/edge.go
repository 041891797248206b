package main

import (
	"errors"
	"flag"
	"time"

	"github.com/berth-dev/berth/facade"
)

// registerEdge registers the flags that bound what is spent on clients that are not authenticated yet. The defaults fit into the memory limit of the
// Deployment, and leave room for many clients behind one address.
func registerEdge(set *flag.FlagSet, edge *facade.Edge) {
	const scope = "; 0 for any number; each replica counts by itself"
	set.IntVar(&edge.Connections, "max-connections", 4096,
		"how many connections may be open; each further one replaces an idle one, first of the address that has the most, or waits if none is idle"+scope)
	set.IntVar(&edge.ConnectionsPerAddress, "max-connections-per-address", 512,
		"how many connections an address, or a /64 of IPv6, may have open; more are closed at once; those of --trusted-proxy are not counted"+scope)
	set.IntVar(&edge.Requests, "max-requests", 3000,
		"how many requests may be under way until their answers are sent, a third of them for one address; more are broken off; followed logs do not count"+scope)
	set.Float64Var(&edge.AnonymousLines, "anonymous-log-rate", 10,
		"how many lines a second the log may have about requests without a valid API key, and those of keys that are used too often; a tenth for each "+
			"address or key; what is omitted is counted"+scope)
}

// registerHSTS registers the flag for the lifetime of Strict-Transport-Security.
func registerHSTS(set *flag.FlagSet, maxAge *time.Duration) {
	const year = 365 * 24 * time.Hour
	set.DurationVar(maxAge, "hsts-max-age", year, "for how long browsers must use nothing but HTTPS for the host of the facade (Strict-Transport-Security); "+
		"0 sends no such header")
}

// checkEdge returns an error if a bound makes no sense.
func checkEdge(edge facade.Edge) error {
	if edge.Connections < 0 || edge.ConnectionsPerAddress < 0 || edge.Requests < 0 || edge.AnonymousLines < 0 {
		return errors.New("--max-connections, --max-connections-per-address, --max-requests and --anonymous-log-rate must not be negative")
	}
	// One address has a third of them.
	if edge.Requests == 1 || edge.Requests == 2 {
		return errors.New("--max-requests must be 0 or at least 3")
	}
	return nil
}
