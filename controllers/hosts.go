package controllers

import (
	"cmp"
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/desired"
	"github.com/berth-dev/berth/controllers/internal/phase"
)

// claim is who asks for a host. A Domain that names an App and that App's own default host asks on the App's behalf.
type claim struct {
	kind, namespace, name string
}

func claimOf(app *v1alpha1.App) claim {
	return claim{kind: "App", namespace: app.GetNamespace(), name: app.GetName()}
}

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

// hostOwner returns whose a host is: of the object that has it, as the URL in its status says, or else of the oldest that asks for it, and
// of two of the same second, of the first by Namespace and name. Age alone would let an old Domain take any host by asking for it one day.
//
// Of two that took the host at the same moment, neither seeing the other, the older one keeps it: a new URL wakes all that ask for its
// host.
func (s sites) hostOwner(ctx context.Context, host string) (claim, error) {
	var apps v1alpha1.AppList
	if err := indexed(ctx, s.client, &apps, metav1.NamespaceAll, indexHost, host); err != nil {
		return claim{}, err
	}
	var domains v1alpha1.DomainList
	if err := indexed(ctx, s.client, &domains, metav1.NamespaceAll, indexHost, host); err != nil {
		return claim{}, err
	}
	var first metav1.Object
	var firstHas bool
	var owner claim
	consider := func(o metav1.Object, url string, c claim) {
		has := url == desired.URL(host)
		if first == nil || has && !firstHas || has == firstHas && older(o, first) {
			first, firstHas, owner = o, has, c
		}
	}
	for i := range apps.Items {
		app := &apps.Items[i]
		consider(app, app.Status.URL, claimOf(app))
	}
	for i := range domains.Items {
		d := &domains.Items[i]
		consider(d, d.Status.URL, s.claimOfDomain(d))
	}
	return owner, nil
}

func older(a, b metav1.Object) bool {
	return cmp.Or(
		a.GetCreationTimestamp().Compare(b.GetCreationTimestamp().Time),
		cmp.Compare(a.GetNamespace(), b.GetNamespace()),
		cmp.Compare(a.GetName(), b.GetName()),
	) < 0
}

// hostConflict doesn't say who has the host: it may be another organization.
func hostConflict(host string) error {
	return phase.Stall(v1alpha1.ReasonHostConflict, "Another App or Domain has the host %s, since it asked for it before.", host)
}
