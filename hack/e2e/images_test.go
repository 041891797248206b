package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	berthv1alpha1 "github.com/berth-dev/berth/api/v1alpha1"
)

// An image that starts as root and gives up what it does not need runs as it does elsewhere, unless the App or the organization says otherwise.
func TestImagesThatStartAsRoot(t *testing.T) {
	t.Parallel()
	const org, restricted = "root-org", "root-restricted"
	image := pushTestProgram(t, "entrypoint", "--user=0")
	manager := organization(t, org)
	manager.call(t, http.MethodPost, "", map[string]any{"slug": "root-app", "location": image}, http.StatusCreated, nil)
	mustBeReady(t, org, "root-app")
	for _, line := range reportOf(t, "root-app") {
		if !strings.HasSuffix(line, ": ok") {
			t.Errorf("a step of the entrypoint failed: %s", line)
		}
	}

	kubectl(t, fmt.Sprintf(`
apiVersion: berth.dev/v1alpha1
kind: App
metadata: {name: root-none, namespace: %s}
spec: {image: "%s", security: {capabilities: None}}
`, org, image), "apply", "-f", "-")
	mustBeReady(t, org, "root-none")
	if lines := reportOf(t, "root-none"); !slices.Contains(lines, "mkdir: ok") || slices.Contains(lines, "chown: ok") || slices.Contains(lines, "setuid: ok") {
		t.Errorf("without capabilities the steps went %q", lines)
	}

	manager = organization(t, restricted, "--pod-security=restricted")
	manager.call(t, http.MethodPost, "", map[string]any{"slug": "root-refused", "location": image}, http.StatusCreated, nil)
	mustSayWhy(t, restricted, "root-refused", berthv1alpha1.ReasonRunsAsRoot, "Set USER in the image")
}

// reportOf returns what an App of the entrypoint says of each of its steps.
func reportOf(t *testing.T, slug string) []string {
	t.Helper()
	var report string
	eventually(t, time.Minute, "the page of "+slug, func() (bool, string) {
		got, err := page(t.Context(), slug+"."+berth.Env.BaseDomain+"/")
		report = got
		return err == nil && strings.HasPrefix(got, "mkdir"), fmt.Sprint(got, err)
	})
	return strings.Split(strings.TrimSpace(report), "\n")
}

// A version that dies seconds after it listens never replaces the one before, however often it is started again.
func TestVersionThatDies(t *testing.T) {
	t.Parallel()
	const org, slug = "dying-org", "dying-app"
	host := slug + "." + berth.Env.BaseDomain
	manager := organization(t, org)
	manager.call(t, http.MethodPost, "", map[string]any{"slug": slug, "location": push(t, "dying:v1", "-version=v1")}, http.StatusCreated, nil)
	mustBeReady(t, org, slug)
	waitForPage(t, host, "Hello from sample v1")
	before := podUIDs(t, org, slug)

	dying := push(t, "dying:v2", "-version=v2", "-die-after=5s")
	manager.call(t, http.MethodPut, slug+"/", map[string]any{"location": dying}, http.StatusOK, nil)
	mustSayWhy(t, org, slug, berthv1alpha1.ReasonCrashLoopBackOff, "The previous version keeps serving.")
	eventually(t, 2*time.Minute, "the new version has died three times", func() (bool, string) {
		n := restarts(t, org, slug)
		return n >= 3, fmt.Sprint(n)
	})
	if now := podUIDs(t, org, slug); !slices.Contains(now, before[0]) {
		t.Errorf("the Pods are %v, without that of the version before, %v", now, before)
	}
	waitForPage(t, host, "Hello from sample v1")

	manager.call(t, http.MethodPut, slug+"/", map[string]any{"location": push(t, "dying:v3", "-version=v3")}, http.StatusOK, nil)
	mustBeReplaced(t, org, slug, before)
	waitForPage(t, host, "Hello from sample v3")
}

// restarts counts how often containers of an App's Pods were started again.
func restarts(t *testing.T, namespace, slug string) int32 {
	t.Helper()
	var list corev1.PodList
	if err := berth.Client.List(t.Context(), &list, client.InNamespace(namespace), client.MatchingLabels{berthv1alpha1.LabelApp: slug}); err != nil {
		t.Fatal(err)
	}
	var n int32
	for i := range list.Items {
		for _, c := range list.Items[i].Status.ContainerStatuses {
			n += c.RestartCount
		}
	}
	return n
}
