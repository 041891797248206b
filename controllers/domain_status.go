package controllers

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	apiac "github.com/berth-dev/berth/api/v1alpha1/applyconfiguration/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/desired"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/controllers/internal/status"
)

// writeStatus writes what the phases saw into the Domain's status, if it says anything new.
func (r *domainReconciler) writeStatus(ctx context.Context, s *domainScope, o *phase.Outcome) error {
	now := metav1.NewTime(r.clock.Now())
	conditions := status.Conditions(s.domain.Status.Conditions, s.domain.GetGeneration(), now, status.Parts(o,
		status.Observer{Type: v1alpha1.ConditionCertified, Part: s.certified},
		status.Observer{Type: v1alpha1.ConditionRouted, Part: s.routed},
	))
	st := v1alpha1.DomainStatus{ObservedGeneration: s.domain.GetGeneration(), Conditions: conditions}
	if s.hasHost {
		st.URL = desired.URL(s.domain.Spec.Host)
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
	return nil
}

func (s *domainScope) certified() status.Part {
	if s.mirrors {
		return mirrored(&s.app, v1alpha1.ConditionCertified)
	}
	return s.serving.certified(s.site)
}

func (s *domainScope) routed() status.Part {
	if s.mirrors {
		return mirrored(&s.app, v1alpha1.ConditionRouted)
	}
	return routed(s.domain.Spec.Host)
}

// mirrored returns what an App says of a part. The part is stalled if it is what stalls the App.
func mirrored(app *v1alpha1.App, conditionType string) status.Part {
	c := meta.FindStatusCondition(app.Status.Conditions, conditionType)
	if c == nil {
		return status.Pending(conditionType, "Nothing is known of the App yet.")
	}
	stalled := meta.FindStatusCondition(app.Status.Conditions, v1alpha1.ConditionStalled)
	return status.Part{
		Type: conditionType, Status: c.Status, Reason: c.Reason, Message: c.Message,
		Stalled: stalled != nil && stalled.Status == metav1.ConditionTrue && stalled.Reason == c.Reason,
	}
}
