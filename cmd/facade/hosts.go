package main

import (
	"cmp"
	"flag"
	"fmt"
	"slices"
	"strings"

	"github.com/berth-dev/berth/facade"
	"github.com/berth-dev/berth/internal/host"
)

// hostFlags say which hosts Domains can have. The operator has flags of the same names, which must have the same values.
type hostFlags struct {
	clusterDomain string
	reserved      domains
	verify        bool
}

// register makes the flags known.
func (f *hostFlags) register(set *flag.FlagSet) {
	f.clusterDomain = host.DefaultClusterDomain
	set.Func("cluster-domain", "the DNS `DOMAIN` of the cluster; no Domain can have a host in it (default "+host.DefaultClusterDomain+")",
		func(text string) (err error) {
			f.clusterDomain, err = host.ParseDomain(cmp.Or(text, host.DefaultClusterDomain))
			return err
		})
	set.Var(&f.reserved, "reserved-host", "a domain that no Domain can have, nor any name below it; repeat it, or use commas, for several")
	set.BoolVar(&f.verify, "verify-domains", false, "whether a Domain has a host outside of the base domain only with a proof of ownership, "+
		"unless its Organization says otherwise")
}

// options are what the flags say, with the host of the public URL.
func (f *hostFlags) options(publicURL string) (facade.Hosts, error) {
	public, err := host.OfURL(publicURL)
	if err != nil {
		return facade.Hosts{}, fmt.Errorf("--public-url: %w", err)
	}
	return facade.Hosts{Public: public, ClusterDomain: f.clusterDomain, Reserved: f.reserved, Verify: f.verify}, nil
}

// domains is a flag that holds normalized domains and can be repeated.
type domains []string

func (d *domains) String() string { return strings.Join(*d, ",") }

func (d *domains) Set(text string) error {
	for one := range strings.SplitSeq(text, ",") {
		if one = strings.TrimSpace(one); one == "" {
			continue
		}
		domain, err := host.ParseDomain(one)
		if err != nil {
			return err
		}
		if !slices.Contains(*d, domain) {
			*d = append(*d, domain)
		}
	}
	return nil
}
