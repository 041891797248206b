package controllers

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/desired"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/controllers/internal/ssa"
	"github.com/berth-dev/berth/controllers/internal/status"
)

// Earlier versions named the route and the copy of a site without a part of the owner's UID. The operator creates both under their present
// names, waits until every ingress controller must have read them, and prunes the former ones. Both routes serve the host meanwhile.

// serves returns which Secret the route of a site names, and since when. Until the route has its present name, that is what the former route
// says, with the former copy under its present name.
func (s sites) serves(ctx context.Context, owner metav1.Object, site desired.Site) (string, time.Time, error) {
	secret, since, err := s.router.Serves(ctx, owner, site)
	if err != nil || !since.IsZero() {
		return secret, since, err
	}
	former := site.Former()
	secret, since, err = s.router.Serves(ctx, owner, former)
	if secret == former.CustomSecret {
		secret = site.CustomSecret
	}
	return secret, since, err
}

// keepCopy creates the copy that the route is to name from the former one, if it could not be made from the user's Secret: what becomes of
// that Secret changes nothing that is served.
func (s sites) keepCopy(ctx context.Context, owner metav1.Object, v *serving) error {
	if v.next != v.site.CustomSecret {
		return nil
	}
	if has, err := ssa.Has(ctx, s.client, owner, customObjects(v.site)[0]); err != nil || has {
		return err
	}
	former := customObjects(v.site.Former())[0]
	if has, err := ssa.Has(ctx, s.client, owner, former); err != nil || !has {
		return err
	}
	secret := &corev1.Secret{}
	if err := s.live.Get(ctx, client.ObjectKeyFromObject(former), secret); err != nil {
		return client.IgnoreNotFound(err)
	}
	want := desired.CustomCertificate(v.site, secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey])
	return ssa.Apply(ctx, s.client, owner, want, &corev1.Secret{}, corev1ac.ExtractSecret)
}

// portLeft returns for how long a former route is to serve a host alone, since the Service of the App has the port that the present route names for too
// short a time: EndpointSlices follow the Service, and the ingress controller follows those. A certificate that was withdrawn does not wait.
func (s sites) portLeft(ctx context.Context, owner metav1.Object, app *v1alpha1.App, v *serving) (time.Duration, error) {
	if v.withdrawn {
		return 0, nil
	}
	former, err := s.router.RoutedSince(ctx, owner, v.site.Former())
	if err != nil || former.IsZero() {
		return 0, err
	}
	if present, err := s.router.RoutedSince(ctx, owner, v.site); err != nil || !present.IsZero() {
		return 0, err
	}
	since, err := s.portSince(ctx, app)
	if err != nil || since.IsZero() {
		return headStart, err
	}
	return headStart - s.clock.Since(since), nil
}

// routeInstead replaces the former route of a site where the ingress controller refuses a second one for the host, as the webhook of
// ingress-nginx does. Without a former route, the refusal stands.
func (s sites) routeInstead(ctx context.Context, owner status.Object, v *serving, refusal error) error {
	since, err := s.router.RoutedSince(ctx, owner, v.site.Former())
	if err != nil {
		return err
	}
	if since.IsZero() {
		return refusal
	}
	if err := s.unrouteFormer(ctx, owner, v.site); err != nil {
		return err
	}
	return s.router.Route(ctx, owner, v.site, v.next)
}

// retireFormer prunes the former route of a site once the present one, and the port of the Service that it names, have been there for long
// enough, and later the copy that only the former route named.
func (s sites) retireFormer(ctx context.Context, owner status.Object, app *v1alpha1.App, v *serving) error {
	former := v.site.Former()
	routed, err := s.router.RoutedSince(ctx, owner, former)
	if err != nil {
		return err
	}
	copied := customObjects(former)[0]
	hasCopy, err := ssa.Has(ctx, s.client, owner, copied)
	if err != nil || routed.IsZero() && !hasCopy {
		return err
	}
	since, err := s.reachable(ctx, owner, app, v.site)
	if err != nil {
		return err
	}
	left := overlap - s.clock.Since(since)
	if routed.IsZero() {
		left += overlap
	}
	switch {
	case left > 0:
		v.recheck = phase.Sooner(v.recheck, left)
		return nil
	case routed.IsZero():
		s.tellReplaced(ctx, owner, "Secret", former.CustomSecret, v.site.CustomSecret)
		return ssa.Prune(ctx, s.client, owner, copied)
	default:
		v.recheck = phase.Sooner(v.recheck, overlap)
		return s.unrouteFormer(ctx, owner, v.site)
	}
}

// reachable returns since when ingress controllers can have led the host of a site to an App by its present route; while they cannot, that is now.
func (s sites) reachable(ctx context.Context, owner metav1.Object, app *v1alpha1.App, site desired.Site) (time.Time, error) {
	routed, err := s.router.RoutedSince(ctx, owner, site)
	if err != nil {
		return time.Time{}, err
	}
	served, err := s.portSince(ctx, app)
	if err != nil || served.IsZero() || routed.IsZero() {
		return s.clock.Now(), err
	}
	if served.After(routed) {
		return served, nil
	}
	return routed, nil
}

// portSince returns since when the Service of an App has been as it should be, with the port that routes name, or zero while it is not.
func (s sites) portSince(ctx context.Context, app *v1alpha1.App) (time.Time, error) {
	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: app.GetNamespace(), Name: app.GetName()}}
	applied, err := ssa.Applied(ctx, s.client, app, desired.Service(app), service, corev1ac.ExtractService)
	if err != nil || !applied {
		return time.Time{}, err
	}
	return ssa.AppliedAt(service), nil
}

func (s sites) unrouteFormer(ctx context.Context, owner status.Object, site desired.Site) error {
	former := site.Former()
	s.tellReplaced(ctx, owner, "Route", former.Route, site.Route)
	return s.router.Unroute(ctx, owner, former)
}

// tellReplaced logs, and tells in an event, that an object is deleted since another one has taken its place. Events of one action within minutes are
// counted as one, so each kind has its own.
func (s sites) tellReplaced(ctx context.Context, owner status.Object, kind, former, present string) {
	log.FromContext(ctx).Info("Deleting an object that has a new name", "kind", kind, "former", former, "present", present)
	s.recorder.Eventf(owner, nil, corev1.EventTypeNormal, v1alpha1.ReasonRenamed, "Rename"+kind,
		"%s %s was replaced by %s, whose name is unique behind the ingress controller.", kind, former, present)
}
