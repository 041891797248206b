package secretgc

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/berth-dev/berth/controllers/internal/objects"
	"github.com/berth-dev/berth/controllers/internal/watches"
)

// NamedSecrets returns the Secrets that a Domain, an App, or the environment of a ReplicaSet names.
func NamedSecrets(_ context.Context, o client.Object) []reconcile.Request {
	var requests []reconcile.Request
	for _, name := range objects.SecretNames(o) {
		requests = append(requests, watches.Request(o.GetNamespace(), name)...)
	}
	return requests
}
