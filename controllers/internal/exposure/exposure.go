// Package exposure exposes Apps at hosts: it claims a host, obtains its certificate, rotates certificates and routes the host. The controllers of Apps and
// Domains share it.
package exposure

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/conditions"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/controllers/internal/reconciler"
	"github.com/berth-dev/berth/controllers/internal/resources"
	"github.com/berth-dev/berth/controllers/internal/ssa"
)

// Exposures makes host names lead to Apps: who has a host, its certificate and its route.
type Exposures struct {
	reconciler.Base
	Router router
	// Named are the names in custom certificates.
	Named *namedHosts
	// paid are the certificatePayments of Certificates that are not written yet.
	paid *sync.Map
}

// router leads a host to a Service.
type router interface {
	// Route makes the host of a site lead to its Service, with the certificate that a Secret holds, or without one with the router's default
	// certificate. The owner takes the route with it when it goes.
	Route(ctx context.Context, owner metav1.Object, site resources.Site, secret string) error
	// Serves returns which Secret the owner's route of a site names for its host, and since when, which is zero if there is no route.
	Serves(ctx context.Context, owner metav1.Object, site resources.Site) (secret string, since time.Time, err error)
	// RoutedSince returns since when the owner has a route of the site's name, which is zero if there is none.
	RoutedSince(ctx context.Context, owner metav1.Object, site resources.Site) (time.Time, error)
	// Unroute takes the owner's route of a site away, if there is one.
	Unroute(ctx context.Context, owner metav1.Object, site resources.Site) error
}

// New returns what the controllers of Apps and Domains share. There must be one in a process: it knows the names in the custom certificates of all.
func New(b reconciler.Base) Exposures {
	return Exposures{Base: b, Router: ingressRouter{client: b.Client, platform: b.Platform}, Named: newNamedHosts(), paid: &sync.Map{}}
}

// Route leads the host of a site to an App with the certificate that certify has chosen.
func (s Exposures) Route(ctx context.Context, owner conditions.Object, app *v1alpha1.App, v *Rotation) error {
	v.Site = v.Site.WithBackend(app)
	if err := s.keepCopy(ctx, owner, v); err != nil {
		return err
	}
	if left, err := s.PortLeft(ctx, owner, app, v); err != nil || left > 0 {
		v.Recheck = phase.Sooner(v.Recheck, left)
		return err
	}
	err := s.Router.Route(ctx, owner, v.Site, v.Next)
	if apierrors.IsBadRequest(err) {
		err = s.RouteInstead(ctx, owner, v, err)
	}
	if err != nil {
		return err
	}
	if !v.Routed || v.Secret != v.Next {
		v.Routed, v.Secret, v.since = true, v.Next, s.Clock.Now()
	}
	return s.retireFormer(ctx, owner, app, v)
}

// Remove takes away the route of a site, its certificates and their keys.
func (s Exposures) Remove(ctx context.Context, owner metav1.Object, site resources.Site) error {
	former := site.Former()
	if err := errors.Join(s.Router.Unroute(ctx, owner, site), s.Router.Unroute(ctx, owner, former)); err != nil {
		return err
	}
	for _, o := range slices.Concat(issuedObjects(site), customObjects(site), customObjects(former)) {
		if err := s.prune(ctx, owner, site, o, "its host is no longer exposed"); err != nil {
			return err
		}
	}
	return nil
}

// prune deletes an object of a site. The certificate that an issuer has signed is kept if it can be used again.
func (s Exposures) prune(ctx context.Context, owner metav1.Object, site resources.Site, o client.Object, why string) error {
	if o.GetName() == site.TLSSecret {
		if err := s.keep(ctx, owner, site); err != nil {
			return err
		}
	}
	return ssa.Prune(ctx, s.Client, owner, o, why)
}

// issuedObjects returns what there is for the certificate that an issuer signs, in the order in which it is to be deleted: while the
// Certificate is there, cert-manager makes its Secret anew.
func issuedObjects(site resources.Site) []client.Object {
	return []client.Object{
		&cmv1.Certificate{ObjectMeta: metav1.ObjectMeta{Namespace: site.Namespace, Name: site.Name}},
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: site.Namespace, Name: site.TLSSecret}},
	}
}

// customObjects returns what there is for a custom certificate.
func customObjects(site resources.Site) []client.Object {
	return []client.Object{&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: site.Namespace, Name: site.CustomSecret}}}
}

// Routed says that a host leads to its App.
func Routed(host string) conditions.Part {
	return conditions.Succeeded(v1alpha1.ConditionRouteReady, host+" leads to the App.")
}
