package controllers

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/status"
)

// A Domain mirrors an App if its host is the App's own default host. The App serves that, with the certificate that the Domain asks for,
// and the Domain says what the App says.

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

// mirrored returns what an App says of a part. The part is stalled if it is what stalls the App.
func mirrored(app *v1alpha1.App, conditionType string) status.Part {
	c := meta.FindStatusCondition(app.Status.Conditions, conditionType)
	if c == nil {
		return status.Pending(conditionType, "Nothing is known of the App yet.")
	}
	stalled := meta.FindStatusCondition(app.Status.Conditions, v1alpha1.ConditionStalled)
	return status.Part{
		Type: conditionType, Status: c.Status, Reason: c.Reason, Message: c.Message,
		Stalled: stalled != nil && stalled.Status == metav1.ConditionTrue && stalled.Reason == c.Reason,
	}
}

// mirroredCertificate returns what an App says of its certificate, unless that is another one than a Domain asks for since an older Domain
// mirrors the App too.
func mirroredCertificate(app *v1alpha1.App, domain, oldest *v1alpha1.Domain) status.Part {
	if oldest == nil || oldest.GetUID() == domain.GetUID() || equality.Semantic.DeepEqual(oldest.Spec.TLS, domain.Spec.TLS) {
		return mirrored(app, v1alpha1.ConditionCertified)
	}
	return status.Part{
		Type: v1alpha1.ConditionCertified, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonHostConflict, Stalled: true,
		Message: fmt.Sprintf("Domain %s, which is older, says where the certificate of %s comes from.", oldest.GetName(), domain.Spec.Host),
	}
}
