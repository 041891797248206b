package exposure

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/internal/host"
)

// ReservedAgain is when a Domain is reconciled again whose host is reserved by what does not wake it: a Namespace or a wildcard Ingress.
const ReservedAgain = 5 * time.Minute

// RequireUnreserved stalls a Domain whose host no tenant can have. A host with invalid punycode, which earlier versions accepted, is left to a Domain
// that has it.
//
// What depends on other objects, a Namespace of the name of the last label or a wildcard Ingress, is not held against a Domain that has its host:
// a user who creates a Namespace must not take hosts away. Only the platform's administrators create the Namespaces of the platform, and a name such as
// berth-facade.berth-system, which leads to a Service there, is reserved in any case.
func (s Exposures) RequireUnreserved(ctx context.Context, d *v1alpha1.Domain, hasHost bool) error {
	if err := host.CheckPunycode(d.Spec.Host); err != nil && !hasHost && !s.Mirrors(d) {
		return phase.Stall(v1alpha1.ReasonHostInvalid, "%s", err.Error())
	}
	if reason := s.Rules.Refusal(d.Spec.Host, d.Spec.AppRef.Name, nil); reason != "" {
		return phase.Stall(v1alpha1.ReasonHostReserved, "%s", reason)
	}
	if s.Mirrors(d) {
		return nil
	}
	var failed error
	isNamespace := func(name string) bool {
		if hasHost && !s.IsReservedNamespace(name) {
			return false
		}
		err := s.Client.Get(ctx, client.ObjectKey{Name: name}, &corev1.Namespace{})
		failed = client.IgnoreNotFound(err)
		return err == nil
	}
	reason := s.Rules.Refusal(d.Spec.Host, d.Spec.AppRef.Name, isNamespace)
	if failed != nil {
		return failed
	}
	if reason != "" {
		return phase.StallFor(ReservedAgain, v1alpha1.ReasonHostReserved, "%s", reason)
	}
	if hasHost {
		return nil
	}
	wildcard := "*." + host.Parent(d.Spec.Host)
	ingress, err := s.ForeignIngress(ctx, wildcard)
	if err != nil || ingress == nil {
		return err
	}
	return phase.StallFor(ReservedAgain, v1alpha1.ReasonHostReserved,
		"Host %s is reserved: an Ingress that is not Berth's has %s. Choose another host or ask the platform's administrator.", d.Spec.Host, wildcard)
}
