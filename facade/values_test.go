package facade

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/auth"
	"github.com/berth-dev/berth/internal/apikey"
	"github.com/berth-dev/berth/internal/rbac"
)

// hiddenValue is one that must not be in an answer to those without the right.
const hiddenValue = "a-value-that-contributors-do-not-see"

// valuesApp creates an app with two variables of REST clients and one of Git, and returns the path of it.
func valuesApp(t *testing.T, org, manager, slug string) string {
	t.Helper()
	call(t, manager, http.MethodPost, appsPath(org), map[string]any{
		"slug": slug, "location": "example.com/a", "env": []any{variable("PASSWORD", hiddenValue), variable("EMPTY", "")},
	}).want(t, http.StatusCreated)
	return appPath(org, slug)
}

// shownValues returns the values that an answer about an app shows, by name.
func shownValues(t *testing.T, app map[string]any) map[string]string {
	t.Helper()
	all := map[string]string{}
	env, ok := app["env"].([]any)
	if !ok {
		t.Fatalf("there is no env in %v", app)
	}
	for _, entry := range env {
		v, _ := entry.(map[string]any)
		name, _ := v["name"].(string)
		all[name], _ = v["value"].(string)
	}
	return all
}

// keptValue returns the value that the Secret has that an App's variable names.
func keptValue(t *testing.T, org, slug, name string) string {
	t.Helper()
	app := appOf(t, org, slug)
	for i := range app.Spec.Env {
		if v := app.Spec.Env[i]; v.Name == name && v.ValueFrom != nil && v.ValueFrom.SecretKeyRef != nil {
			secret := &corev1.Secret{}
			if err := suite.cluster.Get(t.Context(), client.ObjectKey{Namespace: org, Name: v.ValueFrom.SecretKeyRef.Name}, secret); err != nil {
				t.Fatal(err)
			}
			return string(secret.Data[v.ValueFrom.SecretKeyRef.Key])
		}
	}
	t.Fatalf("the App has no variable %s from a Secret", name)
	return ""
}

// grant binds a ClusterRole of these rules in an organization to the user that the holder of a key acts as, and returns the RoleBinding.
func grant(t *testing.T, org string, key apikey.Key, rules ...rbacv1.PolicyRule) *rbacv1.RoleBinding {
	t.Helper()
	role := create(t, &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}, Rules: rules})
	return create(t, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: org, GenerateName: "test-"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: rbac.UserOfKey(key.ID)}},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
	})
}

func ruleFor(verbs string, resources ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: resources, Verbs: strings.Fields(verbs)}
}

// TestValuesByRole reads an app as each role: one alone, in a list, and on a page of it.
func TestValuesByRole(t *testing.T) {
	org, manager := organization(t)
	path := valuesApp(t, org, manager, "values-by-role")
	_, all := newKeyOf(t, apikey.Spec{Role: apikey.RoleContributor, Organizations: []string{org}})
	_, platform := newKeyOf(t, apikey.Spec{Role: apikey.RoleHost})
	for name, tc := range map[string]struct {
		token string
		want  string
	}{
		"Contributor": {token: all},
		"Manager":     {token: manager, want: hiddenValue},
		"Host":        {token: platform, want: hiddenValue},
	} {
		t.Run(name, func(t *testing.T) {
			for _, at := range []string{path, strings.TrimSuffix(path, "/"), path + "?page=1"} {
				got := shownValues(t, call(t, tc.token, http.MethodGet, at, nil).want(t, http.StatusOK).json(t))
				if diff := cmp.Diff(map[string]string{"PASSWORD": tc.want, "EMPTY": ""}, got); diff != "" {
					t.Errorf("GET %s: values, -want, +got:\n%s", at, diff)
				}
			}
			for _, at := range []string{appsPath(org), appsPath(org) + "?page_size=1&page=last"} {
				page := call(t, tc.token, http.MethodGet, at, nil).want(t, http.StatusOK)
				results, _ := page.json(t)["results"].([]any)
				first, _ := results[0].(map[string]any)
				if diff := cmp.Diff(map[string]string{"PASSWORD": tc.want, "EMPTY": ""}, shownValues(t, first)); diff != "" {
					t.Errorf("GET %s: values, -want, +got:\n%s", at, diff)
				}
			}
			for _, at := range []string{domainsPath(org), domainPath(org, "values-by-role"), path + "logs/"} {
				if got := call(t, tc.token, http.MethodGet, at, nil).want(t, http.StatusOK); bytes.Contains(got.body, []byte(hiddenValue)) {
					t.Errorf("GET %s shows the value", at)
				}
			}
		})
	}
}

// TestValuesFollowRights gives the right to a contributor's key and takes it away again. A right to one app alone shows nothing.
func TestValuesFollowRights(t *testing.T) {
	org, manager := organization(t)
	path := valuesApp(t, org, manager, "values-follow-rights")
	key, token := newKeyOf(t, apikey.Spec{Role: apikey.RoleContributor, Organizations: []string{org}})
	shows := func(at string) bool {
		return bytes.Contains(call(t, token, http.MethodGet, at, nil).want(t, http.StatusOK).body, []byte(hiddenValue))
	}
	if shows(path) || shows(appsPath(org)) {
		t.Fatal("a contributor sees values")
	}
	one := ruleFor("get", resourceEnv)
	one.ResourceNames = []string{"values-follow-rights"}
	probe := auth.Action{Verb: "list", Resource: "apps/probe-one", Organization: org}
	ofOne := grant(t, org, key, one, ruleFor(probe.Verb, probe.Resource))
	eventually(t, "the API server knows the rights", func() bool {
		may, err := suite.server.authorizer.May(t.Context(), auth.Principal{User: rbac.UserOfKey(key.ID)}, probe)
		return err == nil && may
	})
	if shows(path) || shows(appsPath(org)) {
		t.Error("a right to one app shows values")
	}
	ofAll := grant(t, org, key, ruleFor("get", resourceEnv))
	eventually(t, "a right to all apps shows values", func() bool { return shows(path) && shows(appsPath(org)) })
	for _, binding := range []client.Object{ofAll, ofOne} {
		if err := suite.cluster.Delete(t.Context(), binding); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "without the right there are no values any more", func() bool { return !shows(path) && !shows(appsPath(org)) })
}

// TestRightsBesideValues says that no other right shows values.
func TestRightsBesideValues(t *testing.T) {
	org, manager := organization(t)
	path := valuesApp(t, org, manager, "rights-beside-values")
	for name, rule := range map[string]rbacv1.PolicyRule{
		"List":          ruleFor("list watch", resourceEnv),
		"AllOfApps":     ruleFor("*", "apps"),
		"Status":        ruleFor("get", "apps/status"),
		"Update":        ruleFor("update patch create", resourceEnv),
		"OtherGroup":    {APIGroups: []string{"apps"}, Resources: []string{resourceEnv}, Verbs: []string{"get"}},
		"OtherResource": ruleFor("get", "domains/env"),
	} {
		t.Run(name, func(t *testing.T) {
			key, token := newKeyOf(t, apikey.Spec{Role: apikey.RoleContributor, Organizations: []string{org}})
			probe := auth.Action{Verb: "list", Resource: "apps/probe-" + strings.ToLower(name), Organization: org}
			grant(t, org, key, rule, ruleFor(probe.Verb, probe.Resource))
			eventually(t, "the API server knows the rights", func() bool {
				may, err := suite.server.authorizer.May(t.Context(), auth.Principal{User: rbac.UserOfKey(key.ID)}, probe)
				return err == nil && may
			})
			if got := call(t, token, http.MethodGet, path, nil).want(t, http.StatusOK); bytes.Contains(got.body, []byte(hiddenValue)) {
				t.Errorf("%v shows values", rule)
			}
		})
	}
}

// writer returns the token of a key that may write apps, but not see values.
func writer(t *testing.T, org string) string {
	t.Helper()
	key, token := newKeyOf(t, apikey.Spec{Role: apikey.RoleContributor, Organizations: []string{org}})
	secrets := rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"create", "patch", "delete"}}
	grant(t, org, key, ruleFor("get list watch create update patch delete", "apps", "domains"), secrets)
	return token
}

// TestWritesWithoutValues changes an app as one who may, but doesn't see values. What comes back as it was read stays.
func TestWritesWithoutValues(t *testing.T) {
	org, manager := organization(t)
	const slug = "writes-without"
	path := valuesApp(t, org, manager, slug)
	token := writer(t, org)
	put := func(method string, env []any) {
		t.Helper()
		status := map[string]int{http.MethodPut: http.StatusOK, http.MethodPost: http.StatusCreated}[method]
		var got answer
		eventually(t, "the right to write is known", func() bool {
			got = call(t, token, method, path, map[string]any{"env": env})
			return got.status != http.StatusForbidden
		})
		for name, value := range shownValues(t, got.want(t, status).json(t)) {
			if value != "" {
				t.Errorf("%s: the answer shows that %s is %q", method, name, value)
			}
		}
	}
	check := func(want map[string]string) {
		t.Helper()
		if diff := cmp.Diff(want, shownValues(t, call(t, manager, http.MethodGet, path, nil).want(t, http.StatusOK).json(t))); diff != "" {
			t.Errorf("values, -want, +got:\n%s", diff)
		}
	}

	read := call(t, token, http.MethodGet, path, nil).want(t, http.StatusOK).json(t)
	before := appOf(t, org, slug)
	env, _ := read["env"].([]any)
	put(http.MethodPut, env)
	check(map[string]string{"PASSWORD": hiddenValue, "EMPTY": ""})
	if after := appOf(t, org, slug); after.ResourceVersion != before.ResourceVersion {
		t.Errorf("PUT of what was read wrote: %s", cmp.Diff(before, after))
	}
	put(http.MethodPost, env)
	check(map[string]string{"PASSWORD": hiddenValue, "EMPTY": ""})
	put(http.MethodPut, append(env, variable("PORT", "3000"), variable("MORE", "of it")))
	check(map[string]string{"PASSWORD": hiddenValue, "EMPTY": "", "PORT": "3000", "MORE": "of it"})
	put(http.MethodPut, []any{variable("MORE", ""), variable("PORT", ""), variable("PASSWORD", "")})
	check(map[string]string{"PASSWORD": hiddenValue, "PORT": "3000", "MORE": "of it"})
	if got := appOf(t, org, slug).Spec.Port; got != 3000 {
		t.Errorf("the App has the port %d, want that of the variable that was kept", got)
	}
	if got := keptValue(t, org, slug, "PASSWORD"); got != hiddenValue {
		t.Errorf("Pods get %q, want the value that was kept", got)
	}

	// The same value written once more is a change: nothing tells whether it was guessed.
	before = appOf(t, org, slug)
	put(http.MethodPut, []any{variable("MORE", ""), variable("PORT", ""), variable("PASSWORD", hiddenValue)})
	if after := appOf(t, org, slug); after.Generation == before.Generation {
		t.Error("a value that was guessed is told from others")
	}
	put(http.MethodPut, []any{variable("PASSWORD", "other")})
	check(map[string]string{"PASSWORD": "other"})
	created := call(t, token, http.MethodPost, appsPath(org), map[string]any{
		"slug": "written-without", "location": "example.com/a", "env": []any{variable("PASSWORD", hiddenValue)},
	}).want(t, http.StatusCreated)
	if diff := cmp.Diff(map[string]string{"PASSWORD": ""}, shownValues(t, created.json(t))); diff != "" {
		t.Errorf("the answer to POST: values, -want, +got:\n%s", diff)
	}
	if got := keptValue(t, org, "written-without", "PASSWORD"); got != hiddenValue {
		t.Errorf("the new app has %q", got)
	}
	tooMuch := []any{variable("PASSWORD", ""), variable("not a name", hiddenValue)}
	refused := call(t, token, http.MethodPut, path, map[string]any{"env": tooMuch}).want(t, http.StatusBadRequest)
	if bytes.Contains(refused.body, []byte(hiddenValue)) {
		t.Error("a refusal has a value in it")
	}
	if strings.Contains(suite.log.String(), hiddenValue) {
		t.Error("the log has a value in it")
	}
}

// A manager's empty value is a value.
func TestManagersEmptyValues(t *testing.T) {
	org, manager := organization(t)
	path := valuesApp(t, org, manager, "empty-values")
	call(t, manager, http.MethodPut, path, map[string]any{"env": []any{variable("PASSWORD", "")}}).want(t, http.StatusOK)
	if got := keptValue(t, org, "empty-values", "PASSWORD"); got != "" {
		t.Errorf("the value is %q, want that it is empty", got)
	}
}
