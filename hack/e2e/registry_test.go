package e2e

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	berthv1alpha1 "github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/hack/dev/stack"
	"github.com/berth-dev/berth/internal/testing/testaws"
)

// TestPullWithALogin has a REST client give a user name and its password for a registry that isn't ECR and lets nobody else in.
func TestPullWithALogin(t *testing.T) {
	t.Parallel()
	const org, slug, image, wrong = "login-org", "login-app", "login/web:v1", "password-of-nobody"
	manager := organization(t, org)
	push(t, image)
	location := stack.UsersHost + "/" + image
	var answers strings.Builder
	say := func(method, path string, body any, status int) {
		t.Helper()
		got, answer := manager.send(t, method, "/containers/"+org+"/apps/"+path, body)
		answers.Write(answer)
		if got != status {
			t.Fatalf("%s: status %d, want %d: %s", method, got, status, answer)
		}
	}
	say(http.MethodPost, "", url.Values{"slug": {slug}, "location": {location}, "role_name": {testaws.RegistryUser}}, http.StatusBadRequest)
	say(http.MethodPost, "", url.Values{"slug": {slug}, "location": {location}}, http.StatusCreated)
	mustSayWhy(t, org, slug, berthv1alpha1.ReasonImagePullDenied, "the App names none")
	say(http.MethodPut, slug+"/", url.Values{"role_name": {testaws.RegistryUser}, "external_id": {wrong}}, http.StatusOK)
	mustSayWhy(t, org, slug, berthv1alpha1.ReasonImagePullDenied, "Check the user name and the password in Secret "+slug+"-registry-")

	say(http.MethodPut, slug+"/", map[string]any{"external_id": testaws.RegistryPassword}, http.StatusOK)
	waitForReplicas(t, org, slug, "1")
	waitForPage(t, slug+"."+berth.Env.BaseDomain, "Hello from sample")

	say(http.MethodGet, slug+"/", nil, http.StatusOK)
	id := kubectl(t, "", "get", "namespace", org, "-o", `jsonpath={.metadata.annotations.berth\.dev/external-id}`)
	if shown := `"external_id":"` + id + `"`; len(id) != 32 || !strings.Contains(answers.String(), shown) {
		t.Errorf("no answer has %s", shown)
	}
	for where, text := range map[string]string{
		"an answer":    answers.String(),
		"a log":        kubectl(t, "", "logs", "-n", stack.Namespace, "-l", "app.kubernetes.io/name in (berth-operator, berth-facade)", "--tail=-1"),
		"an object":    kubectl(t, "", "get", "apps,deployments,replicasets,pods", "-n", org, "-o", "yaml", "--show-managed-fields"),
		"a field name": kubectl(t, "", "get", "secrets", "-n", org, "-o", "jsonpath={.items[*].metadata}", "--show-managed-fields"),
		"an event":     kubectl(t, "", "get", "events", "-n", org, "-o", "yaml"),
	} {
		if strings.Contains(text, testaws.RegistryPassword) || strings.Contains(text, wrong) {
			t.Errorf("%s has a password", where)
		}
	}
}

// TestPulledImageIsNotOthers has an organization name an image that the node has already, since another one's login has pulled it.
func TestPulledImageIsNotOthers(t *testing.T) {
	t.Parallel()
	const org, slug, thief, image = "private-org", "private-app", "thief-org", "private/web:v1"
	manager, other := organization(t, org), organization(t, thief)
	push(t, image)
	manager.call(t, http.MethodPost, "", url.Values{
		"slug": {slug}, "location": {stack.UsersHost + "/" + image}, "role_name": {testaws.RegistryUser}, "external_id": {testaws.RegistryPassword},
	}, http.StatusCreated, nil)
	waitForReplicas(t, org, slug, "1")
	pulled := kubectl(t, "", "get", "app", slug, "-n", org, "-o", "jsonpath={.status.image}")
	if !strings.HasPrefix(pulled, stack.UsersHost+"/private/web@sha256:") {
		t.Fatalf("the App runs %q", pulled)
	}
	other.call(t, http.MethodPost, "", url.Values{"slug": {"thief-app"}, "location": {pulled}}, http.StatusCreated, nil)
	mustSayWhy(t, thief, "thief-app", berthv1alpha1.ReasonImagePullDenied, "the App names none")
}

// TestAmazonFails shows what an App says while AWS doesn't know the platform, and while it doesn't answer, and that a token which holds is used
// until AWS is back.
func TestAmazonFails(t *testing.T) {
	t.Parallel()
	const org, app, image = "outage-org", "outage-app", "outage/web:v1"
	createOrganization(t, org)
	push(t, image)
	role := ecrRole(t, org, "outage/web")
	role.Lifetime = 40 // Seconds.
	tellAmazon(t, testaws.RolePath, role)
	fault := testaws.Fault{Action: testaws.AssumeRole, Role: role.ARN, Times: 1000, Status: http.StatusForbidden, Code: "InvalidClientTokenId"}
	tellAmazon(t, testaws.FaultPath, fault)
	applyECRApp(t, org, app, image, role.ARN)
	mustSayWhy(t, org, app, berthv1alpha1.ReasonNoPlatformIdentity, "InvalidClientTokenId")
	down := fault
	down.Status, down.Code = http.StatusServiceUnavailable, "ServiceUnavailable"
	tellAmazon(t, testaws.FaultPath, down)
	mustSayWhy(t, org, app, berthv1alpha1.ReasonAWSUnavailable, "ServiceUnavailable")
	up := fault
	up.Times = 0
	tellAmazon(t, testaws.FaultPath, up)
	waitForReplicas(t, org, app, "1")

	tellAmazon(t, testaws.FaultPath, down)
	issued := tokenTime(t, org, app, berthv1alpha1.AnnotationIssuedAt)
	eventually(t, time.Minute, "the App notes that its token can't be renewed, and is ready", func() (bool, string) {
		var a berthv1alpha1.App
		if err := berth.Client.Get(t.Context(), client.ObjectKey{Namespace: org, Name: app}, &a); err != nil {
			t.Fatal(err)
		}
		configured := meta.FindStatusCondition(a.Status.Conditions, berthv1alpha1.ConditionReferencesResolved)
		ready := meta.IsStatusConditionTrue(a.Status.Conditions, berthv1alpha1.ConditionReady)
		return configured != nil && strings.Contains(configured.Message, "can't be renewed") && ready, configured.String()
	})
	if now := tokenTime(t, org, app, berthv1alpha1.AnnotationIssuedAt); !now.Equal(issued) {
		t.Errorf("the token of %s was replaced by one of %s while AWS was down", issued, now)
	}
	tellAmazon(t, testaws.FaultPath, up)
	eventually(t, time.Minute, "the token is renewed", func() (bool, string) {
		now := tokenTime(t, org, app, berthv1alpha1.AnnotationIssuedAt)
		return now.After(issued), now.String()
	})
}
