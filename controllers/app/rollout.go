package app

import (
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/conditions"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/controllers/internal/resources"
)

const (
	// deadlineExceeded and noReplicaSet are the reasons that the Deployment controller gives for a rollout without progress, and for one that
	// cannot begin since the API server refuses the ReplicaSet.
	deadlineExceeded = "ProgressDeadlineExceeded"
	noReplicaSet     = "ReplicaSetCreateError"
)

// saidOfQuota is what the API server says of a Pod for which the quota has no room. It says so in words alone.
var saidOfQuota = []string{"exceeded quota"}

// available says how far the rollout of the Deployment is, and what keeps it.
func (s *Scope) available(found *symptom) conditions.Part {
	const condition = v1alpha1.ConditionAvailable
	d := &s.Deployment
	want := ptr.Deref(d.Spec.Replicas, 1)
	if observed(d) && rolledOut(d, want, found) && (found == nil || !found.lasts || want == 0) {
		return allReady(want)
	}
	overdue := s.overdue()
	if refused := s.podRefusal(); refused != "" {
		return conditions.Part{
			Type: condition, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonInvalid, Message: overdue + refused, Stalled: true,
		}
	}
	ready := fmt.Sprintf("%d of %d Pods of the newest version are ready.", len(readyPods(s.current())), want)
	switch {
	case !observed(d):
		return conditions.Progressing(condition, ready)
	case found == nil:
		return s.underWay(overdue, ready)
	case found.config && overdue == "":
		return conditions.Pending(condition, "The Pods wait for what their environment names.")
	}
	return conditions.Part{
		Type: condition, Status: metav1.ConditionFalse, Reason: found.reason, Message: overdue + ready + " " + found.message, Stalled: overdue != "",
	}
}

// allReady says that a rollout is at its end.
func allReady(want int32) conditions.Part {
	const condition = v1alpha1.ConditionAvailable
	if want == 0 {
		return conditions.Part{Type: condition, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonScaledToZero, Message: "The spec asks for no Pods."}
	}
	return conditions.Succeeded(condition, "All Pods are ready.")
}

// underWay says how far a rollout is that nothing is known to keep.
func (s *Scope) underWay(overdue, ready string) conditions.Part {
	const condition = v1alpha1.ConditionAvailable
	settles := resources.MinReadySeconds(s.App)
	switch {
	case overdue != "":
		return conditions.Part{
			Type: condition, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonDeadlineExceeded, Message: overdue + ready, Stalled: true,
		}
	case s.previousServes() && settles > 0:
		return conditions.Progressing(condition, fmt.Sprintf("%s The previous version serves until they have been ready for %d seconds.", ready, settles))
	default:
		return conditions.Progressing(condition, ready)
	}
}

// overdue returns the sentence about a rollout that has made no progress for longer than its deadline; empty if it has. What is known of the cause
// is a better reason than the deadline.
func (s *Scope) overdue() string {
	if deploymentCondition(&s.Deployment, appsv1.DeploymentProgressing).Reason != deadlineExceeded {
		return ""
	}
	return fmt.Sprintf("The rollout made no progress for %d seconds. ", resources.ProgressDeadlineSeconds(s.App))
}

// podRefusal returns what the API server said when it refused a Pod or the ReplicaSet of the newest version, with what to do; empty if it did not.
func (s *Scope) podRefusal() string {
	refused := deploymentCondition(&s.Deployment, appsv1.DeploymentReplicaFailure)
	began := deploymentCondition(&s.Deployment, appsv1.DeploymentProgressing)
	var said string
	switch {
	case began.Status == corev1.ConditionFalse && began.Reason == noReplicaSet:
		said = began.Message // The status does not speak of the present spec then.
	case observed(&s.Deployment) && refused.Status == corev1.ConditionTrue:
		said = refused.Message
	default:
		return ""
	}
	said = "The API server refused a Pod: " + said
	if !saysAny(said, saidOfQuota) {
		return said
	}
	advice := "Free some of the organization's quota, or ask the platform's administrators for more."
	if s.previousServes() {
		advice += " A new version needs room for one more Pod than runs."
	}
	return conditions.Append(said, advice)
}

func saysAny(message string, phrases []string) bool {
	message = strings.ToLower(message)
	return slices.ContainsFunc(phrases, func(phrase string) bool { return strings.Contains(message, phrase) })
}

// servesOn adds to what keeps a version from running whether the one before goes on.
func (s *Scope) servesOn(o *phase.Outcome, parts []conditions.Part) []conditions.Part {
	for i := range parts {
		p := &parts[i]
		ofPods := p.Type == v1alpha1.ConditionReferencesResolved || p.Type == v1alpha1.ConditionAvailable
		if !ofPods || p.Status != metav1.ConditionFalse || p.Reason == v1alpha1.ReasonProgressing {
			continue
		}
		problem := o.Problem(p.Type)
		switch {
		case s.previousServes():
			p.Message = conditions.Append(p.Message, "The previous version keeps serving.")
		case problem != nil && problem.Stalled && len(readyPods(s.pods)) > 0 && p.Type == v1alpha1.ConditionAvailable:
			p.Message = conditions.Append(p.Message, "The version that runs keeps serving.")
		}
	}
	return parts
}

// previousServes reports whether Pods are ready of a version before the one that the Deployment asks for.
func (s *Scope) previousServes() bool {
	return s.Deployment.GetUID() != "" && len(readyPods(s.pods)) > len(readyPods(s.current()))
}

func readyPods(pods []corev1.Pod) []corev1.Pod {
	var ready []corev1.Pod
	for i := range pods {
		if isReady(&pods[i]) {
			ready = append(ready, pods[i])
		}
	}
	return ready
}

// observed reports whether the status of a Deployment speaks of its present spec.
func observed(d *appsv1.Deployment) bool {
	return d.GetUID() != "" && d.Status.ObservedGeneration >= d.GetGeneration()
}

// rolledOut reports whether all Pods are of the newest version and ready, and none of an older one is left. Those of an older one go once the new ones
// have been ready for long enough, so that only Pods without a past have to be waited for: whose container has ended before may end again.
func rolledOut(d *appsv1.Deployment, want int32, found *symptom) bool {
	settled := d.Status.AvailableReplicas == want || d.Status.ReadyReplicas == want && found == nil
	return d.Status.UpdatedReplicas == want && d.Status.Replicas == want && settled
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
