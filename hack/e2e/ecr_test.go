package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	berthv1alpha1 "github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/hack/dev/stack"
	"github.com/berth-dev/berth/internal/testing/testaws"
)

// tellAmazon sends a role or a fault to a path by which the local AWS is controlled.
func tellAmazon(t *testing.T, path string, what any) {
	t.Helper()
	body, err := json.Marshal(what)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, time.Minute, "the local AWS answers", func() (bool, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+berth.AmazonAddr+path, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return false, err.Error()
		}
		defer res.Body.Close()
		return res.StatusCode == http.StatusOK, res.Status
	})
}

// createOrganization makes an organization that nobody has a key for.
func createOrganization(t *testing.T, name string) {
	t.Helper()
	if err := berth.CreateOrganization(t.Context(), name); err != nil {
		t.Fatal(err)
	}
}

// ecrRole returns a role that trusts an organization and may read a repository.
func ecrRole(t *testing.T, organization, repository string) testaws.Role {
	t.Helper()
	id := ""
	eventually(t, time.Minute, "the organization has an external id", func() (bool, string) {
		id = kubectl(t, "", "get", "organization", organization, "-o", "jsonpath={.status.externalID}")
		return id != "", ""
	})
	return testaws.Role{ARN: "arn:aws:iam::222222222222:role/" + organization, ExternalID: id, Repositories: []string{repository}}
}

// applyECRApp applies an App whose image is in the registry of the local AWS; with a role, if one is given.
func applyECRApp(t *testing.T, organization, name, image, role string) {
	t.Helper()
	registry := ""
	if role != "" {
		registry = "\n  registry: {roleARN: \"" + role + "\"}"
	}
	kubectl(t, fmt.Sprintf("apiVersion: berth.dev/v1alpha1\nkind: App\nmetadata: {name: %s, namespace: %s}\nspec:\n  image: %s%s\n",
		name, organization, stack.ECRHost+"/"+image, registry), "apply", "-f", "-")
}

// podsOf returns the UIDs of an App's Pods that do not end already.
func podsOf(t *testing.T, namespace, app string) []string {
	t.Helper()
	var pods corev1.PodList
	if err := berth.Client.List(t.Context(), &pods, client.InNamespace(namespace), client.MatchingLabels{berthv1alpha1.LabelApp: app}); err != nil {
		t.Fatal(err)
	}
	var uids []string
	for _, p := range pods.Items {
		if p.DeletionTimestamp.IsZero() {
			uids = append(uids, string(p.UID))
		}
	}
	slices.Sort(uids)
	return uids
}

// tokenTime returns a time that an App's pull Secret names.
func tokenTime(t *testing.T, namespace, app, annotation string) time.Time {
	t.Helper()
	var secret corev1.Secret
	if err := berth.Client.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: app + "-pull"}, &secret); err != nil {
		t.Fatal(err)
	}
	at, err := time.Parse(time.RFC3339, secret.Annotations[annotation])
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// restartPod deletes the Pods of an App and waits until the App runs others.
func restartPod(t *testing.T, namespace, app string, meanwhile func()) {
	t.Helper()
	before := podsOf(t, namespace, app)
	kubectl(t, "", "delete", "pod", "-n", namespace, "-l", berthv1alpha1.LabelApp+"="+app, "--wait=false")
	meanwhile()
	eventually(t, 3*time.Minute, "other Pods are ready", func() (bool, string) {
		after := podsOf(t, namespace, app)
		saw := kubectl(t, "", "get", "app", app, "-n", namespace, "-o", `jsonpath={.status.conditions[?(@.type=="Ready")].status}`)
		old := slices.ContainsFunc(after, func(uid string) bool { return slices.Contains(before, uid) })
		return len(after) > 0 && !old && saw == "True", saw + " " + strings.Join(after, " ")
	})
}

func TestPullFromECR(t *testing.T) {
	t.Parallel()
	const org, app, image = "ecr-org", "ecr-app", "ecr/web:v1"
	createOrganization(t, org)
	push(t, image)
	applyECRApp(t, org, app, image, "")
	mustSayWhy(t, org, app, berthv1alpha1.ReasonImagePullDenied, "name the AWS role")

	role := ecrRole(t, org, "ecr/web")
	wrong := role
	wrong.ExternalID = "of-another-organization"
	tellAmazon(t, testaws.RolePath, wrong)
	applyECRApp(t, org, app, image, role.ARN)
	mustSayWhy(t, org, app, berthv1alpha1.ReasonRoleRefused, "external id "+role.ExternalID)
	mustSayWhy(t, org, app, berthv1alpha1.ReasonRoleRefused, "account "+testaws.Account)

	role.Lifetime = 20 // Seconds.
	tellAmazon(t, testaws.RolePath, role)
	waitForReplicas(t, org, app, "1")
	mustKeepPods(t, org, app)

	// While no token can be had, the one that is there ends, and a Pod that is started with it waits until there is one again.
	refused := role
	refused.NoToken = true
	tellAmazon(t, testaws.RolePath, refused)
	eventually(t, time.Minute, "the token ends", func() (bool, string) {
		at := tokenTime(t, org, app, berthv1alpha1.AnnotationExpiresAt)
		return time.Now().After(at.Add(time.Second)), at.String()
	})
	mustSayWhy(t, org, app, berthv1alpha1.ReasonTokenRefused, "ecr:GetAuthorizationToken")
	restartPod(t, org, app, func() {
		eventually(t, time.Minute, "the registry refuses the Pod", func() (bool, string) {
			saw := kubectl(t, "", "get", "app", app, "-n", org, "-o", `jsonpath={.status.conditions[?(@.type=="Available")].reason}`)
			return saw == berthv1alpha1.ReasonImagePullDenied, saw
		})
		tellAmazon(t, testaws.RolePath, role)
	})
}

// mustKeepPods waits until an App's token was renewed twice, and fails if that has replaced anything.
func mustKeepPods(t *testing.T, namespace, app string) {
	t.Helper()
	var before, after appsv1.Deployment
	at := client.ObjectKey{Namespace: namespace, Name: app}
	if err := berth.Client.Get(t.Context(), at, &before); err != nil {
		t.Fatal(err)
	}
	pods := podsOf(t, namespace, app)
	for range 2 {
		issued := tokenTime(t, namespace, app, berthv1alpha1.AnnotationIssuedAt)
		eventually(t, time.Minute, "the token is renewed", func() (bool, string) {
			now := tokenTime(t, namespace, app, berthv1alpha1.AnnotationIssuedAt)
			return now.After(issued), now.String()
		})
	}
	if err := berth.Client.Get(t.Context(), at, &after); err != nil {
		t.Fatal(err)
	}
	if before.Generation != after.Generation {
		t.Errorf("the Deployment's generation went from %d to %d", before.Generation, after.Generation)
	}
	if now := podsOf(t, namespace, app); !slices.Equal(pods, now) {
		t.Errorf("the Pods were %q and are %q", pods, now)
	}
}

// A registry may refuse a token long before it ends.
func TestRevokedTokenIsReplaced(t *testing.T) {
	t.Parallel()
	const org, app, image = "revoked-org", "revoked-app", "revoked/web:v1"
	createOrganization(t, org)
	push(t, image)
	role := ecrRole(t, org, "revoked/web")
	tellAmazon(t, testaws.RolePath, role)
	applyECRApp(t, org, app, image, role.ARN)
	waitForReplicas(t, org, app, "1")
	eventually(t, time.Minute, "the token is old enough to be replaced", func() (bool, string) {
		at := tokenTime(t, org, app, berthv1alpha1.AnnotationIssuedAt)
		return time.Since(at) > 31*time.Second, at.String()
	})
	tellAmazon(t, testaws.RevokePath, role)
	restartPod(t, org, app, func() {})
}
