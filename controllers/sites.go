package controllers

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
	"github.com/berth-dev/berth/controllers/internal/desired"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/controllers/internal/ssa"
	"github.com/berth-dev/berth/controllers/internal/status"
)

// sites makes host names lead to Apps: who has a host, its certificate and its route.
type sites struct {
	base
	router router
	// named are the names in custom certificates.
	named *namedHosts
	// paid are the certificatePayments of Certificates that are not written yet.
	paid *sync.Map
}

// router leads a host to a Service.
type router interface {
	// Route makes the host of a site lead to its Service, with the certificate that a Secret holds, or without one with the router's default
	// certificate. The owner takes the route with it when it goes.
	Route(ctx context.Context, owner metav1.Object, site desired.Site, secret string) error
	// Serves returns which Secret the owner's route of a site names for its host, and since when, which is zero if there is no route.
	Serves(ctx context.Context, owner metav1.Object, site desired.Site) (secret string, since time.Time, err error)
	// RoutedSince returns since when the owner has a route of the site's name, which is zero if there is none.
	RoutedSince(ctx context.Context, owner metav1.Object, site desired.Site) (time.Time, error)
	// Unroute takes the owner's route of a site away, if there is one.
	Unroute(ctx context.Context, owner metav1.Object, site desired.Site) error
}

func newSites(b base) sites {
	return sites{base: b, router: ingressRouter{client: b.client, platform: b.platform}, named: newNamedHosts(), paid: &sync.Map{}}
}

// route leads the host of a site to an App with the certificate that certify has chosen.
func (s sites) route(ctx context.Context, owner status.Object, app *v1alpha1.App, v *serving) error {
	v.site = v.site.WithBackend(app)
	if err := s.keepCopy(ctx, owner, v); err != nil {
		return err
	}
	if left, err := s.portLeft(ctx, owner, app, v); err != nil || left > 0 {
		v.recheck = phase.Sooner(v.recheck, left)
		return err
	}
	err := s.router.Route(ctx, owner, v.site, v.next)
	if apierrors.IsBadRequest(err) {
		err = s.routeInstead(ctx, owner, v, err)
	}
	if err != nil {
		return err
	}
	if !v.routed || v.secret != v.next {
		v.routed, v.secret, v.since = true, v.next, s.clock.Now()
	}
	return s.retireFormer(ctx, owner, app, v)
}

// remove takes away the route of a site, its certificates and their keys.
func (s sites) remove(ctx context.Context, owner metav1.Object, site desired.Site) error {
	former := site.Former()
	if err := errors.Join(s.router.Unroute(ctx, owner, site), s.router.Unroute(ctx, owner, former)); err != nil {
		return err
	}
	for _, o := range slices.Concat(issuedObjects(site), customObjects(site), customObjects(former)) {
		if err := s.prune(ctx, owner, site, o); err != nil {
			return err
		}
	}
	return nil
}

// prune deletes an object of a site. The certificate that an issuer has signed is kept if it can be used again.
func (s sites) prune(ctx context.Context, owner metav1.Object, site desired.Site, o client.Object) error {
	if o.GetName() == site.TLSSecret {
		if err := s.keep(ctx, owner, site); err != nil {
			return err
		}
	}
	return ssa.Prune(ctx, s.client, owner, o)
}

// issuedObjects returns what there is for the certificate that an issuer signs, in the order in which it is to be deleted: while the
// Certificate is there, cert-manager makes its Secret anew.
func issuedObjects(site desired.Site) []client.Object {
	return []client.Object{
		&cmv1.Certificate{ObjectMeta: metav1.ObjectMeta{Namespace: site.Namespace, Name: site.Name}},
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: site.Namespace, Name: site.TLSSecret}},
	}
}

// customObjects returns what there is for a custom certificate.
func customObjects(site desired.Site) []client.Object {
	return []client.Object{&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: site.Namespace, Name: site.CustomSecret}}}
}

// routed says that a host leads to its App.
func routed(host string) status.Part {
	return status.Succeeded(v1alpha1.ConditionRouted, host+" leads to the App.")
}
