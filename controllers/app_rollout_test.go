package controllers

import (
	"strings"
	"testing"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/testobjects"
)

// surge is the status of a Deployment during the rollout of a new version beside one Pod of the previous one.
func surge(ready, available int32, conditions ...appsv1.DeploymentCondition) appsv1.DeploymentStatus {
	return appsv1.DeploymentStatus{Replicas: 2, UpdatedReplicas: 1, ReadyReplicas: ready, AvailableReplicas: available, Conditions: conditions}
}

// Whatever keeps a new version from coming, the App says that the previous one keeps serving.
func TestAppSaysThatThePreviousVersionServes(t *testing.T) {
	t.Parallel()
	ended := corev1.ContainerStateTerminated{ExitCode: 1, Reason: "Error"}
	refused := appsv1.DeploymentCondition{
		Type: appsv1.DeploymentReplicaFailure, Status: corev1.ConditionTrue, Reason: "FailedCreate", Message: `pods "web-x" is forbidden: exceeded quota: berth`,
	}
	violates := refused
	violates.Message = `pods "web-x" is forbidden: violates PodSecurity "restricted:latest"`
	late := appsv1.DeploymentCondition{Type: appsv1.DeploymentProgressing, Status: corev1.ConditionFalse, Reason: "ProgressDeadlineExceeded"}
	fromSecret := func(a *v1alpha1.App) {
		ref := &v1alpha1.KeyRef{Name: "db", Key: "password"}
		a.Spec.Env = []v1alpha1.EnvVar{{Name: "PASSWORD", ValueFrom: &v1alpha1.EnvVarSource{SecretKeyRef: ref}}}
	}
	cases := map[string]struct {
		change func(*v1alpha1.App)
		pods   []corev1.PodStatus
		status appsv1.DeploymentStatus
		reason string
		says   string
	}{
		"Quota": {
			status: appsv1.DeploymentStatus{Replicas: 1, ReadyReplicas: 1, AvailableReplicas: 1, Conditions: []appsv1.DeploymentCondition{refused}},
			reason: v1alpha1.ReasonInvalid,
			says:   "A new version needs room for one more Pod than runs.",
		},
		"PodSecurity": {
			status: appsv1.DeploymentStatus{Replicas: 1, ReadyReplicas: 1, AvailableReplicas: 1, Conditions: []appsv1.DeploymentCondition{violates}},
			reason: v1alpha1.ReasonInvalid,
			says:   `violates PodSecurity "restricted:latest".`,
		},
		"Node": {
			pods:   []corev1.PodStatus{testobjects.PodUnschedulable("0/1 nodes are available: 1 Insufficient cpu.")},
			status: surge(1, 1), reason: v1alpha1.ReasonUnschedulable, says: "Insufficient cpu.",
		},
		"Registry": {
			pods:   []corev1.PodStatus{testobjects.PodWaiting("ErrImagePull", "manifest unknown")},
			status: surge(1, 1), reason: v1alpha1.ReasonImageNotFound, says: "The registry does not have the image.",
		},
		"LongAnswer": {
			pods:   []corev1.PodStatus{testobjects.PodWaiting("ErrImagePull", strings.Repeat("denial ", 1000))},
			status: surge(1, 1), reason: v1alpha1.ReasonImagePullFailed, says: testobjects.Unreachable,
		},
		"Crash": {
			pods: []corev1.PodStatus{testobjects.PodCrashed(ended)}, status: surge(1, 1), reason: v1alpha1.ReasonCrashLoopBackOff, says: "exit code 1",
		},
		"CrashAfterReady": { // The kubelet has started the container again, and it listens for a few seconds.
			pods: []corev1.PodStatus{testobjects.ReadyAgain(time.Now().Add(time.Hour))}, status: surge(2, 1),
			reason: v1alpha1.ReasonCrashLoopBackOff, says: "exit code 1",
		},
		"RunsAsRoot": {
			pods:   []corev1.PodStatus{testobjects.PodWaiting("CreateContainerConfigError", "container has runAsNonRoot and image will run as root")},
			status: surge(1, 1), reason: v1alpha1.ReasonRunsAsRoot, says: "Set USER in the image",
		},
		"Environment": {
			change: fromSecret,
			pods:   []corev1.PodStatus{testobjects.PodWaiting("CreateContainerConfigError", `secret "db" not found`)},
			status: surge(1, 1), reason: v1alpha1.ReasonSecretNotFound, says: `secret "db" not found.`,
		},
		"Deadline": {
			pods:   []corev1.PodStatus{testobjects.PodRunningFor(time.Hour, time.Now())},
			status: surge(1, 1, late), reason: v1alpha1.ReasonReadinessProbeFailed, says: "no progress for 610 seconds",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := organization(t)
			app := running(t, ns)
			patch(t, app, func(client.Object) {
				app.Spec.Image += "-new"
				if tc.change != nil {
					tc.change(app)
				}
			})
			rollout(t, app, "2", tc.pods...)
			report(t, awaitDeployment(t, app), tc.status)
			says(t, app, tc.says)
			says(t, app, " The previous version keeps serving.")
			if got := reasonOf(app); got != tc.reason {
				t.Errorf("reason %s, want %s", got, tc.reason)
			}
		})
	}
}

func reasonOf(app *v1alpha1.App) string {
	for _, c := range app.Status.Conditions {
		if c.Type == v1alpha1.ConditionReady {
			return c.Reason
		}
	}
	return ""
}

// The Deployment controller says that the API server refuses the ReplicaSet before it has looked at the rest of the new spec.
func TestAppThatAReplicaSetIsRefusedTo(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	app := running(t, ns)
	patch(t, app, func(client.Object) { app.Spec.Image += "-new" })
	d := awaitDeployment(t, app)
	d.Status.Conditions = []appsv1.DeploymentCondition{{
		Type: appsv1.DeploymentProgressing, Status: corev1.ConditionFalse, Reason: "ReplicaSetCreateError", Message: "exceeded quota: count/replicasets.apps",
	}}
	if err := api.Status().Update(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	expect(t, app, status.FailedStatus, map[string]condition{v1alpha1.ConditionAvailable: failing(v1alpha1.ReasonInvalid)})
	says(t, app, "exceeded quota: count/replicasets.apps")
	says(t, app, " The previous version keeps serving.")
}

// A spec that never reaches the Deployment leaves what runs alone.
func TestAppSaysThatWhatRunsServes(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		change func(*v1alpha1.App)
		reason string
	}{
		"Probe": {
			change: func(a *v1alpha1.App) { a.Spec.StartupProbe = &corev1.Probe{PeriodSeconds: 5} }, reason: v1alpha1.ReasonInvalid,
		},
		"Registry": {change: func(a *v1alpha1.App) { a.Spec.Image = "elsewhere.example.com/web" }, reason: v1alpha1.ReasonRegistryNotAllowed},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := organization(t, func(s *v1alpha1.OrganizationSpec) { s.AllowedRegistries = []string{"registry.example.com"} })
			app := running(t, ns)
			patch(t, app, func(client.Object) { tc.change(app) })
			expect(t, app, status.FailedStatus, map[string]condition{v1alpha1.ConditionAvailable: failing(tc.reason)})
			says(t, app, " The version that runs keeps serving.")
		})
	}
}

// Only a rollout waits for Pods to have been ready for a while: an App that has no previous version is Ready when its Pods are.
func TestAppWaitsForNewPodsToSettle(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	app := newApp(t, ns)
	first := rollout(t, app, "1", testobjects.PodReady())
	certify(t, ns, app.Name)
	report(t, awaitDeployment(t, app), appsv1.DeploymentStatus{Replicas: 1, UpdatedReplicas: 1, ReadyReplicas: 1})
	expect(t, app, status.CurrentStatus, map[string]condition{v1alpha1.ConditionReady: succeeded})

	patch(t, app, func(client.Object) { app.Spec.Image += "-new" })
	rollout(t, app, "2", testobjects.PodReady())
	report(t, awaitDeployment(t, app), surge(2, 1))
	expect(t, app, status.InProgressStatus, map[string]condition{v1alpha1.ConditionReady: working})
	says(t, app, "1 of 1 Pods of the newest version are ready. The previous version serves until they have been ready for 10 seconds.")

	remove(t, first[0])
	report(t, awaitDeployment(t, app), appsv1.DeploymentStatus{Replicas: 1, UpdatedReplicas: 1, ReadyReplicas: 1, AvailableReplicas: 1})
	expect(t, app, status.CurrentStatus, map[string]condition{v1alpha1.ConditionReady: succeeded})
}

// A Pod that crashes and is ready again for a moment makes no App Ready, until it has been ready for long enough.
func TestAppOfAPodThatWasReadyBefore(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	app := newApp(t, ns)
	rollout(t, app, "1", testobjects.ReadyAgain(time.Now().Add(time.Hour)))
	certify(t, ns, app.Name)
	report(t, awaitDeployment(t, app), appsv1.DeploymentStatus{Replicas: 1, UpdatedReplicas: 1, ReadyReplicas: 1})
	expect(t, app, status.InProgressStatus, map[string]condition{v1alpha1.ConditionReady: failing(v1alpha1.ReasonCrashLoopBackOff)})
	says(t, app, "1 of 1 Pods of the newest version are ready. The container ended with exit code 1; its logs may say why.")

	report(t, awaitDeployment(t, app), appsv1.DeploymentStatus{Replicas: 1, UpdatedReplicas: 1, ReadyReplicas: 1, AvailableReplicas: 1})
	expect(t, app, status.CurrentStatus, map[string]condition{v1alpha1.ConditionReady: succeeded})
}
