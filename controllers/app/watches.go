package app

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/objects"
	"github.com/berth-dev/berth/controllers/internal/watches"
)

// appsOfSecret returns the Apps that name a Secret, or that pull with it, or whose default host is served with what it holds or is to be.
func (r *Reconciler) appsOfSecret(ctx context.Context, o client.Object) []reconcile.Request {
	switch o.GetLabels()[v1alpha1.LabelSecret] {
	case v1alpha1.SecretTLS, v1alpha1.SecretPull:
		return watches.LabelledApp(ctx, o)
	case v1alpha1.SecretCertificate:
		return r.WakeMirrored(ctx, o)
	}
	return watches.Requests(ctx, r.Client, &v1alpha1.AppList{}, o.GetNamespace(), client.MatchingFields{watches.IndexSecret: o.GetName()})
}

// appsOfNamespace returns all Apps of a Namespace, or of the one that an object lies in.
func (r *Reconciler) appsOfNamespace(ctx context.Context, o client.Object) []reconcile.Request {
	return watches.Requests(ctx, r.Client, &v1alpha1.AppList{}, objects.OrganizationOf(o))
}

// appsOfHost returns the Apps that ask for the host of a claim, or for the same host as a Domain.
func (r *Reconciler) appsOfHost(ctx context.Context, o client.Object) []reconcile.Request {
	return watches.Requests(ctx, r.Client, &v1alpha1.AppList{}, metav1.NamespaceAll, client.MatchingFields{watches.IndexHost: watches.HostOf(o, r.Rules)})
}

// forgetDeleted forgets what is remembered of Apps that are gone.
func (r *Reconciler) forgetDeleted() handler.EventHandler {
	return watches.OnDelete(func(o client.Object) {
		r.Ports.forget(o.GetUID())
		if r.Images != nil {
			r.Images.Forget(o.GetUID())
		}
	})
}
