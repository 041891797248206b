package verification

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
)

// Resolver looks up TXT records. The strings of one record are joined.
type Resolver interface {
	LookupTXT(ctx context.Context, name string) ([]string, error)
}

// NewResolver returns a Resolver that asks a DNS server, host:port, or the system's if it is empty.
func NewResolver(server string) Resolver {
	if server == "" {
		return net.DefaultResolver
	}
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, server)
	}}
}

// RecordType is the type of the record that proves who owns a host.
const RecordType = "TXT"

// RecordName returns the name of the record that proves who owns a host.
func RecordName(host string) string { return "_berth-challenge." + host }

// noAnswer is the problem of a lookup that took too long.
const noAnswer = "no answer in time"

const (
	// shownValues is how many values of a record are shown, and shownLength how long each.
	shownValues = 3
	shownLength = 64
)

// lookUp reports whether one of the records for a host holds the token.
func lookUp(ctx context.Context, r Resolver, host, token string) Finding {
	values, err := r.LookupTXT(ctx, RecordName(host)+".") // The dot keeps the cluster's search domains out.
	if err != nil {
		return failed(ctx, err)
	}
	for i := range values {
		values[i] = strings.TrimSpace(values[i])
	}
	slices.Sort(values)
	switch {
	case len(values) == 0:
		return Finding{State: Missing}
	case slices.Contains(values, token):
		return Finding{State: Proven}
	}
	return Finding{State: Different, Values: shown(values)}
}

// failed says what came of a lookup that gave no answer. It names no server and no port, which may be others each time, so it doesn't repeat
// what the resolver says.
func failed(ctx context.Context, err error) Finding {
	problem, ok := errors.AsType[*net.DNSError](err)
	switch {
	case ok && problem.IsNotFound:
		return Finding{State: Missing}
	case ctx.Err() != nil, ok && problem.IsTimeout:
		return Finding{State: Failed, Problem: noAnswer}
	default:
		return Finding{State: Failed, Problem: "the name servers can't be reached, or answer with an error"}
	}
}

// shown returns what a person is to see of values that anybody may have written.
func shown(values []string) []string {
	values = slices.Compact(values)
	short := make([]string, 0, shownValues)
	for _, value := range values[:min(len(values), shownValues)] {
		if len(value) > shownLength {
			value = strings.ToValidUTF8(value[:shownLength], "") + "…"
		}
		short = append(short, value)
	}
	return short
}
