package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	berthv1alpha1 "github.com/berth-dev/berth/api/v1alpha1"
)

func TestFormBodyMovesAnApp(t *testing.T) {
	t.Parallel()
	manager := organization(t, "form-org")
	v1, v2 := push(t, "form:v1", "-version=v1"), push(t, "form:v2", "-version=v2")
	manager.call(t, http.MethodPost, "", url.Values{"slug": {"form-app"}, "location": {"https://" + v1}}, http.StatusCreated, nil)
	waitForPage(t, "form-app."+berth.Env.BaseDomain, "Hello from sample v1")

	var got app
	manager.call(t, http.MethodPost, "form-app/", url.Values{"location": {v2}}, http.StatusCreated, &got)
	if got.Location != v2 {
		t.Errorf("location is %q, want %q", got.Location, v2)
	}
	waitForPage(t, "form-app."+berth.Env.BaseDomain, "Hello from sample v2")
}

func TestDatasetAloneRestartsNothing(t *testing.T) {
	t.Parallel()
	manager := organization(t, "dataset-org")
	manager.call(t, http.MethodPost, "", map[string]any{"slug": "dataset-app", "location": push(t, "dataset:v1")}, http.StatusCreated, nil)
	mustBeReady(t, "dataset-org", "dataset-app")
	before := deployment(t, "dataset-org", "dataset-app")

	manager.call(t, http.MethodPut, "dataset-app/", map[string]any{"dataset": "testing"}, http.StatusOK, nil)
	mustBeReady(t, "dataset-org", "dataset-app")
	if after := deployment(t, "dataset-org", "dataset-app"); after.Generation != before.Generation {
		t.Errorf("the Deployment went from generation %d to %d", before.Generation, after.Generation)
	}
}

func TestScale(t *testing.T) {
	t.Parallel()
	manager := organization(t, "scale-org")
	manager.call(t, http.MethodPost, "", map[string]any{"slug": "scale-app", "location": push(t, "scale:v1")}, http.StatusCreated, nil)
	mustBeReady(t, "scale-org", "scale-app")
	for _, replicas := range []string{"2", "0", "1"} {
		kubectl(t, "", "scale", "app/scale-app", "-n", "scale-org", "--replicas="+replicas)
		waitForReplicas(t, "scale-org", "scale-app", replicas)
	}
	// There are no metrics here; that there have to be at least three Pods an autoscaler knows without.
	kubectl(t, `
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: scale-app
  namespace: scale-org
spec:
  scaleTargetRef:
    apiVersion: berth.dev/v1alpha1
    kind: App
    name: scale-app
  minReplicas: 3
  maxReplicas: 4
`, "apply", "-f", "-")
	waitForReplicas(t, "scale-org", "scale-app", "3")
}

// waitForReplicas waits until an App is Ready with a number of Pods, all of them ready.
func waitForReplicas(t *testing.T, namespace, slug, replicas string) {
	t.Helper()
	eventually(t, time.Minute, replicas+" Pods", func() (bool, string) {
		saw := strings.TrimSpace(kubectl(t, "", "get", "app", slug, "-n", namespace, "-o",
			`jsonpath={.status.readyReplicas} {.status.replicas} {.status.conditions[?(@.type=="Ready")].status}`))
		return saw == replicas+" "+replicas+" True", saw
	})
}

func TestCrashShowsWhy(t *testing.T) {
	t.Parallel()
	manager := organization(t, "crash-org")
	manager.call(t, http.MethodPost, "", map[string]any{"slug": "crash-app", "location": push(t, "crash:v1", "-exit-code=3")}, http.StatusCreated, nil)
	eventually(t, time.Minute, "the logs say what the App printed and how it ended", func() (bool, string) {
		saw := manager.logs(t, "crash-app")
		return strings.Contains(saw, "was told to end with status 3") && strings.Contains(saw, "exit code 3"), saw
	})
	mustSayWhy(t, "crash-org", "crash-app", berthv1alpha1.ReasonCrashLoopBackOff, "3")
}

func TestMissingImageSaysSo(t *testing.T) {
	t.Parallel()
	manager := organization(t, "missing-org")
	manager.call(t, http.MethodPost, "", map[string]any{"slug": "missing-app", "location": berth.Env.Registry + "/never/was:pushed"}, http.StatusCreated, nil)
	mustSayWhy(t, "missing-org", "missing-app", berthv1alpha1.ReasonImageNotFound, "does not have the image")
	if saw := manager.logs(t, "missing-app"); !strings.Contains(saw, "does not have the image") {
		t.Errorf("the logs don't say that the image is missing: %q", saw)
	}
}

// mustSayWhy waits until an App's Ready condition is False for a reason, with a message that has a word in it.
func mustSayWhy(t *testing.T, namespace, slug, reason, word string) {
	t.Helper()
	eventually(t, time.Minute, "Ready is False for "+reason, func() (bool, string) {
		var a berthv1alpha1.App
		if err := berth.Client.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: slug}, &a); err != nil {
			t.Fatal(err)
		}
		ready := meta.FindStatusCondition(a.Status.Conditions, berthv1alpha1.ConditionReady)
		if ready == nil {
			return false, "no condition"
		}
		saw := string(ready.Status) + " " + ready.Reason + ": " + ready.Message
		return ready.Status == "False" && ready.Reason == reason && strings.Contains(ready.Message, word), saw
	})
}

func TestFollowedLogsArriveAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	manager := organization(t, "follow-org")
	manager.call(t, http.MethodPost, "", map[string]any{"slug": "follow-app", "location": push(t, "follow:v1")}, http.StatusCreated, nil)
	waitForPage(t, "follow-app."+berth.Env.BaseDomain, "Hello")
	lines := manager.follow(t, "follow-app")
	host := "follow-app." + berth.Env.BaseDomain
	// The answer begins before the Pods' streams are open, so what is written in between may come with the lines of before, which are
	// not asked for.
	eventually(t, 20*time.Second, "a line arrives", func() (bool, string) {
		mustVisit(t, host+"/first")
		return hasLine(lines, "path=/first"), ""
	})
	mustVisit(t, host+"/second")
	eventually(t, 20*time.Second, "the next line arrives", func() (bool, string) { return hasLine(lines, "path=/second"), "" })

	long := "/long" + strings.Repeat("x", 40_000) // The container runtime writes it in three pieces.
	mustVisit(t, host+long)
	mustVisit(t, host+"/last")
	eventually(t, 20*time.Second, "tail counts whole lines", func() (bool, string) {
		var answer struct {
			Content string `json:"content"`
		}
		manager.call(t, http.MethodGet, "follow-app/logs/?tail=2", nil, http.StatusOK, &answer)
		before, after, _ := strings.Cut(strings.TrimSuffix(answer.Content, "\n"), "\n")
		whole := strings.Contains(before, "request") && strings.HasSuffix(before, long)
		return whole && strings.HasSuffix(after, "path=/last"), fmt.Sprintf("%.80q … and %.80q", before, after)
	})
}

func TestPlainHTTPLeadsToHTTPS(t *testing.T) {
	t.Parallel()
	manager := organization(t, "plain-org")
	manager.call(t, http.MethodPost, "", map[string]any{"slug": "plain-app", "location": push(t, "plain:v1")}, http.StatusCreated, nil)
	host := "plain-app." + berth.Env.BaseDomain
	waitForPage(t, host, "Hello")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+host+"/some/path", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := httpClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	permanent := res.StatusCode == http.StatusMovedPermanently || res.StatusCode == http.StatusPermanentRedirect
	if got := res.Header.Get("Location"); !permanent || got != "https://"+host+"/some/path" {
		t.Errorf("status %s with Location %q", res.Status, got)
	}
}
