package controllers

import (
	"cmp"
	"context"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/desired"
	"github.com/berth-dev/berth/controllers/internal/phase"
)

// claim is who asks for a host.
type claim struct {
	kind, namespace, name string
}

func claimOf(app *v1alpha1.App) claim {
	return claim{kind: "App", namespace: app.GetNamespace(), name: app.GetName()}
}

// claimOfDomain returns on whose behalf a Domain wants a host: its own, or that of the App whose default host it is.
func (s sites) claimOfDomain(d *v1alpha1.Domain) claim {
	if s.mirrors(d) {
		return claim{kind: "App", namespace: d.GetNamespace(), name: d.Spec.AppRef.Name}
	}
	return claim{kind: "Domain", namespace: d.GetNamespace(), name: d.GetName()}
}

// mirrors reports whether the host of a Domain is the default host of the App that it names. The App serves it then.
func (s sites) mirrors(d *v1alpha1.Domain) bool {
	return d.Spec.Host == desired.Host(d.Spec.AppRef.Name, s.platform.BaseDomain)
}

// reserved reports whether a host is the platform's own, so that no Domain can have it, whatever Apps there are or will be.
func (s sites) reserved(d *v1alpha1.Domain) bool {
	return s.isPlatforms(d.Spec.Host) && !s.mirrors(d)
}

// isPlatforms reports whether a host is the base domain or lies below it.
func (s sites) isPlatforms(host string) bool {
	return host == s.platform.BaseDomain || strings.HasSuffix(host, "."+s.platform.BaseDomain)
}

// hostOwner returns whose a host is: of the object that has it, as the URL in its status says, or else of the oldest that asks for it, and
// of two of the same second, of the first by Namespace and name. Age alone would let an old Domain take any host by asking for it one day.
// Where proof is asked for, whoever has proven that the host is its own comes before the one that has it, and nobody else gets one.
//
// Below the base domain only Apps have hosts, and elsewhere only Domains. Of two that took the host at the same moment, neither seeing the
// other, the older one keeps it: a new URL wakes all that ask for its host.
func (s sites) hostOwner(ctx context.Context, host string) (claim, error) {
	first, err := s.firstClaimant(ctx, host)
	return first.claim, err
}

// firstClaimant returns the object whose a host is; the claim is empty if it is nobody's.
func (s sites) firstClaimant(ctx context.Context, host string) (claimant, error) {
	all, err := s.claimants(ctx, host)
	if err != nil {
		return claimant{}, err
	}
	var counting []claimant
	for _, c := range all {
		counts, err := s.counts(ctx, c)
		if err != nil {
			return claimant{}, err
		}
		if counts {
			counting = append(counting, c)
		}
	}
	if len(counting) == 0 {
		return claimant{}, nil
	}
	return slices.MinFunc(counting, before), nil
}

// claimants returns the Apps or Domains that ask for a host.
func (s sites) claimants(ctx context.Context, host string) ([]claimant, error) {
	var all []claimant
	if s.isPlatforms(host) {
		var apps v1alpha1.AppList
		if err := indexed(ctx, s.client, &apps, metav1.NamespaceAll, indexHost, host); err != nil {
			return nil, err
		}
		for i := range apps.Items {
			a := &apps.Items[i]
			all = append(all, claimant{Object: a, has: a.Status.URL == desired.URL(host), claim: claimOf(a)})
		}
		return all, nil
	}
	var domains v1alpha1.DomainList
	if err := indexed(ctx, s.client, &domains, metav1.NamespaceAll, indexHost, host); err != nil {
		return nil, err
	}
	for i := range domains.Items {
		d := &domains.Items[i]
		c := claimant{Object: d, has: d.Status.URL == desired.URL(host), proven: s.verifies && isProven(d), claim: s.claimOfDomain(d)}
		if !s.verifies || c.has || c.proven {
			all = append(all, c)
		}
	}
	return all, nil
}

// counts reports whether somebody who asks for a host may get or keep it. Outside of organizations nobody gets one, or a Namespace that is
// none could keep hosts from those that are; but who serves one already goes on.
func (s sites) counts(ctx context.Context, c claimant) (bool, error) {
	if c.has {
		return true, nil
	}
	err := s.client.Get(ctx, client.ObjectKey{Name: c.GetNamespace()}, &corev1.Namespace{}, client.DisableReadYourWritesConsistency)
	return err == nil, client.IgnoreNotFound(err)
}

// claimant is an object that asks for a host.
type claimant struct {
	metav1.Object
	// has says that it has the host already.
	has bool
	// proven says that its organization has proven to own the host, where that is asked for.
	proven bool
	claim  claim
}

// before compares two that ask for the same host by who gets it.
func before(a, b claimant) int {
	return cmp.Or(first(a.proven, b.proven), first(a.has, b.has), byAge(a, b))
}

// first compares two by what only one of them is.
func first(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	default:
		return 1
	}
}

// byAge compares two objects by age, and of two of the same second by Namespace and name.
func byAge(a, b metav1.Object) int {
	return cmp.Or(
		a.GetCreationTimestamp().Compare(b.GetCreationTimestamp().Time),
		cmp.Compare(a.GetNamespace(), b.GetNamespace()),
		cmp.Compare(a.GetName(), b.GetName()),
	)
}

func older(a, b metav1.Object) bool { return byAge(a, b) < 0 }

// hostConflict doesn't say who has the host: it may be another organization.
func hostConflict(host string) error {
	return phase.Stall(v1alpha1.ReasonHostConflict, "Another App or Domain has the host %s, since it asked for it before.", host)
}

// hostReserved says why a Domain can't have a host of the platform's.
func (s sites) hostReserved(host string) error {
	return phase.Stall(v1alpha1.ReasonHostReserved,
		"The host %s is the platform's own: of %s and all below it, a Domain can only have the default host of the App that it names.",
		host, s.platform.BaseDomain)
}
