package domain

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/objects"
	"github.com/berth-dev/berth/controllers/internal/watches"
)

// domainsOfNamespace returns all Domains of a Namespace, or of the one that an object lies in.
func (r *Reconciler) domainsOfNamespace(ctx context.Context, o client.Object) []reconcile.Request {
	return watches.Requests(ctx, r.Client, &v1alpha1.DomainList{}, objects.OrganizationOf(o))
}

// domainsOfApp returns the Domains that name an App.
func (r *Reconciler) domainsOfApp(ctx context.Context, o client.Object) []reconcile.Request {
	return r.domainsBy(ctx, o, watches.IndexApp, o.GetName())
}

// mirrorsOfApp returns the Domains that mirror an App, which are all that its spec and its status concern.
func (r *Reconciler) mirrorsOfApp(ctx context.Context, o client.Object) []reconcile.Request {
	return r.WakeMirrors(ctx, o.GetNamespace(), o.GetName())
}

// domainsOfChild returns the Domain that controls a route or a Certificate, or those that mirror the App that does.
func (r *Reconciler) domainsOfChild(ctx context.Context, o client.Object) []reconcile.Request {
	if ref := objects.BerthController(o); ref != nil && ref.Kind == "App" {
		return r.WakeMirrors(ctx, o.GetNamespace(), ref.Name)
	}
	return watches.ToDomain(ctx, o)
}

// domainsOfSecret returns the Domains that name a Secret, or whose host is served with what it holds or is to be. That one is known by the
// label that cert-manager gives a Secret when it makes it, or by the owner that the Secret gets then: an owner's name also finds a Domain that
// was made anew while the Secret was still there. What a user has put in the way of a copy isn't: the Domain is looked at again after a while.
func (r *Reconciler) domainsOfSecret(ctx context.Context, o client.Object) []reconcile.Request {
	all := append(watches.ToDomain(ctx, o), r.domainsBy(ctx, o, watches.IndexSecret, o.GetName())...)
	labels := o.GetLabels()
	if uid, ok := labels[v1alpha1.LabelDomain]; ok {
		all = append(all, r.domainsBy(ctx, o, watches.IndexUID, uid)...)
	}
	if app, ok := labels[v1alpha1.LabelApp]; ok && labels[v1alpha1.LabelSecret] == v1alpha1.SecretTLS {
		all = append(all, r.WakeMirrors(ctx, o.GetNamespace(), app)...)
	}
	return all
}

// domainsBy returns the Domains in the Namespace of an object that an index has under a key.
func (r *Reconciler) domainsBy(ctx context.Context, o client.Object, index, key string) []reconcile.Request {
	return watches.Requests(ctx, r.Client, &v1alpha1.DomainList{}, o.GetNamespace(), client.MatchingFields{index: key})
}

// domainsOfHost returns the Domains that ask for the host of a claim.
func (r *Reconciler) domainsOfHost(ctx context.Context, o client.Object) []reconcile.Request {
	return watches.Requests(ctx, r.Client, &v1alpha1.DomainList{}, metav1.NamespaceAll, client.MatchingFields{watches.IndexHost: watches.HostOf(o, r.Rules)})
}
