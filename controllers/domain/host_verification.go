package domain

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/conditions"
	"github.com/berth-dev/berth/controllers/internal/exposure"
	"github.com/berth-dev/berth/controllers/internal/objects"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/controllers/internal/verification"
	"github.com/berth-dev/berth/internal/policy"
)

// owner requires a proof that the organization owns the host. A host of the platform's needs none, and one that the Domain has had since before a
// proof was required is still served. Any other is not served, and not claimed: another organization can have it.
func (r *Reconciler) owner(ctx context.Context, s *scope) error {
	var err error
	if s.needsProof, err = r.requiresProof(ctx, s.domain); err != nil {
		return err
	}
	if !s.needsProof || r.Rules.IsPlatform(s.domain.Spec.Host) || objects.IsProven(s.domain) || s.hasHost {
		return nil
	}
	if decided, err := r.isDecided(ctx, s); decided || err != nil {
		return err
	}
	if err := r.Remove(ctx, s.domain, s.site); err != nil {
		return err
	}
	return r.prove(ctx, s)
}

// isDecided reports whether the next phase can tell without a record in DNS if the Domain gets its host: no Domain can have the host, another
// organization has proven that it owns it, or this one has, be it by another Domain or before this one was restored.
func (r *Reconciler) isDecided(ctx context.Context, s *scope) (bool, error) {
	if reserved := r.RequireUnreserved(ctx, s.domain, false); phase.IsProblem(reserved) {
		return true, nil
	} else if reserved != nil {
		return false, reserved
	}
	claim, err := exposure.GetClaim(ctx, r.Client, s.domain.Spec.Host)
	if err != nil || claim == nil {
		return false, err
	}
	verified := claim.Status.VerifiedAt != nil
	s.proven = verified && claim.Spec.Organization == s.domain.GetNamespace()
	return s.proven || claim.Spec.Holder != nil && (verified || claim.Spec.Organization == ""), nil
}

// requiresProof reports whether the organization of a Domain has to prove that it owns its hosts.
func (r *Reconciler) requiresProof(ctx context.Context, d *v1alpha1.Domain) (bool, error) {
	org, err := r.PolicyOf(ctx, d.GetNamespace())
	return policy.VerifiesHosts(org, r.ProofByDefault), err
}

// prove waits for the record in DNS that proves whose the host is.
func (r *Reconciler) prove(ctx context.Context, s *scope) error {
	var ns corev1.Namespace
	if err := r.Client.Get(ctx, client.ObjectKey{Name: s.domain.GetNamespace()}, &ns); err != nil {
		return err
	}
	host, token := s.domain.Spec.Host, ns.GetAnnotations()[v1alpha1.AnnotationVerificationToken]
	if token == "" {
		return phase.Wait(0, v1alpha1.ReasonProgressing, "The organization is about to get its token.")
	}
	s.record = &v1alpha1.DomainVerification{Name: verification.RecordName(host), Type: verification.RecordType, Value: token}
	object := reconcile.Request{NamespacedName: client.ObjectKeyFromObject(s.domain)}
	found, again := r.prover.Ask(object, verification.Question{Host: host, Token: token, Generation: s.domain.GetGeneration()})
	wanted := fmt.Sprintf("Set the TXT record %s to %q to prove that the host is yours", s.record.Name, token)
	switch found.State {
	case verification.Proven:
		s.proven, s.record = true, nil
		// The change of the status wakes this Domain, which then claims the host.
		return phase.Wait(0, v1alpha1.ReasonProgressing, "The TXT record is there; the host will be served in a moment.")
	case verification.Missing:
		return phase.Wait(again, v1alpha1.ReasonRecordNotFound, "%s: there is none yet.", wanted)
	case verification.Different:
		return phase.Wait(again, v1alpha1.ReasonRecordMismatch, "%s: it is %s.", wanted, quoted(found.Values))
	case verification.Failed:
		return phase.Wait(again, v1alpha1.ReasonLookupFailed, "%s. Its lookup failed: %s.", wanted, found.Problem)
	case verification.Crowded:
		return phase.Wait(again, v1alpha1.ReasonProgressing,
			"%s. Too many Domains of the organization wait for a proof, so this one waits for its turn. Delete those that are not needed.", wanted)
	default:
		return phase.Wait(again, v1alpha1.ReasonProgressing, "%s. It is being looked up.", wanted)
	}
}

func quoted(values []string) string {
	all := make([]string, 0, len(values))
	for _, value := range values {
		all = append(all, fmt.Sprintf("%q", value))
	}
	return strings.Join(all, ", ")
}

// verified says why a Domain may have its host.
func (r *Reconciler) verified(s *scope) conditions.Part {
	const condition = v1alpha1.ConditionVerified
	switch {
	case r.Rules.IsPlatform(s.domain.Spec.Host):
		return conditions.Succeeded(condition, "The host belongs to the platform and needs no proof.")
	case objects.IsProven(s.domain) || s.proven:
		return conditions.Succeeded(condition, "The organization has proven that it owns the host.")
	case s.hasHost:
		return conditions.Part{
			Type: condition, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonServedBefore,
			Message: "The host was served before a proof was required.",
		}
	default:
		return conditions.Pending(condition, "The Domain cannot have the host, so no proof is looked up.")
	}
}
