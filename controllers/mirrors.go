package controllers

import (
	"cmp"
	"context"
	"slices"

	cmv1ac "github.com/cert-manager/cert-manager/pkg/client/applyconfigurations/certmanager/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/desired"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/controllers/internal/ssa"
	"github.com/berth-dev/berth/controllers/internal/status"
)

// A Domain mirrors an App if its host is the App's own default host. The App serves that, with the certificate that the Domain asks for,
// and the Domain says of its route what the App says.

// mirrorOf returns the Domain that says where the certificate of an App's default host comes from, or nil: of those that mirror the App
// and aren't being deleted, the oldest.
func (s sites) mirrorOf(ctx context.Context, app client.ObjectKey) (*v1alpha1.Domain, error) {
	mirrors, err := s.mirrorsOf(ctx, app)
	mirrors = slices.DeleteFunc(mirrors, func(d v1alpha1.Domain) bool { return !d.GetDeletionTimestamp().IsZero() })
	if err != nil || len(mirrors) == 0 {
		return nil, err
	}
	return new(slices.MinFunc(mirrors, func(a, b v1alpha1.Domain) int { return byAge(&a, &b) })), nil
}

// mirrorsOf returns the Domains that mirror an App.
func (s sites) mirrorsOf(ctx context.Context, app client.ObjectKey) ([]v1alpha1.Domain, error) {
	var domains v1alpha1.DomainList
	err := indexed(ctx, s.client, &domains, app.Namespace, indexApp, app.Name)
	return slices.DeleteFunc(domains.Items, func(d v1alpha1.Domain) bool { return !s.mirrors(&d) }), err
}

// wakeMirrors returns the Domains that mirror an App.
func (s sites) wakeMirrors(ctx context.Context, namespace, app string) []reconcile.Request {
	mirrors, err := s.mirrorsOf(ctx, client.ObjectKey{Namespace: namespace, Name: app})
	if err != nil {
		return unlistable(ctx, err)
	}
	var all []reconcile.Request
	for _, d := range mirrors {
		all = append(all, request(d.GetNamespace(), d.GetName())...)
	}
	return all
}

// wakeMirrored returns the Apps that are mirrored by a Domain that names a Secret.
func (s sites) wakeMirrored(ctx context.Context, secret client.Object) []reconcile.Request {
	var domains v1alpha1.DomainList
	if err := indexed(ctx, s.client, &domains, secret.GetNamespace(), indexSecret, secret.GetName()); err != nil {
		return unlistable(ctx, err)
	}
	var all []reconcile.Request
	for _, d := range domains.Items {
		if s.mirrors(&d) {
			all = append(all, request(d.GetNamespace(), d.Spec.AppRef.Name)...)
		}
	}
	return all
}

// mirroredRoute returns what an App says of its route. The part is stalled if it is what stalls the App.
func mirroredRoute(app *v1alpha1.App) status.Part {
	c := meta.FindStatusCondition(app.Status.Conditions, v1alpha1.ConditionRouted)
	if c == nil {
		return status.Pending(v1alpha1.ConditionRouted, "Nothing is known of the App yet.")
	}
	stalled := meta.FindStatusCondition(app.Status.Conditions, v1alpha1.ConditionStalled)
	return status.Part{
		Type: c.Type, Status: c.Status, Reason: c.Reason, Message: c.Message,
		Stalled: stalled != nil && stalled.Status == metav1.ConditionTrue && stalled.Reason == c.Reason,
	}
}

// follow judges whether the App serves the certificate that a Domain asks for which mirrors it. It goes by what the caches hold, not by what
// the App says: that may be of what the App was asked for before.
func (r *domainReconciler) follow(ctx context.Context, s *domainScope) error {
	if oldest := s.mirror; oldest != nil && oldest.GetUID() != s.domain.GetUID() &&
		!equality.Semantic.DeepEqual(oldest.Spec.TLS, s.domain.Spec.TLS) {
		return phase.Stall(v1alpha1.ReasonHostConflict,
			"Domain %s, which is older, says where the certificate of %s comes from.", oldest.GetName(), s.domain.Spec.Host)
	}
	r.named.forget(s.domain)
	s.serving.site = desired.AppSite(&s.app, r.platform).WithTLS(s.domain.Spec.TLS)
	follows, err := r.sites.follows(ctx, s.domain, &s.app, &s.serving)
	if err != nil || follows {
		return err
	}
	return r.sites.unlessExpired(&s.serving, s.behind())
}

// behind says why the App has not done its part for the certificate of a Domain that mirrors it.
func (s *domainScope) behind() error {
	told := meta.FindStatusCondition(s.app.Status.Conditions, v1alpha1.ConditionCertified)
	switch {
	case told != nil && (told.Reason == v1alpha1.ReasonInvalid || told.Reason == v1alpha1.ReasonExpired): // Only who was refused knows.
		return phase.Stall(told.Reason, "%s", told.Message)
	case told != nil && told.Reason == v1alpha1.ReasonThrottled:
		return phase.Wait(0, told.Reason, "%s", told.Message)
	}
	return phase.Wait(0, v1alpha1.ReasonProgressing, "The App is about to serve the certificate.")
}

// follows reports whether an App has done its part for the certificate that a Domain asks for: it has copied the custom one or asked the
// issuer for it. Whether that is issued, and served, is left to tell.
func (s sites) follows(ctx context.Context, domain *v1alpha1.Domain, app *v1alpha1.App, v *serving) (bool, error) {
	if v.site.Source != "" {
		return s.copied(ctx, domain, app, v)
	}
	if v.site.Wildcard {
		return true, nil
	}
	if err := s.requireIssuer(ctx, v.site); err != nil {
		return false, err
	}
	v.certificate.Namespace, v.certificate.Name = v.site.Namespace, v.site.Name
	asked, err := ssa.Applied(ctx, s.client, app, desired.Certificate(v.site), &v.certificate, cmv1ac.ExtractCertificate)
	if err != nil || !asked {
		return false, err
	}
	return true, s.explain(ctx, v)
}

// siblings returns the Domains of an organization that mirror the same App as a Domain: the oldest of them decides about the certificate.
func (r *domainReconciler) siblings(ctx context.Context, o client.Object) []reconcile.Request {
	domain, ok := o.(*v1alpha1.Domain)
	if !ok || !r.sites.mirrors(domain) {
		return nil
	}
	return r.sites.wakeMirrors(ctx, domain.GetNamespace(), domain.Spec.AppRef.Name)
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
