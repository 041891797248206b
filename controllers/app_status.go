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
	"k8s.io/utils/ptr"

	"github.com/berth-dev/berth/api/v1alpha1"
	apiac "github.com/berth-dev/berth/api/v1alpha1/applyconfiguration/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/desired"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/controllers/internal/status"
	"github.com/berth-dev/berth/internal/host"
)

// deadlineExceeded is the reason that the Deployment controller gives for a rollout without progress.
const deadlineExceeded = "ProgressDeadlineExceeded"

// writeStatus writes what the phases saw into the App's status, if it says anything new. It returns when the App has to be looked at
// again because time alone will change it, or zero.
func (r *appReconciler) writeStatus(ctx context.Context, s *appScope, o *phase.Outcome) (time.Duration, error) {
	now := r.clock.Now()
	symptom, recheck := diagnose(s.app, s.current(), now)
	s.explainPort(symptom)
	conditions := status.Conditions(s.app.Status.Conditions, s.app.GetGeneration(), metav1.NewTime(now), keepRefusal(s.app, o, status.Parts(o,
		status.Observer{Type: v1alpha1.ConditionConfigured, Part: func() status.Part { return configured(symptom, s.pull.note) }},
		status.Observer{Type: v1alpha1.ConditionAvailable, Part: func() status.Part { return available(&s.deployment, symptom) }},
		status.Observer{Type: v1alpha1.ConditionCertified, Part: func() status.Part { return s.serving.certified() }},
		status.Observer{Type: v1alpha1.ConditionRouted, Part: func() status.Part { return routed(s.site.Host) }},
	)))
	want, err := status.Convert[apiac.AppStatusApplyConfiguration](s.status(conditions))
	if err != nil {
		return 0, err
	}
	config := apiac.App(s.app.GetName(), s.app.GetNamespace()).WithStatus(want)
	if err := status.Apply(ctx, r.client, s.app, config, apiac.ExtractAppStatus); err != nil {
		return 0, fmt.Errorf("write status: %w", err)
	}
	status.Announce(r.recorder, s.app, conditions)
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

// available says how far the rollout of a Deployment is, and what keeps it.
func available(d *appsv1.Deployment, found *symptom) status.Part {
	const condition = v1alpha1.ConditionAvailable
	want := ptr.Deref(d.Spec.Replicas, 1)
	ready := fmt.Sprintf("%d of %d Pods of the newest version are ready.", updated(d), want)
	if !observed(d) {
		return status.Progressing(condition, ready)
	}
	if rolledOut(d, want) {
		if want == 0 {
			return status.Part{
				Type: condition, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonScaledToZero, Message: "The spec asks for no Pods.",
			}
		}
		return status.Succeeded(condition, "All Pods are ready.")
	}
	if refused := deploymentCondition(d, appsv1.DeploymentReplicaFailure); refused.Status == corev1.ConditionTrue {
		return status.Part{
			Type: condition, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonInvalid, Message: refused.Message, Stalled: true,
		}
	}
	if found != nil {
		ready += " " + found.message
	}
	if deploymentCondition(d, appsv1.DeploymentProgressing).Reason == deadlineExceeded {
		message := fmt.Sprintf("The rollout made no progress for %d seconds. %s", desired.ProgressDeadlineSeconds, ready)
		return status.Part{
			Type: condition, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonDeadlineExceeded, Message: message, Stalled: true,
		}
	}
	if found == nil {
		return status.Progressing(condition, ready)
	}
	if found.config {
		return status.Pending(condition, "The Pods wait for what their environment names.")
	}
	return status.Part{Type: condition, Status: metav1.ConditionFalse, Reason: found.reason, Message: ready}
}

// observed reports whether the status of a Deployment speaks of its present spec.
func observed(d *appsv1.Deployment) bool {
	return d.GetUID() != "" && d.Status.ObservedGeneration >= d.GetGeneration()
}

// rolledOut reports whether all Pods are of the newest version and ready, and none of an older one is left.
func rolledOut(d *appsv1.Deployment, want int32) bool {
	return d.Status.UpdatedReplicas == want && d.Status.Replicas == want && d.Status.AvailableReplicas == want
}

// updated returns how many Pods of the newest version are ready, as far as it can be told: those of older versions are taken to be.
func updated(d *appsv1.Deployment) int32 {
	if !observed(d) {
		return 0
	}
	return max(0, d.Status.AvailableReplicas-(d.Status.Replicas-d.Status.UpdatedReplicas))
}

// deploymentCondition returns the condition of a type, which is empty if the Deployment doesn't have it.
func deploymentCondition(d *appsv1.Deployment, t appsv1.DeploymentConditionType) appsv1.DeploymentCondition {
	for _, c := range d.Status.Conditions {
		if c.Type == t {
			return c
		}
	}
	return appsv1.DeploymentCondition{}
}
