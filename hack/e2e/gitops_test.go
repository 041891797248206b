package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// fluxNamespace is where the tests' Kustomizations are.
const fluxNamespace = "flux-system"

// fluxOwner is the field owner of what Flux applies.
const fluxOwner = "kustomize-controller"

// requestedAt is the annotation that asks Flux to reconcile now.
const requestedAt = "reconcile.fluxcd.io/requestedAt"

var (
	kustomizationKind = schema.GroupVersionKind{Group: "kustomize.toolkit.fluxcd.io", Version: "v1", Kind: "Kustomization"}
	repositoryKind    = schema.GroupVersionKind{Group: "source.toolkit.fluxcd.io", Version: "v1", Kind: "GitRepository"}
)

// gitOps is a Git repository whose files Flux keeps the cluster to, as the Kustomization of the same name says.
type gitOps struct {
	name, worktree string
}

// newGitOps makes an empty repository, and tells Flux to wait until what it applies is ready: for longer than any test does, so that a test that sees
// a failure has seen one that was told of at once.
func newGitOps(t *testing.T, name string) *gitOps {
	t.Helper()
	g := &gitOps{name: name, worktree: t.TempDir()}
	bare := filepath.Join(berth.Git.Repositories, name+".git")
	g.git(t, "init", "--quiet", "--bare", "--initial-branch=main", bare)
	g.git(t, "init", "--quiet", "--initial-branch=main")
	g.git(t, "remote", "add", "origin", bare)
	kubectl(t, fmt.Sprintf(`
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata:
  name: %[1]s
  namespace: %[2]s
spec:
  url: %[3]s%[1]s.git
  ref: {branch: main}
  interval: 1h
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata:
  name: %[1]s
  namespace: %[2]s
spec:
  sourceRef: {kind: GitRepository, name: %[1]s}
  path: ./
  prune: true
  wait: true
  timeout: 1h
  retryInterval: 1s
  interval: 1h
`, name, fluxNamespace, berth.Git.URL), "apply", "-f", "-")
	return g
}

// actAsManager holds the Kustomization to what the managers of an organization may do.
func (g *gitOps) actAsManager(t *testing.T, organization string) {
	t.Helper()
	kubectl(t, "", "create", "serviceaccount", organization, "-n", fluxNamespace)
	account := "--serviceaccount=" + fluxNamespace + ":" + organization
	kubectl(t, "", "create", "rolebinding", "flux", "-n", organization, "--clusterrole=berth-manager", account)
	kubectl(t, "", "patch", "kustomization", g.name, "-n", fluxNamespace, "--type=merge", "-p", `{"spec":{"serviceAccountName":"`+organization+`"}}`)
}

// waitAtMost bounds how long Flux waits for what it applies to become ready.
func (g *gitOps) waitAtMost(t *testing.T, timeout string) {
	t.Helper()
	kubectl(t, "", "patch", "kustomization", g.name, "-n", fluxNamespace, "--type=merge", "-p", `{"spec":{"timeout":"`+timeout+`"}}`)
}

// git runs Git in the worktree.
func (g *gitOps) git(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = g.worktree
	who := []string{"GIT_AUTHOR_NAME=tests", "GIT_AUTHOR_EMAIL=tests@example.test", "GIT_COMMITTER_NAME=tests", "GIT_COMMITTER_EMAIL=tests@example.test"}
	cmd.Env = append(os.Environ(), append(who, "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v: %s", args[0], err, out)
	}
	return strings.TrimSpace(string(out))
}

// push commits files by their names, an empty one being none, pushes that, tells Flux to look, and returns the revision in Flux's words.
func (g *gitOps) push(t *testing.T, files map[string]string) (revision string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(g.worktree, name)
		err := os.WriteFile(path, []byte(text), 0o600)
		if text == "" {
			err = os.Remove(path)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	g.git(t, "add", "--all")
	g.git(t, "commit", "--quiet", "--message=Change")
	g.git(t, "push", "--quiet", "origin", "main")
	g.request(t, repositoryKind)
	return "main@sha1:" + g.git(t, "rev-parse", "HEAD")
}

// request asks Flux to reconcile one of its objects now, and returns what the object will say when that is done.
func (g *gitOps) request(t *testing.T, kind schema.GroupVersionKind) string {
	t.Helper()
	token := time.Now().Format(time.RFC3339Nano)
	object := g.get(t, kind)
	before := object.DeepCopy()
	object.SetAnnotations(map[string]string{requestedAt: token})
	if err := berth.Client.Patch(t.Context(), object, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
	return token
}

func (g *gitOps) get(t *testing.T, kind schema.GroupVersionKind) *unstructured.Unstructured {
	t.Helper()
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(kind)
	if err := berth.Client.Get(t.Context(), client.ObjectKey{Namespace: fluxNamespace, Name: g.name}, object); err != nil {
		t.Fatal(err)
	}
	return object
}

// kustomization is what the tests want to know of a Kustomization.
type kustomization struct {
	Status struct {
		ObservedGeneration     int64              `json:"observedGeneration"`
		LastAppliedRevision    string             `json:"lastAppliedRevision"`
		LastAttemptedRevision  string             `json:"lastAttemptedRevision"`
		LastHandledReconcileAt string             `json:"lastHandledReconcileAt"`
		Conditions             []metav1.Condition `json:"conditions"`
	} `json:"status"`
}

// waitFor waits until the Kustomization is as a condition wants it, and is not under way; what it says is in the test's failure.
func (g *gitOps) waitFor(t *testing.T, what string, condition func(k kustomization, ready metav1.Condition) bool) {
	t.Helper()
	eventually(t, 2*time.Minute, "the Kustomization "+g.name+" "+what, func() (bool, string) {
		var k kustomization
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(g.get(t, kustomizationKind).Object, &k); err != nil {
			t.Fatal(err)
		}
		ready := meta.FindStatusCondition(k.Status.Conditions, "Ready")
		if ready == nil {
			return false, "no condition"
		}
		return condition(k, *ready), fmt.Sprintf("%s %s: %s; applied %s", ready.Status, ready.Reason, ready.Message, k.Status.LastAppliedRevision)
	})
}

// mustApply waits until a revision is applied, and all of it ready.
func (g *gitOps) mustApply(t *testing.T, revision string) {
	t.Helper()
	g.waitFor(t, "has applied "+revision, func(k kustomization, ready metav1.Condition) bool {
		return ready.Status == metav1.ConditionTrue && k.Status.LastAppliedRevision == revision
	})
}

// mustFail waits until the Kustomization says that a revision does not become ready, for a reason with these words.
func (g *gitOps) mustFail(t *testing.T, revision, words string) {
	t.Helper()
	g.waitFor(t, "has failed with "+revision+" and says "+words, func(k kustomization, ready metav1.Condition) bool {
		return k.Status.LastAttemptedRevision == revision && ready.Status == metav1.ConditionFalse &&
			ready.Reason == "HealthCheckFailed" && strings.Contains(ready.Message, words)
	})
}

// run has Flux apply everything once more, and waits until it has, and all of it is ready.
func (g *gitOps) run(t *testing.T) {
	t.Helper()
	token := g.request(t, kustomizationKind)
	g.waitFor(t, "has run again", func(k kustomization, ready metav1.Condition) bool {
		return k.Status.LastHandledReconcileAt == token && ready.Status == metav1.ConditionTrue
	})
}
