package exposure

import (
	"cmp"
	"context"
	"slices"

	cmv1ac "github.com/cert-manager/cert-manager/pkg/client/applyconfigurations/certmanager/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/conditions"
	"github.com/berth-dev/berth/controllers/internal/resources"
	"github.com/berth-dev/berth/controllers/internal/ssa"
	"github.com/berth-dev/berth/controllers/internal/watches"
)

// A Domain mirrors an App if its host is the App's own default host. The App serves that, with the certificate that the Domain asks for,
// and the Domain says of its route what the App says.

// MirrorOf returns the Domain that says where the certificate of an App's default host comes from, or nil: of those that mirror the App
// and aren't being deleted, the oldest.
func (s Exposures) MirrorOf(ctx context.Context, app client.ObjectKey) (*v1alpha1.Domain, error) {
	mirrors, err := s.mirrorsOf(ctx, app)
	mirrors = slices.DeleteFunc(mirrors, func(d v1alpha1.Domain) bool { return !d.GetDeletionTimestamp().IsZero() })
	if err != nil || len(mirrors) == 0 {
		return nil, err
	}
	return new(slices.MinFunc(mirrors, func(a, b v1alpha1.Domain) int { return byAge(&a, &b) })), nil
}

// mirrorsOf returns the Domains that mirror an App.
func (s Exposures) mirrorsOf(ctx context.Context, app client.ObjectKey) ([]v1alpha1.Domain, error) {
	var domains v1alpha1.DomainList
	err := watches.Indexed(ctx, s.Client, &domains, app.Namespace, watches.IndexApp, app.Name)
	return slices.DeleteFunc(domains.Items, func(d v1alpha1.Domain) bool { return !s.Mirrors(&d) }), err
}

// WakeMirrors returns the Domains that mirror an App.
func (s Exposures) WakeMirrors(ctx context.Context, namespace, app string) []reconcile.Request {
	mirrors, err := s.mirrorsOf(ctx, client.ObjectKey{Namespace: namespace, Name: app})
	if err != nil {
		return watches.Unlistable(ctx, err)
	}
	var all []reconcile.Request
	for _, d := range mirrors {
		all = append(all, watches.Request(d.GetNamespace(), d.GetName())...)
	}
	return all
}

// WakeMirrored returns the Apps that are mirrored by a Domain that names a Secret.
func (s Exposures) WakeMirrored(ctx context.Context, secret client.Object) []reconcile.Request {
	var domains v1alpha1.DomainList
	if err := watches.Indexed(ctx, s.Client, &domains, secret.GetNamespace(), watches.IndexSecret, secret.GetName()); err != nil {
		return watches.Unlistable(ctx, err)
	}
	var all []reconcile.Request
	for _, d := range domains.Items {
		if s.Mirrors(&d) {
			all = append(all, watches.Request(d.GetNamespace(), d.Spec.AppRef.Name)...)
		}
	}
	return all
}

// MirroredRoute returns what an App says of its route. The part is stalled if it is what stalls the App.
func MirroredRoute(app *v1alpha1.App) conditions.Part {
	c := meta.FindStatusCondition(app.Status.Conditions, v1alpha1.ConditionRouteReady)
	if c == nil {
		return conditions.Pending(v1alpha1.ConditionRouteReady, "Nothing is known of the App yet.")
	}
	stalled := meta.FindStatusCondition(app.Status.Conditions, v1alpha1.ConditionStalled)
	return conditions.Part{
		Type: c.Type, Status: c.Status, Reason: c.Reason, Message: c.Message,
		Stalled: stalled != nil && stalled.Status == metav1.ConditionTrue && stalled.Reason == c.Reason,
	}
}

// Follows reports whether an App has done its part for the certificate that a Domain asks for: it has copied the custom one or asked the
// issuer for it. Whether that is issued, and served, is left to tell.
func (s Exposures) Follows(ctx context.Context, domain *v1alpha1.Domain, app *v1alpha1.App, v *Rotation) (bool, error) {
	if v.Site.Source != "" {
		return s.copied(ctx, domain, app, v)
	}
	if v.Site.Wildcard {
		return true, nil
	}
	if err := s.requireIssuer(ctx, v.Site); err != nil {
		return false, err
	}
	v.certificate.Namespace, v.certificate.Name = v.Site.Namespace, v.Site.Name
	asked, err := ssa.Applied(ctx, s.Client, app, resources.Certificate(v.Site), &v.certificate, cmv1ac.ExtractCertificate)
	if err != nil || !asked {
		return false, err
	}
	return true, s.explain(ctx, v)
}

// byAge compares two objects by age, and of two of the same second by Namespace and name.
func byAge(a, b metav1.Object) int {
	return cmp.Or(
		a.GetCreationTimestamp().Compare(b.GetCreationTimestamp().Time),
		cmp.Compare(a.GetNamespace(), b.GetNamespace()),
		cmp.Compare(a.GetName(), b.GetName()),
	)
}

// Older reports whether an object was created before another one; of two that were created within a second, the one whose name comes first counts.
func Older(a, b metav1.Object) bool { return byAge(a, b) < 0 }
