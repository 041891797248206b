package controllers

import (
	"context"
	"fmt"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/berth-dev/berth/api/v1alpha1"
	apiac "github.com/berth-dev/berth/api/v1alpha1/applyconfiguration/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/desired"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/controllers/internal/status"
	"github.com/berth-dev/berth/internal/host"
)

// writeStatus writes what the phases saw into the App's status, if it says anything new. It returns when the App has to be looked at
// again because time alone will change it, or zero.
func (r *appReconciler) writeStatus(ctx context.Context, s *appScope, o *phase.Outcome) (time.Duration, error) {
	now := r.clock.Now()
	symptom, recheck := diagnose(s.app, s.current(), now)
	s.explainPort(symptom)
	parts := s.servesOn(o, keepRefusal(s.app, o, status.Parts(o,
		status.Observer{Type: v1alpha1.ConditionConfigured, Part: func() status.Part { return configured(symptom, s.pull.note) }},
		status.Observer{Type: v1alpha1.ConditionAvailable, Part: func() status.Part { return s.available(symptom) }},
		status.Observer{Type: v1alpha1.ConditionCertified, Part: func() status.Part { return s.serving.certified(now) }},
		status.Observer{Type: v1alpha1.ConditionRouted, Part: func() status.Part { return routed(s.site.Host) }},
		status.Observer{Type: v1alpha1.ConditionCertificateExpiring, Part: func() status.Part { return s.serving.expiring(now) }},
	)))
	parts = append(parts, r.contested(s)...)
	conditions := status.Conditions(s.app.Status.Conditions, s.app.GetGeneration(), metav1.NewTime(now), parts)
	want, err := status.Convert[apiac.AppStatusApplyConfiguration](s.status(conditions))
	if err != nil {
		return 0, err
	}
	config := apiac.App(s.app.GetName(), s.app.GetNamespace()).WithStatus(want)
	if err := status.Apply(ctx, r.client, s.app, config, apiac.ExtractAppStatus); err != nil {
		return 0, fmt.Errorf("write status: %w", err)
	}
	status.Announce(r.recorder, s.app, conditions)
	status.Warn(r.recorder, s.app, conditions, v1alpha1.ConditionCertificateExpiring)
	status.Warn(r.recorder, s.app, conditions, v1alpha1.ConditionContested)
	return recheck, nil
}

func (s *appScope) status(conditions []metav1.Condition) v1alpha1.AppStatus {
	st := v1alpha1.AppStatus{
		ObservedGeneration: s.app.GetGeneration(),
		Conditions:         conditions,
		Image:              runningImage(s.pods),
		Selector:           labels.SelectorFromSet(desired.Selector(s.app.GetName())).String(),
	}
	if s.deployment.GetUID() != "" {
		st.Replicas, st.ReadyReplicas = &s.deployment.Status.Replicas, &s.deployment.Status.ReadyReplicas
	}
	if s.hasHost {
		st.URL = host.URL(s.site.Host)
	}
	return st
}

// current returns the Pods of the newest version.
func (s *appScope) current() []corev1.Pod {
	if s.revision == "" || !observed(&s.deployment) {
		return nil
	}
	var pods []corev1.Pod
	for _, p := range s.pods {
		if p.Labels[appsv1.DefaultDeploymentUniqueLabelKey] == s.revision {
			pods = append(pods, p)
		}
	}
	return pods
}

// configured says whether the environment can be read, as far as the Pods have found out, and what there is to note beside.
func configured(found *symptom, note string) status.Part {
	if found != nil && found.config {
		return status.Part{
			Type: v1alpha1.ConditionConfigured, Status: metav1.ConditionFalse, Reason: found.reason, Message: found.message,
		}
	}
	return status.Succeeded(v1alpha1.ConditionConfigured, strings.TrimSpace("Nothing that the spec names is known to be missing. "+note))
}
