package app

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/resources"
	"github.com/berth-dev/berth/controllers/internal/testobjects"
)

func TestDiagnose(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	app := &v1alpha1.App{Spec: v1alpha1.AppSpec{Env: []v1alpha1.EnvVar{
		{Name: "LITERAL"},
		{Name: "A", ValueFrom: &v1alpha1.EnvVarSource{SecretKeyRef: &v1alpha1.KeyRef{Name: "db", Key: "k"}}},
		{Name: "B", ValueFrom: &v1alpha1.EnvVarSource{ConfigMapKeyRef: &v1alpha1.KeyRef{Name: "settings", Key: "k"}}},
	}}}
	crashed := func(reason, message string, code int32) corev1.PodStatus {
		return testobjects.PodCrashed(corev1.ContainerStateTerminated{Reason: reason, Message: message, ExitCode: code})
	}
	type want struct {
		reason, message string
		recheck         time.Duration
	}
	pull, config := "ImagePullBackOff", "CreateContainerConfigError"
	const absent = "The registry does not have the image."
	cases := map[string]struct {
		pods []corev1.PodStatus
		want want
	}{
		"None":      {},
		"Ready":     {pods: []corev1.PodStatus{testobjects.PodReady()}},
		"Created":   {pods: []corev1.PodStatus{{}}},
		"Creating":  {pods: []corev1.PodStatus{testobjects.PodWaiting("ContainerCreating", "")}},
		"ReadyOnce": {pods: []corev1.PodStatus{testobjects.ReadyAfterCrash()}},
		"Evicted":   {pods: []corev1.PodStatus{testobjects.PodEvicted()}},
		"PullTried": {
			pods: []corev1.PodStatus{testobjects.PodWaiting("ErrImagePull", "manifest unknown")},
			want: want{reason: v1alpha1.ReasonImageNotFound, message: absent},
		},
		"PullWaits": {
			pods: []corev1.PodStatus{testobjects.PodWaiting(pull, `Back-off pulling image "web": ErrImagePull: manifest unknown`)},
			want: want{reason: v1alpha1.ReasonImageNotFound, message: absent},
		},
		"BadName": {
			pods: []corev1.PodStatus{testobjects.PodWaiting("InvalidImageName", "couldn't parse image name")},
			want: want{reason: v1alpha1.ReasonImagePullFailed, message: "The name of the image is not valid."},
		},
		"ForOtherProcessors": {
			pods: []corev1.PodStatus{crashed("StartError", "exec /web: exec format error", 128)},
			want: want{
				reason:  v1alpha1.ReasonExecFormatError,
				message: wrongProgram + " The container can't be started: exec /web: exec format error",
			},
		},
		"ForOtherProcessorsByLog": {
			pods: []corev1.PodStatus{crashed("Error", "exec /web: exec format error\n", 255)},
			want: want{
				reason:  v1alpha1.ReasonExecFormatError,
				message: wrongProgram + " The container can't be started: exec /web: exec format error",
			},
		},
		"ProgramOfProgram": {
			pods: []corev1.PodStatus{crashed("Error", "exec /tool: exec format error\npassword=x\n", 255)},
			want: want{reason: v1alpha1.ReasonCrashLoopBackOff, message: "The container ended with exit code 255; its logs may say why."},
		},
		"ProgramOfScript": {
			pods: []corev1.PodStatus{crashed("Error", "exec /tool: exec format error\n", 126)},
			want: want{reason: v1alpha1.ReasonCrashLoopBackOff, message: "The container ended with exit code 126; its logs may say why."},
		},
		"NoSecret": {
			pods: []corev1.PodStatus{testobjects.PodWaiting(config, `secret "db" not found`)},
			want: want{reason: v1alpha1.ReasonSecretNotFound, message: `The environment can't be read: secret "db" not found.`},
		},
		"NoKey": {
			pods: []corev1.PodStatus{testobjects.PodWaiting(config, "couldn't find key k in Secret shop/db")},
			want: want{reason: v1alpha1.ReasonSecretNotFound, message: "The environment can't be read: couldn't find key k in Secret shop/db."},
		},
		"NoConfigMap": {
			pods: []corev1.PodStatus{testobjects.PodWaiting(config, `configmap "settings" not found`)},
			want: want{reason: v1alpha1.ReasonConfigMapNotFound, message: `The environment can't be read: configmap "settings" not found.`},
		},
		"OtherConfig": {
			pods: []corev1.PodStatus{testobjects.PodWaiting(config, "failed to prepare subPath")},
			want: want{reason: v1alpha1.ReasonCrashLoopBackOff, message: "The container can't be made: failed to prepare subPath"},
		},
		"RunsAsRoot": {
			pods: []corev1.PodStatus{testobjects.PodWaiting(config, "container has runAsNonRoot and image will run as root")},
			want: want{reason: v1alpha1.ReasonRunsAsRoot, message: rootAdvice + "container has runAsNonRoot and image will run as root"},
		},
		"RunsAsName": {
			pods: []corev1.PodStatus{
				testobjects.PodWaiting(config, "container has runAsNonRoot and image has non-numeric user (nginx), cannot verify user is non-root"),
			},
			want: want{
				reason:  v1alpha1.ReasonRunsAsRoot,
				message: rootAdvice + "container has runAsNonRoot and image has non-numeric user (nginx), cannot verify user is non-root",
			},
		},
		"ReadyAgain": {
			pods: []corev1.PodStatus{testobjects.ReadyAgain(now.Add(-4 * time.Second))},
			want: want{
				reason: v1alpha1.ReasonCrashLoopBackOff, message: "The container ended with exit code 1; its logs may say why.", recheck: 6 * time.Second,
			},
		},
		"ReadyAgainForLong": {pods: []corev1.PodStatus{testobjects.ReadyAgain(now.Add(-10 * time.Second))}},
		"UnreadyForAMoment": {pods: []corev1.PodStatus{unreadyForAMoment(now)}},
		"RunError": {
			pods: []corev1.PodStatus{testobjects.PodWaiting("RunContainerError", "no such file")},
			want: want{reason: v1alpha1.ReasonCrashLoopBackOff, message: "The container can't be started: no such file"},
		},
		"Crashed": {
			pods: []corev1.PodStatus{crashed("Error", "", 137)},
			want: want{reason: v1alpha1.ReasonCrashLoopBackOff, message: "The container ended with exit code 137; its logs may say why."},
		},
		"Completed": {
			pods: []corev1.PodStatus{crashed("Completed", "", 0)},
			want: want{reason: v1alpha1.ReasonCrashLoopBackOff, message: "The container ended with exit code 0 (Completed); its logs may say why."},
		},
		"OutOfMemory": {
			pods: []corev1.PodStatus{crashed("OOMKilled", "", 137)},
			want: want{
				reason:  v1alpha1.ReasonCrashLoopBackOff,
				message: "The container was killed since it used more memory than its limit (OOMKilled).",
			},
		},
		"NoProgram": {
			pods: []corev1.PodStatus{crashed("StartError", `exec: "web": not found`, 128)},
			want: want{reason: v1alpha1.ReasonCrashLoopBackOff, message: `The container can't be started: exec: "web": not found`},
		},
		"Unschedulable": {
			pods: []corev1.PodStatus{testobjects.PodUnschedulable("too little memory")},
			want: want{reason: v1alpha1.ReasonUnschedulable, message: "No node takes the Pod: too little memory"},
		},
		"Starting": {pods: []corev1.PodStatus{testobjects.PodRunningFor(4*time.Second, now)}, want: want{recheck: 6 * time.Second}},
		"Unready": {
			pods: []corev1.PodStatus{testobjects.PodRunningFor(startGrace, now)},
			want: want{reason: v1alpha1.ReasonReadinessProbeFailed, message: "The container runs, but its readiness probe fails."},
		},
		"GravestFirst": {
			pods: []corev1.PodStatus{testobjects.PodUnschedulable("full"), crashed("Error", "", 1), testobjects.PodWaiting(pull, "no")},
			want: want{reason: v1alpha1.ReasonImagePullFailed, message: "The image cannot be pulled."},
		},
		"SameInAnyOrder": {
			pods: []corev1.PodStatus{crashed("Error", "", 2), crashed("Error", "", 1)},
			want: want{reason: v1alpha1.ReasonCrashLoopBackOff, message: "The container ended with exit code 1; its logs may say why."},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var pods []corev1.Pod
			for _, s := range tc.pods {
				pods = append(pods, corev1.Pod{Status: s})
			}
			found, recheck := diagnose(app, pods, now)
			got := want{recheck: recheck}
			if found != nil {
				got.reason, got.message = found.reason, found.message
			}
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(want{})); diff != "" {
				t.Errorf("diagnose (-want +got):\n%s", diff)
			}
		})
	}
}

// unreadyForAMoment is a Pod that crashed long ago and whose readiness probe has just succeeded again.
func unreadyForAMoment(now time.Time) corev1.PodStatus {
	s := testobjects.ReadyAgain(now.Add(-time.Hour))
	s.Conditions[0].LastTransitionTime = metav1.NewTime(now)
	return s
}

func TestRunningImage(t *testing.T) {
	t.Parallel()
	at := func(second int, name, image string, s corev1.PodStatus) corev1.Pod {
		s.ContainerStatuses[0].ImageID = image
		created := metav1.NewTime(time.Date(2026, 3, 1, 12, 0, second, 0, time.UTC))
		return corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: name, CreationTimestamp: created}, Status: s,
			Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "beside", Image: "other"}, {Name: resources.Container, Image: "web:v1"}}},
		}
	}
	cases := map[string]struct {
		pods []corev1.Pod
		want string
	}{
		"None":     {},
		"NotReady": {pods: []corev1.Pod{at(0, "a", "web@sha256:1", testobjects.PodWaiting("ErrImagePull", ""))}},
		"Newest": {
			pods: []corev1.Pod{
				at(1, "b", "web@sha256:2", testobjects.PodReady()), at(0, "a", "web@sha256:1", testobjects.PodReady()),
				at(2, "c", "web@sha256:3", testobjects.PodWaiting("ErrImagePull", "")),
			},
			want: "web@sha256:2",
		},
		"SameSecond": {
			pods: []corev1.Pod{at(0, "b", "web@sha256:2", testobjects.PodReady()), at(0, "a", "web@sha256:1", testobjects.PodReady())},
			want: "web@sha256:2",
		},
		"OfAnotherRepository": {pods: []corev1.Pod{at(0, "a", "registry.example.com/others@sha256:1", testobjects.PodReady())}, want: "web@sha256:1"},
		"LoadedByHand":        {pods: []corev1.Pod{at(0, "a", "sha256:1", testobjects.PodReady())}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := runningImage(tc.pods); got != tc.want {
				t.Errorf("runningImage = %q, want %q", got, tc.want)
			}
		})
	}
}
