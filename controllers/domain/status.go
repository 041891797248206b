package domain

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	apiac "github.com/berth-dev/berth/api/v1alpha1/applyconfiguration/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/conditions"
	"github.com/berth-dev/berth/controllers/internal/exposure"
	"github.com/berth-dev/berth/controllers/internal/objects"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/internal/host"
)

// writeStatus writes what the phases saw into the Domain's status, if it says anything new.
func (r *Reconciler) writeStatus(ctx context.Context, s *scope, o *phase.Outcome) error {
	now := r.Clock.Now()
	parts := exposure.KeepRefusal(s.domain, o, conditions.Parts(o, r.observers(s)...))
	parts = append(parts, r.Contested("Domain", s.domain.GetName(), s.domain.GetUID())...)
	written := conditions.Conditions(s.domain.Status.Conditions, s.domain.GetGeneration(), metav1.NewTime(now), parts)
	st := v1alpha1.DomainStatus{
		ObservedGeneration: s.domain.GetGeneration(), Conditions: written, Certificate: s.serving.Seen(), Verification: s.record,
	}
	if s.proven || objects.IsProven(s.domain) {
		st.VerifiedHost = s.domain.Spec.Host
	}
	if s.hasHost {
		st.URL = host.URL(s.domain.Spec.Host)
	}
	if s.hasHost && o.Skipped(v1alpha1.ConditionCertificateReady) && st.Certificate == nil {
		st.Certificate = s.domain.Status.Certificate // Nobody has looked, so it is as it was.
	}
	want, err := conditions.Convert[apiac.DomainStatusApplyConfiguration](st)
	if err != nil {
		return err
	}
	config := apiac.Domain(s.domain.GetName(), s.domain.GetNamespace()).WithStatus(want)
	if err := conditions.Apply(ctx, r.Client, s.domain, config, apiac.ExtractDomainStatus); err != nil {
		return fmt.Errorf("write status: %w", err)
	}
	conditions.Announce(r.Recorder, s.domain, written)
	conditions.Warn(r.Recorder, s.domain, written, v1alpha1.ConditionCertificateExpiring)
	conditions.Warn(r.Recorder, s.domain, written, v1alpha1.ConditionContested)
	return nil
}

// observers say what was seen of the parts of a Domain, in the order in which they speak for it.
func (r *Reconciler) observers(s *scope) []conditions.Observer {
	all := []conditions.Observer{{Type: v1alpha1.ConditionReferencesResolved, Part: s.configured}}
	if s.needsProof {
		all = append(all, conditions.Observer{Type: v1alpha1.ConditionVerified, Part: func() conditions.Part { return r.verified(s) }})
	}
	return append(all,
		conditions.Observer{Type: v1alpha1.ConditionCertificateReady, Part: func() conditions.Part { return s.serving.Certified(r.Clock.Now()) }},
		conditions.Observer{Type: v1alpha1.ConditionRouteReady, Part: s.routed},
		conditions.Observer{
			Type: v1alpha1.ConditionCertificateExpiring, Part: func() conditions.Part { return s.serving.Expiring(r.Clock.Now()) },
		},
	)
}

func (s *scope) configured() conditions.Part {
	if s.domain.Spec.Mail == nil || s.domain.Spec.Mail.PasswordSecretRef == nil {
		return conditions.Succeeded(v1alpha1.ConditionReferencesResolved, "The Domain names no Secret that its mail needs.")
	}
	return conditions.Succeeded(v1alpha1.ConditionReferencesResolved, "The password of the mail server is there.")
}

func (s *scope) routed() conditions.Part {
	if s.mirrors {
		return exposure.MirroredRoute(&s.app)
	}
	return exposure.Routed(s.domain.Spec.Host)
}
