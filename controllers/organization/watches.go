package organization

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/objects"
	"github.com/berth-dev/berth/controllers/internal/watches"
	"github.com/berth-dev/berth/internal/names"
	"github.com/berth-dev/berth/internal/rbac"
	"github.com/berth-dev/berth/internal/secretsize"
)

// ofOrganizations lets through objects that have the name of one that every organization has, or may have.
var ofOrganizations = predicate.NewPredicateFuncs(func(o client.Object) bool {
	if _, ok := o.(*rbacv1.RoleBinding); !ok {
		return o.GetName() == names.OrganizationObject
	}
	for _, b := range rbac.Bindings(o.GetNamespace(), "") {
		if b.Name == o.GetName() {
			return true
		}
	}
	return false
})

// addressesChanged lets through that something comes, goes or changes that has addresses which organizations don't reach.
func addressesChanged(isRouterPort func(int32) bool) predicate.Funcs {
	return predicate.Funcs{
		CreateFunc: func(e event.CreateEvent) bool { return len(addresses(e.Object)) > 0 },
		DeleteFunc: func(e event.DeleteEvent) bool { return len(addresses(e.Object)) > 0 },
		UpdateFunc: func(e event.UpdateEvent) bool {
			was, is := e.ObjectOld, e.ObjectNew
			return !slices.Equal(addresses(was), addresses(is)) || !slices.Equal(likeRouters(was, isRouterPort), likeRouters(is, isRouterPort))
		},
		GenericFunc: func(event.GenericEvent) bool { return false },
	}
}

// sizeChanged lets through what changes how many bytes of what REST clients send an organization keeps.
var sizeChanged = predicate.Funcs{
	CreateFunc: func(e event.CreateEvent) bool { return sizeOf(e.Object) > 0 },
	DeleteFunc: func(e event.DeleteEvent) bool { return sizeOf(e.Object) > 0 },
	UpdateFunc: func(e event.UpdateEvent) bool { return sizeOf(e.ObjectOld) != sizeOf(e.ObjectNew) },
}

// sizeOf returns the size of a Secret that counts against the limits of its organization, or 0.
func sizeOf(o client.Object) int64 {
	secret, ok := o.(*corev1.Secret)
	if !ok {
		return 0
	}
	return secretsize.Of(secret)
}

// toOrganization returns the organization that an object is the Namespace of, or lies in.
func toOrganization(_ context.Context, o client.Object) []reconcile.Request {
	return watches.Request("", objects.OrganizationOf(o))
}

// allOrganizations returns every organization.
func (r *Reconciler) allOrganizations(ctx context.Context, _ client.Object) []reconcile.Request {
	return watches.Requests(ctx, r.Client, &v1alpha1.OrganizationList{}, metav1.NamespaceAll)
}
