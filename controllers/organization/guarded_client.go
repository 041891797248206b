package organization

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/phase"
)

// For internal/policycheck, which also sends requests that a policy denies, within the operator's other rights.
// +kubebuilder:rbac:groups=admissionregistration.k8s.io,resources=validatingadmissionpolicies;validatingadmissionpolicybindings,resourceNames=berth-external-id;berth-facade-hostclaims;berth-facade-keys;berth-operator-namespaces;berth-operator-rolebindings;berth-people-secrets,verbs=get

// guardedAgain is the time after which a RoleBinding is tried again that was not written.
const guardedAgain = time.Second

// guarded is a client that applies nothing while the API server does not enforce Berth's admission policies: the rights that a RoleBinding grants are
// safe only with them. Reading an object and finding it as it should be needs no policy.
type guarded struct {
	client.Client
	check func() error
}

// Apply applies a configuration if the policies are enforced.
func (g guarded) Apply(ctx context.Context, want runtime.ApplyConfiguration, options ...client.ApplyOption) error {
	if err := g.check(); err != nil {
		return phase.Wait(guardedAgain, v1alpha1.ReasonProgressing, "Rights are not granted: %s.", err)
	}
	return g.Client.Apply(ctx, want, options...)
}
