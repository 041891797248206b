package exposure

import (
	"context"

	acmev1 "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/berth-dev/berth/controllers/internal/cache"
	"github.com/berth-dev/berth/controllers/internal/objects"
)

// +kubebuilder:rbac:groups=cert-manager.io,resources=certificaterequests,verbs=list;watch
// +kubebuilder:rbac:groups=acme.cert-manager.io,resources=orders;challenges,verbs=list;watch

// WatchIssuing wakes whom a Certificate concerns when cert-manager gets on with it, or doesn't.
func WatchIssuing(b *builder.Builder, c client.Reader, concerns handler.MapFunc) *builder.Builder {
	of := handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, o client.Object) []reconcile.Request {
		certificate := certificateOf(ctx, c, o)
		if certificate == nil || objects.BerthController(certificate) == nil {
			return nil
		}
		return concerns(ctx, certificate)
	})
	for _, kind := range cache.IssuingKinds() {
		b = b.Watches(kind, of, builder.WithPredicates(issuingChanged))
	}
	return b
}

// issuingChanged lets through what the caches keep of those kinds.
var issuingChanged = predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
	return !equality.Semantic.DeepEqual(issuingStatus(e.ObjectOld), issuingStatus(e.ObjectNew))
}}

func issuingStatus(o client.Object) any {
	switch o := o.(type) {
	case *cmv1.CertificateRequest:
		return o.Status
	case *acmev1.Order:
		return o.Status
	case *acmev1.Challenge:
		return o.Status
	default:
		return nil
	}
}

// certificateOf returns the Certificate that an object of those kinds is made for, or nil while the caches lack one of those in between:
// whichever arrives last wakes for all.
func certificateOf(ctx context.Context, c client.Reader, o client.Object) client.Object {
	for o != nil {
		if certificate, ok := o.(*cmv1.Certificate); ok {
			return certificate
		}
		o = controllerOf(ctx, c, o)
	}
	return nil
}

// controllerOf reads what controls an object of those kinds, or returns nil.
func controllerOf(ctx context.Context, c client.Reader, o client.Object) client.Object {
	ref := metav1.GetControllerOfNoCopy(o)
	if ref == nil {
		return nil
	}
	var controller client.Object
	switch ref.APIVersion + " " + ref.Kind {
	case cmv1.SchemeGroupVersion.String() + " Certificate":
		controller = &cmv1.Certificate{}
	case cmv1.SchemeGroupVersion.String() + " CertificateRequest":
		controller = &cmv1.CertificateRequest{}
	case acmev1.SchemeGroupVersion.String() + " Order":
		controller = &acmev1.Order{}
	default:
		return nil
	}
	err := c.Get(ctx, client.ObjectKey{Namespace: o.GetNamespace(), Name: ref.Name}, controller)
	if err != nil || controller.GetUID() != ref.UID {
		return nil
	}
	return controller
}
