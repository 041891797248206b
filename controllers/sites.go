package controllers

import (
	"cmp"
	"context"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	cmv1ac "github.com/cert-manager/cert-manager/pkg/client/applyconfigurations/certmanager/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/desired"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/controllers/internal/ssa"
	"github.com/berth-dev/berth/controllers/internal/status"
)

// sites makes host names lead to Apps: who has a host, its certificate and its route.
type sites struct {
	client   client.Client
	router   router
	platform desired.Platform
}

// router leads a host to a Service.
type router interface {
	// Route makes the host of a site lead to its Service. The owner takes the route with it when it goes.
	Route(ctx context.Context, owner metav1.Object, site desired.Site) error
	// Unroute takes the owner's route of a site away, if there is one.
	Unroute(ctx context.Context, owner metav1.Object, site desired.Site) error
}

func newSites(b base) sites {
	return sites{client: b.client, platform: b.platform, router: ingressRouter{client: b.client, platform: b.platform}}
}

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

// certify makes cert-manager get the certificate of a site, and the Secret that it is written to go with the owner.
func (s sites) certify(ctx context.Context, owner metav1.Object, site desired.Site, have *cmv1.Certificate) error {
	want := desired.Certificate(site, s.platform)
	if err := ssa.Apply(ctx, s.client, owner, want, have, cmv1ac.ExtractCertificate); err != nil {
		return err
	}
	return ssa.Adopt(ctx, s.client, owner, desired.CertificateSecret(site), &corev1.Secret{}, corev1ac.ExtractSecret)
}

// remove takes away the route of a site, its certificate and the key.
func (s sites) remove(ctx context.Context, owner metav1.Object, site desired.Site) error {
	if err := s.router.Unroute(ctx, owner, site); err != nil {
		return err
	}
	certificate := &cmv1.Certificate{ObjectMeta: metav1.ObjectMeta{Namespace: site.Namespace, Name: site.Name}}
	if err := ssa.Prune(ctx, s.client, owner, certificate); err != nil {
		return err
	}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: site.Namespace, Name: site.TLSSecret}}
	return ssa.Prune(ctx, s.client, owner, secret)
}

// certified says how far a certificate is.
func certified(c *cmv1.Certificate) status.Part {
	ready := certificateCondition(c, cmv1.CertificateConditionReady)
	issuing := certificateCondition(c, cmv1.CertificateConditionIssuing)
	switch {
	case ready.Status == cmmeta.ConditionTrue && ready.ObservedGeneration == c.GetGeneration():
		return status.Succeeded(v1alpha1.ConditionCertified, "The certificate is valid.")
	case issuing.Status == cmmeta.ConditionFalse:
		return status.Progressing(v1alpha1.ConditionCertified, "No certificate was issued; it is tried again later: "+issuing.Message)
	default:
		return status.Progressing(v1alpha1.ConditionCertified, "The certificate is being issued.")
	}
}

// certificateCondition returns the condition of a type, which is empty if the certificate doesn't have it.
func certificateCondition(c *cmv1.Certificate, t cmv1.CertificateConditionType) cmv1.CertificateCondition {
	for _, condition := range c.Status.Conditions {
		if condition.Type == t {
			return condition
		}
	}
	return cmv1.CertificateCondition{}
}

// routed says that a host leads to its App.
func routed(host string) status.Part {
	return status.Succeeded(v1alpha1.ConditionRouted, host+" leads to the App.")
}
