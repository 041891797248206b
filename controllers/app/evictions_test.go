package app

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/cache"
	"github.com/berth-dev/berth/controllers/internal/testobjects"
)

// A Pod that a kubelet has ended is told for some minutes, and how its container ended is no crash.
func TestDiagnoseEnded(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	before := func(d time.Duration) time.Time { return now.Add(-d) }
	ended := func(phase corev1.PodPhase, reason, message string, ago time.Duration) corev1.PodStatus {
		return testobjects.PodEnded(phase, reason, message, before(ago))
	}
	terminated := func(code int32) corev1.PodStatus {
		s := testobjects.PodRunningFor(time.Hour, now)
		s.ContainerStatuses[0].State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Reason: "Error"}}
		return s
	}
	minute := func(reason, message string) corev1.PodStatus {
		return ended(corev1.PodFailed, reason, message, time.Minute)
	}
	evicted := minute("Evicted", testobjects.DiskUsed)
	byKubelet := func(s corev1.PodStatus) corev1.PodStatus {
		return testobjects.Disrupted(s, corev1.PodReasonTerminationByKubelet, testobjects.DiskUsed)
	}
	type pods = []corev1.PodStatus
	type want struct {
		reason, message string
		lasts           bool
	}
	disk := want{v1alpha1.ReasonEvicted, testobjects.EvictedDisk, true}
	says := func(words string, lasts bool) want {
		return want{v1alpha1.ReasonEvicted, "A kubelet has ended a Pod " + words, lasts}
	}
	cases := map[string]struct {
		pods    pods
		want    want
		recheck time.Duration
	}{
		"Evicted":              {pods{evicted}, disk, 4 * time.Minute},
		"Ready":                {pods{evicted, testobjects.PodReady()}, disk, 4 * time.Minute},
		"LongAgo":              {pods{ended(corev1.PodFailed, "Evicted", testobjects.DiskUsed, evictionTold)}, want{}, 0},
		"NewestSays":           {pods{ended(corev1.PodFailed, "Evicted", "older", 2*time.Minute), evicted}, disk, 4 * time.Minute},
		"EndedWell":            {pods{byKubelet(ended(corev1.PodSucceeded, "", "", time.Minute))}, disk, 4 * time.Minute},
		"Succeeded":            {pods{ended(corev1.PodSucceeded, "", "", time.Minute)}, want{}, 0},
		"BeingEvicted":         {pods{byKubelet(terminated(2)), evicted}, disk, 4 * time.Minute},
		"FirstEndAmongEvicted": {pods{terminated(2), evicted}, disk, 4 * time.Minute},
		"FirstEnd": {
			pods{terminated(2)}, want{reason: v1alpha1.ReasonCrashLoopBackOff, message: "The container ended with exit code 2; its logs may say why."}, 0,
		},
		"FirstSuccess":        {pods{terminated(0)}, want{}, 0},
		"Drained":             {pods{testobjects.Disrupted(terminated(2), "EvictionByEvictionAPI", "Eviction API: evicting")}, want{}, 0},
		"UnreadyAmongEvicted": {pods{testobjects.PodRunningFor(time.Hour, now), evicted}, disk, 4 * time.Minute},
		"NoNodeAmongEvicted": {
			pods{testobjects.PodUnschedulable("full"), evicted}, want{v1alpha1.ReasonUnschedulable, "No node takes the Pod: full", false}, 4 * time.Minute,
		},
		"NodeShutdown": {pods{minute("Terminated", "The node shuts down.")}, says("(Terminated): The node shuts down.", false), 4 * time.Minute},
		"Preempted":    {pods{minute("Preempting", "For a critical Pod")}, says("(Preempting): For a critical Pod", false), 4 * time.Minute},
		"NoWords":      {pods{minute("OutOfcpu", "")}, says("(OutOfcpu)", false), 4 * time.Minute},
		"RejectedAgainAndAgain": {
			pods{ended(corev1.PodFailed, "OutOfcpu", "", 2*time.Minute), minute("UnexpectedAdmissionError", "Allocate failed")},
			says("(UnexpectedAdmissionError): Allocate failed", true), 4 * time.Minute,
		},
		"FailedWithoutReason": {pods{minute("", "")}, want{}, 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var kept []corev1.Pod
			for i := range tc.pods {
				pod := &corev1.Pod{Status: tc.pods[i]}
				if _, err := cache.KeepOfPod(pod); err != nil { // It changes the Pod that it is given.
					t.Fatal(err)
				}
				kept = append(kept, *pod)
			}
			found, recheck := diagnose(&v1alpha1.App{}, kept, now)
			if recheck != tc.recheck {
				t.Errorf("asked again after %s, want %s", recheck, tc.recheck)
			}
			var got want
			if found != nil {
				got = want{found.reason, found.message, found.lasts}
			}
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(want{})); diff != "" {
				t.Errorf("diagnose (-want +got):\n%s", diff)
			}
		})
	}
}

// How a container ended before is not the reason for what keeps it from being ready long after.
func TestDiagnoseEarlierCrash(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	const oom = "The container was killed since it used more memory than its limit (OOMKilled)."
	unready := "The container runs, but its readiness probe fails."
	again := func(ran, runs time.Duration, restarts int32, ended corev1.ContainerStateTerminated) corev1.PodStatus {
		s := testobjects.PodRunningFor(runs, now)
		ended.FinishedAt = metav1.NewTime(now.Add(-runs))
		ended.StartedAt = metav1.NewTime(now.Add(-runs - ran))
		s.ContainerStatuses[0].RestartCount = restarts
		s.ContainerStatuses[0].LastTerminationState.Terminated = &ended
		return s
	}
	killed := corev1.ContainerStateTerminated{ExitCode: 137, Reason: "OOMKilled"}
	done := corev1.ContainerStateTerminated{ExitCode: 0, Reason: "Completed"}
	starting := testobjects.PodWaiting("ContainerCreating", "")
	starting.ContainerStatuses[0].LastTerminationState.Terminated = &killed
	unknown := testobjects.PodRunningFor(time.Hour, now)
	unknown.ContainerStatuses[0].LastTerminationState.Terminated = &killed
	const completed = "The container ended with exit code 0 (Completed); its logs may say why."
	type want struct {
		message string
		recheck time.Duration
	}
	cases := map[string]struct {
		pod  corev1.PodStatus
		want want
	}{
		"DaysAgo":            {again(time.Hour, 72*time.Hour, 1, killed), want{unready, 0}},
		"JustNow":            {again(time.Hour, time.Minute, 1, killed), want{oom, longestRun + startGrace - time.Minute}},
		"LongerThanBefore":   {again(2*time.Second, 15*time.Second, 1, killed), want{unready, 0}},
		"SlowLoop":           {again(2*time.Minute, time.Minute, 4, killed), want{oom, 70 * time.Second}},
		"Between":            {again(time.Second, 3*time.Second, 4, killed), want{oom, 8 * time.Second}},
		"EndedWell":          {again(time.Hour, 4*time.Second, 1, done), want{"", 6 * time.Second}},
		"EndsWellAgain":      {again(time.Second, 4*time.Second, 2, done), want{completed, 7 * time.Second}},
		"CreatedOnceMore":    {starting, want{}},
		"UnknownTimesBefore": {unknown, want{unready, 0}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found, recheck := diagnose(&v1alpha1.App{}, []corev1.Pod{{Status: tc.pod}}, now)
			got := want{recheck: recheck}
			if found != nil {
				got.message = found.message
			}
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(want{})); diff != "" {
				t.Errorf("diagnose (-want +got):\n%s", diff)
			}
		})
	}
}
