package watches

import (
	"context"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/objects"
	"github.com/berth-dev/berth/internal/host"
)

// ToApp returns the App that controls an object. An object that nothing of Berth's controls may be in the way of the App of its name.
func ToApp(_ context.Context, o client.Object) []reconcile.Request {
	ref := objects.BerthController(o)
	switch {
	case ref == nil:
		return Request(o.GetNamespace(), o.GetName())
	case ref.Kind == "App":
		return Request(o.GetNamespace(), ref.Name)
	default:
		return nil
	}
}

// ToDomain returns the Domain that controls an object.
func ToDomain(_ context.Context, o client.Object) []reconcile.Request {
	if ref := objects.BerthController(o); ref != nil && ref.Kind == "Domain" {
		return Request(o.GetNamespace(), ref.Name)
	}
	return nil
}

// LabelledApp returns the App that an object's label names, if it has the label.
func LabelledApp(_ context.Context, o client.Object) []reconcile.Request {
	app, ok := o.GetLabels()[v1alpha1.LabelApp]
	if !ok {
		return nil
	}
	return Request(o.GetNamespace(), app)
}

// HostOf returns the host that a claim is of, or that an App or a Domain asks for.
func HostOf(o client.Object, rules host.Rules) string {
	switch o := o.(type) {
	case *v1alpha1.HostClaim:
		return o.GetName()
	case *v1alpha1.Domain:
		return o.Spec.Host
	default:
		return host.Default(o.GetName(), rules.BaseDomain)
	}
}

// Request returns one request.
func Request(namespace, name string) []reconcile.Request {
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: namespace, Name: name}}}
}

// Requests returns a request for each object of the list's kind in a Namespace that the options select.
func Requests(ctx context.Context, c client.Reader, list client.ObjectList, namespace string, opts ...client.ListOption) []reconcile.Request {
	opts = append(opts, client.InNamespace(namespace), client.DisableReadYourWritesConsistency)
	if err := c.List(ctx, list, opts...); err != nil {
		return Unlistable(ctx, err)
	}
	var all []reconcile.Request
	_ = meta.EachListItem(list, func(o runtime.Object) error {
		if accessor, err := meta.Accessor(o); err == nil {
			all = append(all, Request(accessor.GetNamespace(), accessor.GetName())...)
		}
		return nil
	})
	return all
}

// Unlistable logs why it can't be told whom an event concerns. A list of the cache fails only before the cache has started, and then each
// object is reconciled anyway.
func Unlistable(ctx context.Context, err error) []reconcile.Request {
	log.FromContext(ctx).Error(err, "Cannot list what an event concerns")
	return nil
}

// OnDelete returns a handler that forgets what is remembered of deleted objects, and enqueues nothing.
func OnDelete(forget func(client.Object)) handler.EventHandler {
	return handler.Funcs{
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, _ workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			forget(e.Object)
		},
	}
}
