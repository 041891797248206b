package app

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
	"github.com/berth-dev/berth/controllers/internal/conditions"
	"github.com/berth-dev/berth/controllers/internal/exposure"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/controllers/internal/resources"
	"github.com/berth-dev/berth/internal/host"
)

// writeStatus writes what the phases saw into the App's status, if it says anything new. It returns when the App has to be looked at
// again because time alone will change it, or zero.
func (r *Reconciler) writeStatus(ctx context.Context, s *Scope, o *phase.Outcome) (time.Duration, error) {
	now := r.Clock.Now()
	symptom, recheck := diagnose(s.App, s.current(), now)
	s.explainPort(symptom)
	parts := s.servesOn(o, exposure.KeepRefusal(s.App, o, conditions.Parts(o,
		conditions.Observer{Type: v1alpha1.ConditionReferencesResolved, Part: func() conditions.Part { return configured(symptom, s.Pull.Note) }},
		conditions.Observer{Type: v1alpha1.ConditionAvailable, Part: func() conditions.Part { return s.available(symptom) }},
		conditions.Observer{Type: v1alpha1.ConditionCertificateReady, Part: func() conditions.Part { return s.serving.Certified(now) }},
		conditions.Observer{Type: v1alpha1.ConditionRouteReady, Part: func() conditions.Part { return exposure.Routed(s.site.Host) }},
		conditions.Observer{Type: v1alpha1.ConditionCertificateExpiring, Part: func() conditions.Part { return s.serving.Expiring(now) }},
	)))
	parts = append(parts, r.contested(s)...)
	written := conditions.Conditions(s.App.Status.Conditions, s.App.GetGeneration(), metav1.NewTime(now), parts)
	want, err := conditions.Convert[apiac.AppStatusApplyConfiguration](s.status(written))
	if err != nil {
		return 0, err
	}
	config := apiac.App(s.App.GetName(), s.App.GetNamespace()).WithStatus(want)
	if err := conditions.Apply(ctx, r.Client, s.App, config, apiac.ExtractAppStatus); err != nil {
		return 0, fmt.Errorf("write status: %w", err)
	}
	conditions.Announce(r.Recorder, s.App, written)
	conditions.Warn(r.Recorder, s.App, written, v1alpha1.ConditionCertificateExpiring)
	conditions.Warn(r.Recorder, s.App, written, v1alpha1.ConditionContested)
	return recheck, nil
}

func (s *Scope) status(written []metav1.Condition) v1alpha1.AppStatus {
	st := v1alpha1.AppStatus{
		ObservedGeneration: s.App.GetGeneration(),
		Conditions:         written,
		Image:              runningImage(s.pods),
		Selector:           labels.SelectorFromSet(resources.Selector(s.App.GetName())).String(),
	}
	if s.Deployment.GetUID() != "" {
		st.Replicas, st.ReadyReplicas = &s.Deployment.Status.Replicas, &s.Deployment.Status.ReadyReplicas
	}
	if s.hasHost {
		st.URL = host.URL(s.site.Host)
	}
	return st
}

// current returns the Pods of the newest version.
func (s *Scope) current() []corev1.Pod {
	if s.revision == "" || !observed(&s.Deployment) {
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
func configured(found *symptom, note string) conditions.Part {
	if found != nil && found.config {
		return conditions.Part{
			Type: v1alpha1.ConditionReferencesResolved, Status: metav1.ConditionFalse, Reason: found.reason, Message: found.message,
		}
	}
	return conditions.Succeeded(v1alpha1.ConditionReferencesResolved, strings.TrimSpace("Nothing that the spec names is known to be missing. "+note))
}
