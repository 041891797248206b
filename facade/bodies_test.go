package facade

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// world is the versions of everything in an organization that a REST client could have written.
func world(t *testing.T, organization string) map[string]string {
	t.Helper()
	versions := map[string]string{}
	apps, domains, secrets := &v1alpha1.AppList{}, &v1alpha1.DomainList{}, &corev1.SecretList{}
	for _, list := range []client.ObjectList{apps, domains, secrets} {
		if err := suite.cluster.List(t.Context(), list, client.InNamespace(organization)); err != nil {
			t.Fatal(err)
		}
	}
	for _, app := range apps.Items {
		versions["App "+app.Name] = app.ResourceVersion
	}
	for _, domain := range domains.Items {
		versions["Domain "+domain.Name] = domain.ResourceVersion
	}
	for _, secret := range secrets.Items {
		versions["Secret "+secret.Name] = secret.ResourceVersion
	}
	return versions
}

// TestBadBodies says that each kind of bad input is told by its field, and that nothing is written.
func TestBadBodies(t *testing.T) {
	org, key := organization(t)
	slug := "bad-" + strings.TrimPrefix(org, "org-")
	call(t, key, http.MethodPost, appsPath(org), map[string]any{
		"slug": slug, "location": "example.com/a", "env": []any{map[string]any{"name": "A", "value": "1"}}, "domain": slug + ".example.org",
	}).want(t, http.StatusCreated)
	before := world(t, org)

	const asJSON, asForm = "application/json", "application/x-www-form-urlencoded"
	cases := map[string]struct {
		contentType, body string
		status            int
		fields            []string
	}{
		"BrokenJSON":   {contentType: asJSON, body: `{"location": `, status: http.StatusBadRequest},
		"NotAnObject":  {contentType: asJSON, body: `["location"]`, status: http.StatusBadRequest},
		"DeeplyNested": {contentType: asJSON, body: strings.Repeat(`{"env":`, 50_000), status: http.StatusBadRequest},
		"InvalidUTF8":  {contentType: asJSON, body: "{\"location\": \"\xff\"}", status: http.StatusBadRequest},
		"TenMegabytes": {contentType: asJSON, body: `{"location": "` + strings.Repeat("a", 10<<20) + `"}`, status: http.StatusRequestEntityTooLarge},
		"NoType":       {body: `{}`, status: http.StatusUnsupportedMediaType},
		"Text":         {contentType: "text/plain", body: `location=a`, status: http.StatusUnsupportedMediaType},
		"WrongTypes": {
			contentType: asJSON,
			body:        `{"location": {}, "role_name": [], "env": 1, "dataset": false, "domain": true, "from_email": []}`,
			status:      http.StatusBadRequest,
			fields:      []string{"dataset", "domain", "env", "from_email", "location", "role_name"},
		},
		"Location":     {contentType: asForm, body: "location=docker://example.com/a", status: http.StatusBadRequest, fields: []string{"location"}},
		"LocationNull": {contentType: asJSON, body: `{"location": null}`, status: http.StatusBadRequest, fields: []string{"location"}},
		"RoleName":     {contentType: asForm, body: "role_name=arn:deploy", status: http.StatusBadRequest, fields: []string{"role_name"}},
		"NoToken":      {contentType: asForm, body: "role_name=deploy", status: http.StatusBadRequest, fields: []string{"external_id"}},
		"TokenForRole": {
			contentType: asForm, body: "role_name=arn:aws:iam::01:pull&external_id=t", status: http.StatusBadRequest, fields: []string{"external_id"},
		},
		"TokenForNone": {contentType: asJSON, body: `{"external_id": "t"}`, status: http.StatusBadRequest, fields: []string{"role_name"}},
		"TokenLong": {
			contentType: asForm, body: "role_name=a&external_id=" + strings.Repeat("t", 16<<10+1), status: http.StatusBadRequest, fields: []string{"external_id"},
		},
		"Dataset": {contentType: asForm, body: "dataset=staging", status: http.StatusBadRequest, fields: []string{"dataset"}},
		"EnvTwice": {
			contentType: asJSON,
			body:        `{"env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]}`,
			status:      http.StatusBadRequest,
			fields:      []string{"env"},
		},
		"EnvName":   {contentType: asForm, body: "env[0]name=A-B&env[0]value=1", status: http.StatusBadRequest, fields: []string{"env"}},
		"Domain":    {contentType: asForm, body: "domain=localhost", status: http.StatusBadRequest, fields: []string{"domain"}},
		"FromEmail": {contentType: asForm, body: "from_email=support", status: http.StatusBadRequest, fields: []string{"from_email"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			for method, path := range map[string]string{http.MethodPut: appPath(org, slug), http.MethodPost: appPath(org, slug), "POST new": appsPath(org)} {
				got := send(t, key, strings.TrimSuffix(method, " new"), path, tc.contentType, []byte(tc.body)).want(t, tc.status).json(t)
				fields := slices.DeleteFunc(slices.Sorted(maps.Keys(got)), func(name string) bool { return name == "detail" })
				if diff := cmp.Diff(tc.fields, fields, cmpopts.EquateEmpty()); diff != "" && method != "POST new" {
					t.Errorf("%s: fields: -want, +got:\n%s", method, diff)
				}
			}
			if diff := cmp.Diff(before, world(t, org)); diff != "" {
				t.Errorf("it wrote: -before, +after:\n%s", diff)
			}
		})
	}
}

// TestBadNewApps does so for what only a new app can have wrong.
func TestBadNewApps(t *testing.T) {
	org, key := organization(t)
	before := world(t, org)
	cases := map[string]struct {
		body   map[string]any
		fields []string
	}{
		"Nothing":    {body: map[string]any{}, fields: []string{"location", "slug"}},
		"NoSlug":     {body: map[string]any{"location": "example.com/a"}, fields: []string{"slug"}},
		"NoLocation": {body: map[string]any{"slug": "bad-new-app"}, fields: []string{"location"}},
		"SlugLong":   {body: map[string]any{"slug": strings.Repeat("a", 26), "location": "example.com/a"}, fields: []string{"slug"}},
		"SlugUpper":  {body: map[string]any{"slug": "Bad", "location": "example.com/a"}, fields: []string{"slug"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := call(t, key, http.MethodPost, appsPath(org), tc.body).want(t, http.StatusBadRequest).json(t)
			delete(got, "detail")
			if diff := cmp.Diff(tc.fields, slices.Sorted(maps.Keys(got))); diff != "" {
				t.Errorf("fields: -want, +got:\n%s", diff)
			}
			if diff := cmp.Diff(before, world(t, org)); diff != "" {
				t.Errorf("it wrote: -before, +after:\n%s", diff)
			}
		})
	}
}
