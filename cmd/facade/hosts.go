package main

import (
	"flag"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

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
	set.StringVar(&f.clusterDomain, "cluster-domain", host.DefaultClusterDomain, "the DNS domain of the cluster; no Domain can have a host in it")
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
		if one = host.Normalize(strings.TrimSpace(one)); one == "" || slices.Contains(*d, one) {
			continue
		}
		if problems := validation.IsDNS1123Subdomain(one); len(problems) > 0 {
			return fmt.Errorf("%q is not a valid domain: %s", one, strings.Join(problems, "; "))
		}
		*d = append(*d, one)
	}
	return nil
}
