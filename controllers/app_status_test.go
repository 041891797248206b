package controllers

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/testobjects"
)

// What keeps Pods from being ready is said in the App's conditions, and takes no person until the rollout's deadline, which is no better reason.
func TestAppSaysWhatItsPodsSay(t *testing.T) {
	t.Parallel()
	fromSecret := func(a *v1alpha1.App) {
		ref := &v1alpha1.KeyRef{Name: "db", Key: "password"}
		a.Spec.Env = []v1alpha1.EnvVar{{Name: "PASSWORD", ValueFrom: &v1alpha1.EnvVarSource{SecretKeyRef: ref}}}
	}
	cases := map[string]struct {
		change func(*v1alpha1.App)
		pods   []corev1.PodStatus
		want   map[string]condition
		says   string
	}{
		"ImagePull": {
			pods: []corev1.PodStatus{testobjects.PodReady(), testobjects.PodWaiting("ImagePullBackOff", `Back-off pulling image "web": ErrImagePull: not found`)},
			want: map[string]condition{
				v1alpha1.ConditionReady:     failing(v1alpha1.ReasonImagePullFailed),
				v1alpha1.ConditionAvailable: failing(v1alpha1.ReasonImagePullFailed),
			},
			says: "1 of 2 Pods of the newest version are ready. The registry cannot be reached, or does not answer as a registry.",
		},
		"Crash": {
			pods: []corev1.PodStatus{testobjects.PodCrashed(corev1.ContainerStateTerminated{ExitCode: 3, Reason: "Error"}), testobjects.PodReady()},
			want: map[string]condition{v1alpha1.ConditionReady: failing(v1alpha1.ReasonCrashLoopBackOff)},
			says: "1 of 2 Pods of the newest version are ready. The container ended with exit code 3; its logs may say why.",
		},
		"Unschedulable": {
			pods: []corev1.PodStatus{testobjects.PodUnschedulable("0/1 nodes are available"), testobjects.PodReady()},
			want: map[string]condition{v1alpha1.ConditionReady: failing(v1alpha1.ReasonUnschedulable)},
			says: "0/1 nodes are available",
		},
		"Unready": {
			pods: []corev1.PodStatus{testobjects.PodRunningFor(time.Hour, time.Now()), testobjects.PodReady()},
			want: map[string]condition{v1alpha1.ConditionReady: failing(v1alpha1.ReasonReadinessProbeFailed)},
			says: "does not accept connections on port 80 (the default)",
		},
		"Starting": {
			pods: []corev1.PodStatus{testobjects.PodRunningFor(0, time.Now().Add(time.Hour)), testobjects.PodReady()},
			want: map[string]condition{v1alpha1.ConditionReady: working},
			says: "1 of 2 Pods of the newest version are ready.",
		},
		"SecretMissing": {
			change: fromSecret,
			pods:   []corev1.PodStatus{testobjects.PodWaiting("CreateContainerConfigError", `secret "db" not found`), testobjects.PodReady()},
			want: map[string]condition{
				v1alpha1.ConditionReady:              failing(v1alpha1.ReasonSecretNotFound),
				v1alpha1.ConditionReferencesResolved: failing(v1alpha1.ReasonSecretNotFound),
				v1alpha1.ConditionAvailable:          pending,
			},
			says: `The environment can't be read: secret "db" not found.`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := organization(t)
			app := newApp(t, ns, func(a *v1alpha1.App) {
				a.Spec.Replicas = ptr.To[int32](2)
				if tc.change != nil {
					tc.change(a)
				}
			})
			rollout(t, app, "1", tc.pods...)
			tc.want[v1alpha1.ConditionStalled] = condition{"False", tc.want[v1alpha1.ConditionReady].Reason}
			expect(t, app, status.InProgressStatus, tc.want)
			says(t, app, tc.says)

			exceedDeadline(t, app)
			reason := tc.want[v1alpha1.ConditionReady].Reason
			if reason == v1alpha1.ReasonProgressing {
				reason = v1alpha1.ReasonDeadlineExceeded
			}
			expect(t, app, status.FailedStatus, map[string]condition{
				v1alpha1.ConditionReady: failing(reason), v1alpha1.ConditionAvailable: failing(reason), v1alpha1.ConditionStalled: {"True", reason},
			})
			says(t, app, tc.says)
			says(t, app, "The rollout made no progress for 610 seconds.")
		})
	}
}

// exceedDeadline plays the Deployment controller that gives up.
func exceedDeadline(t *testing.T, app *v1alpha1.App) {
	t.Helper()
	d := &appsv1.Deployment{ObjectMeta: testobjects.Named(app.Namespace, app.Name)}
	get(t, d)
	s := d.Status
	s.Conditions = []appsv1.DeploymentCondition{{
		Type: appsv1.DeploymentProgressing, Status: corev1.ConditionFalse, Reason: "ProgressDeadlineExceeded",
	}}
	report(t, d, s)
}

// Pods of an older version that still serve don't make the App ready, and their troubles are no longer told.
func TestAppLooksAtTheNewestVersion(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	app := newApp(t, ns)
	rollout(t, app, "1", testobjects.PodReady(), testobjects.PodCrashed(corev1.ContainerStateTerminated{ExitCode: 1}))
	certify(t, ns, app.Name)
	patch(t, app, func(client.Object) { app.Spec.Image += "-new" })
	rollout(t, app, "2", testobjects.PodWaiting("ErrImagePull", "no such tag"))
	expect(t, app, status.InProgressStatus, map[string]condition{v1alpha1.ConditionReady: failing(v1alpha1.ReasonImagePullFailed)})
	if app.Status.Image != testobjects.Digest {
		t.Errorf("image = %q, want that of the old Pod, %q", app.Status.Image, testobjects.Digest)
	}
}

func TestAppThatPodsAreRefusedTo(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	app := newApp(t, ns)
	d := awaitDeployment(t, app)
	report(t, d, appsv1.DeploymentStatus{Conditions: []appsv1.DeploymentCondition{{
		Type: appsv1.DeploymentReplicaFailure, Status: corev1.ConditionTrue, Reason: "FailedCreate", Message: "exceeded quota: none",
	}}})
	expect(t, app, status.FailedStatus, map[string]condition{v1alpha1.ConditionAvailable: failing(v1alpha1.ReasonInvalid)})
	const want = "The API server refused a Pod: exceeded quota: none. Free some of the organization's quota, or ask the platform's administrators for more."
	if got := message(app, v1alpha1.ConditionReady); got != want {
		t.Errorf("message %q, want %q", got, want)
	}
}

func TestAppScaledToZero(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	app := running(t, ns)
	patch(t, app, func(client.Object) { app.Spec.Replicas = ptr.To[int32](0) })
	report(t, awaitDeployment(t, app), appsv1.DeploymentStatus{Replicas: 1, UpdatedReplicas: 1, ReadyReplicas: 1, AvailableReplicas: 1})
	expect(t, app, status.InProgressStatus, map[string]condition{v1alpha1.ConditionAvailable: working})
	report(t, awaitDeployment(t, app), appsv1.DeploymentStatus{})
	expect(t, app, status.CurrentStatus, map[string]condition{
		v1alpha1.ConditionReady:     succeeded,
		v1alpha1.ConditionAvailable: {"True", v1alpha1.ReasonScaledToZero},
	})
}

// A condition whose status stays keeps the time at which it came about.
func TestAppKeepsTransitionTimes(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	app := running(t, ns)
	before := transitions(app)
	nextSecond(t)
	patch(t, app, func(client.Object) { app.Spec.Image += "-new" })
	expect(t, app, status.InProgressStatus, map[string]condition{v1alpha1.ConditionReady: working})
	after := transitions(app)
	for conditionType, moves := range map[string]bool{
		v1alpha1.ConditionReady: true, v1alpha1.ConditionAvailable: true, v1alpha1.ConditionReconciling: true,
		v1alpha1.ConditionStalled: false, v1alpha1.ConditionCertificateReady: false, v1alpha1.ConditionReferencesResolved: false,
	} {
		if moved := !after[conditionType].Equal(before[conditionType]); moved != moves {
			t.Errorf("the transition time of %s moved: %t, want %t", conditionType, moved, moves)
		}
	}
}

func transitions(app *v1alpha1.App) map[string]time.Time {
	times := map[string]time.Time{}
	for _, c := range app.Status.Conditions {
		times[c.Type] = c.LastTransitionTime.Time
	}
	return times
}

func TestAppAnnouncesWhatMatters(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	running(t, ns)
	want := []string{"Normal Adopted", "Normal Succeeded"} // It adopts the Secret of its certificate.
	eventually(t, func(ctx context.Context) error {
		got, err := announced(ctx, ns)
		if err == nil && fmt.Sprint(got) != fmt.Sprint(want) {
			err = fmt.Errorf("events %q, want %q", got, want)
		}
		return err
	})
}
