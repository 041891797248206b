package controllers

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	apiac "github.com/berth-dev/berth/api/v1alpha1/applyconfiguration/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/controllers/internal/status"
	"github.com/berth-dev/berth/internal/host"
)

// writeStatus writes what the phases saw into the Domain's status, if it says anything new.
func (r *domainReconciler) writeStatus(ctx context.Context, s *domainScope, o *phase.Outcome) error {
	now := r.clock.Now()
	parts := keepRefusal(s.domain, o, status.Parts(o, r.observers(s)...))
	parts = append(parts, r.contested("Domain", s.domain.GetName(), s.domain.GetUID())...)
	conditions := status.Conditions(s.domain.Status.Conditions, s.domain.GetGeneration(), metav1.NewTime(now), parts)
	st := v1alpha1.DomainStatus{
		ObservedGeneration: s.domain.GetGeneration(), Conditions: conditions, Certificate: s.serving.seen(), Verification: s.record,
	}
	if s.proven || isProven(s.domain) {
		st.VerifiedHost = s.domain.Spec.Host
	}
	if s.hasHost {
		st.URL = host.URL(s.domain.Spec.Host)
	}
	if s.hasHost && o.Skipped(v1alpha1.ConditionCertified) && st.Certificate == nil {
		st.Certificate = s.domain.Status.Certificate // Nobody has looked, so it is as it was.
	}
	want, err := status.Convert[apiac.DomainStatusApplyConfiguration](st)
	if err != nil {
		return err
	}
	config := apiac.Domain(s.domain.GetName(), s.domain.GetNamespace()).WithStatus(want)
	if err := status.Apply(ctx, r.client, s.domain, config, apiac.ExtractDomainStatus); err != nil {
		return fmt.Errorf("write status: %w", err)
	}
	status.Announce(r.recorder, s.domain, conditions)
	status.Warn(r.recorder, s.domain, conditions, v1alpha1.ConditionCertificateExpiring)
	status.Warn(r.recorder, s.domain, conditions, v1alpha1.ConditionContested)
	return nil
}

// observers say what was seen of the parts of a Domain, in the order in which they speak for it.
func (r *domainReconciler) observers(s *domainScope) []status.Observer {
	all := []status.Observer{{Type: v1alpha1.ConditionConfigured, Part: s.configured}}
	if s.needsProof {
		all = append(all, status.Observer{Type: v1alpha1.ConditionVerified, Part: func() status.Part { return r.verified(s) }})
	}
	return append(all,
		status.Observer{Type: v1alpha1.ConditionCertified, Part: func() status.Part { return s.serving.certified(r.clock.Now()) }},
		status.Observer{Type: v1alpha1.ConditionRouted, Part: s.routed},
		status.Observer{
			Type: v1alpha1.ConditionCertificateExpiring, Part: func() status.Part { return s.serving.expiring(r.clock.Now()) },
		},
	)
}

func (s *domainScope) configured() status.Part {
	if s.domain.Spec.Mail == nil || s.domain.Spec.Mail.PasswordSecretRef == nil {
		return status.Succeeded(v1alpha1.ConditionConfigured, "The Domain names no Secret that its mail needs.")
	}
	return status.Succeeded(v1alpha1.ConditionConfigured, "The password of the mail server is there.")
}

func (s *domainScope) routed() status.Part {
	if s.mirrors {
		return mirroredRoute(&s.app)
	}
	return routed(s.domain.Spec.Host)
}

// seen returns what there is to say of the certificate that is served, or nil if there is none.
func (v *serving) seen() *v1alpha1.DomainCertificate {
	it, kind := v.served()
	if len(it.chain) == 0 {
		return nil
	}
	leaf := it.chain.Leaf()
	return &v1alpha1.DomainCertificate{
		Type: kind, Issuer: status.Cut(leaf.Issuer.String()), NotAfter: new(metav1.NewTime(it.chain.NotAfter())),
	}
}
