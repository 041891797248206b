package e2e

import (
	"fmt"
	"testing"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"

	berthv1alpha1 "github.com/berth-dev/berth/api/v1alpha1"
)

// The files of an App, of a Domain for it and of their organization, as somebody has them in Git.
func appFile(namespace, name, image, more string) string {
	return fmt.Sprintf(`
apiVersion: berth.dev/v1alpha1
kind: App
metadata:
  name: %s
  namespace: %s
spec:
  image: %s
  %s
`, name, namespace, image, more)
}

func domainFile(namespace, name, app, host string) string {
	return fmt.Sprintf(`
apiVersion: berth.dev/v1alpha1
kind: Domain
metadata:
  name: %s
  namespace: %s
spec:
  host: %s
  appRef: {name: %s}
`, name, namespace, host, app)
}

func organizationFile(name string) string {
	return fmt.Sprintf(`
apiVersion: v1
kind: Namespace
metadata:
  name: %[1]s
  labels:
    berth.dev/organization: %[1]s
---
apiVersion: berth.dev/v1alpha1
kind: Organization
metadata:
  name: %[1]s
spec:
  trusted: true
`, name)
}

// TestFlux leads an organization, its App and its Domain through what a Git repository can say of them.
func TestFlux(t *testing.T) {
	t.Parallel()
	const org, slug, host = "git-org", "git-app", "www.git.test"
	const otherOrg, taken = "git-other-org", "www.git-other.test"
	organization(t, otherOrg).deploy(t, "git-other-app", "Taken")
	applyDomain(t, otherOrg, "www", taken, "git-other-app", "")
	v1, v2 := push(t, "git:v1", "-version=v1"), push(t, "git:v2", "-version=v2")
	apps, domains := watchStatuses(t, "apps", org, slug), watchStatuses(t, "domains", org, "www")
	git := newGitOps(t, org)

	git.mustApply(t, git.push(t, map[string]string{
		"organization.yaml": organizationFile(org), "app.yaml": appFile(org, slug, v1, ""), "domain.yaml": domainFile(org, "www", slug, host),
	}))
	// Flux has waited, so nothing is left to come.
	mustRun(t, org, slug, v1)
	apps.mustGo(t, "the App", status.InProgressStatus, status.CurrentStatus)
	domains.mustGo(t, "the Domain", status.InProgressStatus, status.CurrentStatus)
	waitForPage(t, host, "Hello from sample v1")

	before := podUIDs(t, org, slug)
	git.mustApply(t, git.push(t, map[string]string{"app.yaml": appFile(org, slug, v2, "")}))
	mustRun(t, org, slug, v2)
	apps.mustGo(t, "the App with another image", status.InProgressStatus, status.CurrentStatus)
	mustBeReplaced(t, org, slug, before)
	waitForPage(t, host, "Hello from sample v2")

	// An image may still be pushed, so the App goes on trying; Flux waits for as long as the Kustomization lets it.
	git.waitAtMost(t, "10s")
	missing := berth.Env.Registry + "/never/was:pushed"
	git.mustFail(t, git.push(t, map[string]string{"app.yaml": appFile(org, slug, missing, "")}), "App/"+org+"/"+slug)
	mustSayWhy(t, org, slug, berthv1alpha1.ReasonImageNotFound, "does not have the image")
	apps.mustGo(t, "the App whose image is missing", status.InProgressStatus)
	mustVisit(t, host)

	// That the host is another's is for a person to change, so nobody waits.
	git.waitAtMost(t, "1h")
	waitForDomain(t, otherOrg, "www")
	refused := git.push(t, map[string]string{"app.yaml": appFile(org, slug, v2, ""), "domain.yaml": domainFile(org, "www", slug, taken)})
	git.mustFail(t, refused, "Domain/"+org+"/www")
	apps.mustGo(t, "the App whose image is there again", status.CurrentStatus)
	domains.mustGo(t, "the Domain whose host is another's", status.InProgressStatus, status.FailedStatus)

	git.mustApply(t, git.push(t, map[string]string{"domain.yaml": domainFile(org, "www", slug, host)}))
	domains.mustGo(t, "the Domain with its own host", status.InProgressStatus, status.CurrentStatus)

	mustStall(t, git, org, slug, v2, apps)

	git.mustApply(t, git.push(t, map[string]string{"app.yaml": "", "domain.yaml": ""}))
	mustLeaveNothing(t, org)
	apps.mustGo(t, "the App that Git has no more", status.NotFoundStatus)
	domains.mustGo(t, "the Domain that Git has no more", status.NotFoundStatus)
}

// mustStall names a role of AWS for a registry that isn't AWS's, which is for a person to change as well, and takes it back.
func mustStall(t *testing.T, git *gitOps, namespace, slug, image string, apps *statuses) {
	t.Helper()
	const role = "registry: {roleARN: 'arn:aws:iam::123456789012:role/pull'}"
	git.mustFail(t, git.push(t, map[string]string{"app.yaml": appFile(namespace, slug, image, role)}), "App/"+namespace+"/"+slug)
	mustSayWhy(t, namespace, slug, berthv1alpha1.ReasonRegistryMismatch, "123456789012")
	apps.mustGo(t, "the App with a role for another registry", status.InProgressStatus, status.FailedStatus)
	git.mustApply(t, git.push(t, map[string]string{"app.yaml": appFile(namespace, slug, image, "")}))
	apps.mustGo(t, "the App without the role", status.InProgressStatus, status.CurrentStatus)
}

// mustRun fails the test unless an App runs an image, and nothing else, now.
func mustRun(t *testing.T, namespace, slug, image string) {
	t.Helper()
	d := deployment(t, namespace, slug)
	got := d.Spec.Template.Spec.Containers[0].Image
	if st := d.Status; got != image || st.ObservedGeneration != d.Generation || st.UpdatedReplicas != 1 || st.Replicas != 1 || st.ReadyReplicas != 1 {
		t.Errorf("the Deployment runs %s and says %+v, want one Pod of %s", got, st, image)
	}
}
