package exposure

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/conditions"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/controllers/internal/resources"
	"github.com/berth-dev/berth/controllers/internal/ssa"
)

// Earlier versions named the route and the copy of a site without a part of the owner's UID. The operator creates both under their present
// names, waits until every ingress controller must have read them, and prunes the former ones. Both routes serve the host meanwhile.

// serves returns which Secret the route of a site names, and since when. Until the route has its present name, that is what the former route
// says, with the former copy under its present name.
func (s Exposures) serves(ctx context.Context, owner metav1.Object, site resources.Site) (string, time.Time, error) {
	secret, since, err := s.Router.Serves(ctx, owner, site)
	if err != nil || !since.IsZero() {
		return secret, since, err
	}
	former := site.Former()
	secret, since, err = s.Router.Serves(ctx, owner, former)
	if secret == former.CustomSecret {
		secret = site.CustomSecret
	}
	return secret, since, err
}

// keepCopy creates the copy that the route is to name from the former one, if it could not be made from the user's Secret: what becomes of
// that Secret changes nothing that is served.
func (s Exposures) keepCopy(ctx context.Context, owner metav1.Object, v *Rotation) error {
	if v.Next != v.Site.CustomSecret {
		return nil
	}
	if has, err := ssa.Has(ctx, s.Client, owner, customObjects(v.Site)[0]); err != nil || has {
		return err
	}
	former := customObjects(v.Site.Former())[0]
	if has, err := ssa.Has(ctx, s.Client, owner, former); err != nil || !has {
		return err
	}
	secret := &corev1.Secret{}
	if err := s.Live.Get(ctx, client.ObjectKeyFromObject(former), secret); err != nil {
		return client.IgnoreNotFound(err)
	}
	want := resources.CustomCertificate(v.Site, secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey])
	return ssa.Apply(ctx, s.Client, owner, want, &corev1.Secret{}, corev1ac.ExtractSecret)
}

// PortLeft returns for how long a former route is to serve a host alone, since the Service of the App has the port that the present route names for too
// short a time: EndpointSlices follow the Service, and the ingress controller follows those. A certificate that was withdrawn does not wait.
func (s Exposures) PortLeft(ctx context.Context, owner metav1.Object, app *v1alpha1.App, v *Rotation) (time.Duration, error) {
	if v.Withdrawn {
		return 0, nil
	}
	former, err := s.Router.RoutedSince(ctx, owner, v.Site.Former())
	if err != nil || former.IsZero() {
		return 0, err
	}
	if present, err := s.Router.RoutedSince(ctx, owner, v.Site); err != nil || !present.IsZero() {
		return 0, err
	}
	since, err := s.portSince(ctx, app)
	if err != nil || since.IsZero() {
		return HeadStart, err
	}
	return HeadStart - s.Clock.Since(since), nil
}

// RouteInstead replaces the former route of a site where the ingress controller refuses a second one for the host, as the webhook of
// ingress-nginx does. Without a former route, the refusal stands.
func (s Exposures) RouteInstead(ctx context.Context, owner conditions.Object, v *Rotation, refusal error) error {
	since, err := s.Router.RoutedSince(ctx, owner, v.Site.Former())
	if err != nil {
		return err
	}
	if since.IsZero() {
		return refusal
	}
	if err := s.unrouteFormer(ctx, owner, v.Site); err != nil {
		return err
	}
	return s.Router.Route(ctx, owner, v.Site, v.Next)
}

// retireFormer prunes the former route of a site once the present one, and the port of the Service that it names, have been there for long
// enough, and later the copy that only the former route named.
func (s Exposures) retireFormer(ctx context.Context, owner conditions.Object, app *v1alpha1.App, v *Rotation) error {
	former := v.Site.Former()
	routed, err := s.Router.RoutedSince(ctx, owner, former)
	if err != nil {
		return err
	}
	copied := customObjects(former)[0]
	hasCopy, err := ssa.Has(ctx, s.Client, owner, copied)
	if err != nil || routed.IsZero() && !hasCopy {
		return err
	}
	since, err := s.reachable(ctx, owner, app, v.Site)
	if err != nil {
		return err
	}
	left := Overlap - s.Clock.Since(since)
	if routed.IsZero() {
		left += Overlap
	}
	switch {
	case left > 0:
		v.Recheck = phase.Sooner(v.Recheck, left)
		return nil
	case routed.IsZero():
		s.tellReplaced(ctx, owner, "Secret", former.CustomSecret, v.Site.CustomSecret)
		return ssa.Prune(ctx, s.Client, owner, copied, "")
	default:
		v.Recheck = phase.Sooner(v.Recheck, Overlap)
		return s.unrouteFormer(ctx, owner, v.Site)
	}
}

// reachable returns since when ingress controllers can have led the host of a site to an App by its present route; while they cannot, that is now.
func (s Exposures) reachable(ctx context.Context, owner metav1.Object, app *v1alpha1.App, site resources.Site) (time.Time, error) {
	routed, err := s.Router.RoutedSince(ctx, owner, site)
	if err != nil {
		return time.Time{}, err
	}
	served, err := s.portSince(ctx, app)
	if err != nil || served.IsZero() || routed.IsZero() {
		return s.Clock.Now(), err
	}
	if served.After(routed) {
		return served, nil
	}
	return routed, nil
}

// portSince returns since when the Service of an App has been as it should be, with the port that routes name, or zero while it is not.
func (s Exposures) portSince(ctx context.Context, app *v1alpha1.App) (time.Time, error) {
	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: app.GetNamespace(), Name: app.GetName()}}
	applied, err := ssa.Applied(ctx, s.Client, app, resources.Service(app), service, corev1ac.ExtractService)
	if err != nil || !applied {
		return time.Time{}, err
	}
	return ssa.AppliedAt(service), nil
}

func (s Exposures) unrouteFormer(ctx context.Context, owner conditions.Object, site resources.Site) error {
	former := site.Former()
	s.tellReplaced(ctx, owner, "Route", former.Route, site.Route)
	return s.Router.Unroute(ctx, owner, former)
}

// tellReplaced logs, and tells in an event, that an object is deleted since another one has taken its place. Events of one action within minutes are
// counted as one, so each kind has its own.
func (s Exposures) tellReplaced(ctx context.Context, owner conditions.Object, kind, former, present string) {
	log.FromContext(ctx).Info("Deleting an object that has a new name", "kind", kind, "former", former, "present", present)
	s.Recorder.Eventf(owner, nil, corev1.EventTypeNormal, v1alpha1.ReasonRenamed, "Rename"+kind,
		"%s %s was replaced by %s, whose name is unique behind the ingress controller.", kind, former, present)
}
