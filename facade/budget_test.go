package facade

import (
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/policy"
)

// limitSecrets sets how much an organization may keep, and write within a minute, and waits for the server to know.
func limitSecrets(t *testing.T, organization, bytes, perMinute string) {
	t.Helper()
	org := &v1alpha1.Organization{}
	if err := suite.cluster.Get(t.Context(), client.ObjectKey{Name: organization}, org); err != nil {
		t.Fatal(err)
	}
	most, rate := resource.MustParse(bytes), resource.MustParse(perMinute)
	org.Spec.Limits = &v1alpha1.OrganizationLimits{SecretBytes: &most, SecretBytesPerMinute: &rate}
	if err := suite.cluster.Update(t.Context(), org); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the server knows the limits", func() bool {
		known, _ := policy.SecretBytes(suite.server.store.Policy(t.Context(), organization))
		return known == most.Value()
	})
}

// env returns the body of a change of an app's environment to one variable of a size.
func env(value string, size int) map[string]any {
	return map[string]any{"env": []any{map[string]any{"name": "A", "value": strings.Repeat(value, size-1)}}}
}

// newApp returns the body of a new app.
func newApp(slug string, env map[string]any) map[string]any {
	body := map[string]any{"slug": slug, "location": "registry.example.com/shop:v1"}
	maps.Copy(body, env)
	return body
}

// keptEnv returns the Secrets with environments of an organization.
func keptEnv(t *testing.T, organization string) []corev1.Secret {
	t.Helper()
	var secrets corev1.SecretList
	label := client.MatchingLabels{v1alpha1.LabelSecret: v1alpha1.SecretEnv}
	if err := suite.cluster.List(t.Context(), &secrets, client.InNamespace(organization), label); err != nil {
		t.Fatal(err)
	}
	return secrets.Items
}

func TestSecretsOfAnOrganizationAreBounded(t *testing.T) {
	org, key := organization(t)
	limitSecrets(t, org, "100Ki", "64Mi")
	refused := func(got answer, field string) {
		t.Helper()
		message := fmt.Sprint(got.want(t, http.StatusBadRequest).json(t)[field])
		if !strings.Contains(message, "100Ki") || !strings.Contains(message, "spec.limits.secretBytes") {
			t.Errorf("got %s, want %s refused for the limit", got.body, field)
		}
	}
	call(t, key, http.MethodPost, appsPath(org), newApp("budget-a", env("a", 60<<10))).want(t, http.StatusCreated)
	refused(call(t, key, http.MethodPost, appsPath(org), newApp("budget-b", env("b", 60<<10))), "env")
	call(t, key, http.MethodGet, appPath(org, "budget-b"), nil).want(t, http.StatusNotFound)
	call(t, key, http.MethodPost, appsPath(org), newApp("budget-b", env("b", 30<<10))).want(t, http.StatusCreated)

	refused(call(t, key, http.MethodPut, appPath(org, "budget-b"), env("c", 50<<10)), "env")
	refused(call(t, key, http.MethodPut, appPath(org, "budget-b"), map[string]any{
		"role_name": "robot", "external_id": strings.Repeat("t", 15<<10),
	}), "external_id")
	// An organization at its limit gets below it.
	call(t, key, http.MethodPut, appPath(org, "budget-a"), env("d", 59<<10)).want(t, http.StatusOK)
	call(t, key, http.MethodPut, appPath(org, "budget-a"), map[string]any{"env": []any{}}).want(t, http.StatusOK)
	call(t, key, http.MethodPut, appPath(org, "budget-b"), env("e", 60<<10)).want(t, http.StatusOK)
}

// Values that nothing has used when they are replaced are not kept.
func TestReplacedSecretsAreDeleted(t *testing.T) {
	org, key := organization(t)
	call(t, key, http.MethodPost, appsPath(org), newApp("replaced", env("a", 100))).want(t, http.StatusCreated)
	for i := range 5 {
		call(t, key, http.MethodPut, appPath(org, "replaced"), env(strconv.Itoa(i), 100)).want(t, http.StatusOK)
	}
	if kept := keptEnv(t, org); len(kept) != 1 {
		t.Errorf("%d Secrets are kept, want that of the present environment", len(kept))
	}

	// What the controllers have taken over, Pods may run with: they delete it.
	owned := keptEnv(t, org)[0]
	app := appOf(t, org, "replaced")
	owned.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(app, v1alpha1.GroupVersion.WithKind("App"))}
	if err := suite.cluster.Update(t.Context(), &owned); err != nil {
		t.Fatal(err)
	}
	call(t, key, http.MethodPut, appPath(org, "replaced"), env("z", 100)).want(t, http.StatusOK)
	if kept := keptEnv(t, org); len(kept) != 2 {
		t.Errorf("%d Secrets are kept, want the present one and the one that Pods may run with", len(kept))
	}
}

func TestWritesOfAnOrganizationAreBounded(t *testing.T) {
	org, key := organization(t)
	limitSecrets(t, org, "1Gi", "1Ki") // At least the largest environment is written within a minute.
	size := policy.MaxEnvironment/8 - 100
	call(t, key, http.MethodPost, appsPath(org), newApp("rate", env("a", size))).want(t, http.StatusCreated)
	var last answer
	for i := range 12 {
		if last = call(t, key, http.MethodPut, appPath(org, "rate"), env(strconv.Itoa(i%10), size)); last.status != http.StatusOK {
			break
		}
	}
	wantWait(t, last)
	if kept := keptEnv(t, org); len(kept) != 1 {
		t.Errorf("%d Secrets are kept after a refused change, want one", len(kept))
	}
	other, otherKey := organization(t)
	call(t, otherKey, http.MethodPost, appsPath(other), newApp("rate-other", env("a", size))).want(t, http.StatusCreated)
}
