package facade

import (
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	ac "github.com/berth-dev/berth/api/v1alpha1/applyconfiguration/api/v1alpha1"
	"github.com/berth-dev/berth/internal/testing/testenv"
)

// kubectl runs kubectl as an administrator, with what it reads from its input, and returns what it writes.
func kubectl(t *testing.T, input string, args ...string) string {
	t.Helper()
	config := testenv.Config()
	file := filepath.Join(t.TempDir(), "kubeconfig")
	err := clientcmd.WriteToFile(clientcmdapi.Config{
		Clusters:       map[string]*clientcmdapi.Cluster{"test": {Server: config.Host, CertificateAuthorityData: config.CAData}},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{"test": {ClientCertificateData: config.CertData, ClientKeyData: config.KeyData}},
		Contexts:       map[string]*clientcmdapi.Context{"test": {Cluster: "test", AuthInfo: "test"}},
		CurrentContext: "test",
	}, file)
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kubectl")
	command := exec.CommandContext(t.Context(), program, append([]string{"--kubeconfig", file}, args...)...)
	command.Stdin = strings.NewReader(input)
	var wrote, said bytes.Buffer
	command.Stdout, command.Stderr = &wrote, &said
	if err := command.Run(); err != nil {
		t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, said.String())
	}
	return wrote.String()
}

// edited makes an app by REST, changes it with kubectl, and waits for the server to see that. It returns the app's slug.
func edited(t *testing.T, org, key, prefix, patch string) string {
	t.Helper()
	slug := prefix + "-" + strings.TrimPrefix(org, "org-")
	body := map[string]any{"slug": slug, "location": "example.com/a:v1", "env": []any{variable("B", "2")}}
	call(t, key, http.MethodPost, appsPath(org), body).want(t, http.StatusCreated)
	kubectl(t, "", "patch", "app", slug, "-n", org, "--type=merge", "-p", patch)
	awaitCaughtUp(t, org, slug)
	return slug
}

// awaitCaughtUp waits until the server knows the present version of an App.
func awaitCaughtUp(t *testing.T, org, slug string) {
	t.Helper()
	want := appOf(t, org, slug)
	eventually(t, "the server has the App", func() bool {
		got, err := suite.server.store.Get(t.Context(), org, slug)
		return err == nil && got.App.ResourceVersion == want.ResourceVersion
	})
}

// TestTakeOver says that a field that was changed once with kubectl is a 409 that says how to take it over, and that REST then has it for good.
func TestTakeOver(t *testing.T) {
	org, key := organization(t)
	cases := map[string]struct {
		patch   string
		path    string
		body    map[string]any
		another map[string]any
	}{
		"location": {
			patch: `{"spec": {"image": "example.com/a:v2"}}`, path: "spec.image",
			body: map[string]any{"location": "example.com/a:v3"}, another: map[string]any{"location": "example.com/a:v4"},
		},
		"dataset": {
			patch: `{"spec": {"dataset": "testing"}}`, path: "spec.dataset",
			body: map[string]any{"dataset": "production"}, another: map[string]any{"dataset": "testing"},
		},
		"role": {
			patch: `{"spec": {"registry": {"roleARN": "arn:aws:iam::01:kubectl"}}}`, path: "spec.registry",
			body: map[string]any{"role_name": ""}, another: map[string]any{"role_name": "arn:aws:iam::01:rest"},
		},
		"env": {
			patch: `{"spec": {"env": [{"name": "A", "value": "1"}]}}`, path: `spec.env[name="A"]`,
			body: map[string]any{"env": []any{variable("B", "2")}}, another: map[string]any{"env": []any{variable("A", "3")}},
		},
		"value": {
			patch: `{"spec": {"env": [{"name": "A", "value": "1"}]}}`, path: `spec.env[name="A"]`,
			body: map[string]any{"env": []any{variable("A", "2")}}, another: map[string]any{"env": []any{}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			slug := edited(t, org, key, name, tc.patch)
			before := world(t, org)
			got := call(t, key, http.MethodPut, appPath(org, slug), tc.body).want(t, http.StatusConflict).json(t)
			want := map[string]any{"detail": tc.path + " is set by kubectl-patch; change it there, or take it over by the same request with ?force=true."}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want, +got:\n%s", diff)
			}
			call(t, key, http.MethodPut, appPath(org, slug)+"?force=false", tc.body).want(t, http.StatusConflict)
			call(t, key, http.MethodPut, appPath(org, slug)+"?force=please", tc.body).want(t, http.StatusBadRequest)
			if diff := cmp.Diff(before, world(t, org)); diff != "" {
				t.Errorf("it wrote: -before, +after:\n%s", diff)
			}
			shows(t, call(t, key, http.MethodPut, appPath(org, slug)+"?force=true", tc.body).want(t, http.StatusOK).json(t), tc.body)
			shows(t, call(t, key, http.MethodPut, appPath(org, slug), tc.another).want(t, http.StatusOK).json(t), tc.another)
			for _, entry := range appOf(t, org, slug).ManagedFields {
				if entry.Manager == "kubectl-patch" && strings.Contains(entry.FieldsV1.GetRawString(), "f:"+strings.TrimPrefix(tc.path, "spec.")) {
					t.Errorf("kubectl still has the field: %s", entry.FieldsV1.GetRawString())
				}
			}
		})
	}
}

// shows says that an answer has the members of a body.
func shows(t *testing.T, got, body map[string]any) {
	t.Helper()
	for name, want := range body {
		if diff := cmp.Diff(want, got[name]); diff != "" {
			t.Errorf("%s: -want, +got:\n%s", name, diff)
		}
	}
}

// TestTakeOverOfDomain says the same of a Domain, and of a POST.
func TestTakeOverOfDomain(t *testing.T) {
	org, key, slug := newSite(t, "takeover")
	host := slug + ".example.org"
	call(t, key, http.MethodPut, domainPath(org, slug), map[string]any{"domain": host}).want(t, http.StatusOK)
	for _, patch := range []string{`{"spec": {"mail": {"from": "kubectl@example.org"}}}`, `{"spec": {"host": "kubectl-` + host + `"}}`} {
		kubectl(t, "", "patch", "domain", slug, "-n", org, "--type=merge", "-p", patch)
	}
	want := domainOf(t, org, slug)
	eventually(t, "the server has the Domain", func() bool {
		got, err := suite.server.store.GetDomain(t.Context(), org, slug)
		return err == nil && got.Domain != nil && got.Domain.ResourceVersion == want.ResourceVersion
	})
	body := map[string]any{"domain": host, "from_email": "rest@example.org"}
	call(t, key, http.MethodPut, domainPath(org, slug), body).want(t, http.StatusConflict)
	call(t, key, http.MethodPost, appPath(org, slug), body).want(t, http.StatusConflict)
	shows(t, call(t, key, http.MethodPost, appPath(org, slug)+"?force=true", body).want(t, http.StatusCreated).json(t), body)
	call(t, key, http.MethodPut, domainPath(org, slug), map[string]any{"from_email": ""}).want(t, http.StatusOK)
	if mail := domainOf(t, org, slug).Spec.Mail; mail != nil {
		t.Errorf("mail = %+v after it was taken over and back", mail)
	}
}

// TestForceBesideGit says that nothing is taken from one who would set it again.
func TestForceBesideGit(t *testing.T) {
	org, key := organization(t)
	slug := "force-" + strings.TrimPrefix(org, "org-")
	fromGit(t, key, org, slug)
	app := appOf(t, org, slug)
	patch := client.MergeFrom(app.DeepCopy())
	app.Spec.Dataset = v1alpha1.DatasetTesting
	if err := suite.cluster.Patch(t.Context(), app, patch, client.FieldOwner("argocd-controller")); err != nil {
		t.Fatal(err)
	}
	awaitCaughtUp(t, org, slug)
	before := world(t, org)
	for _, body := range []map[string]any{{"location": "example.com/rest:v1"}, {"env": []any{}}, {"dataset": "production"}} {
		got := call(t, key, http.MethodPut, appPath(org, slug)+"?force=true", body).want(t, http.StatusConflict).json(t)
		if detail, _ := got["detail"].(string); !strings.HasSuffix(detail, "; change it there.") {
			t.Errorf("PUT of %v: %q", body, detail)
		}
	}
	if diff := cmp.Diff(before, world(t, org)); diff != "" {
		t.Errorf("it wrote: -before, +after:\n%s", diff)
	}
}

// TestHandedBack says that what kubectl is made to forget is REST's again, whichever of the documented commands does it: nothing that nobody
// owns is kept in silence.
func TestHandedBack(t *testing.T) {
	org, key := organization(t)
	cases := map[string]func(t *testing.T, slug string){
		"all": func(t *testing.T, slug string) {
			t.Helper()
			kubectl(t, "", "patch", "app", slug, "-n", org, "--type=merge", "-p", `{"metadata":{"managedFields":[{}]}}`)
		},
		"applied": func(t *testing.T, slug string) {
			t.Helper()
			kubectl(t, "", "patch", "app", slug, "-n", org, "--type=merge", "-p", `{"metadata":{"managedFields":[{}]}}`)
			port := ac.App(slug, org).WithSpec(ac.AppSpec().WithPort(8080))
			if err := suite.cluster.Apply(t.Context(), port, git, client.ForceOwnership); err != nil {
				t.Fatal(err)
			}
		},
		"one": func(t *testing.T, slug string) {
			t.Helper()
			app := &unstructured.Unstructured{}
			if err := app.UnmarshalJSON([]byte(kubectl(t, "", "get", "app", slug, "-n", org, "-o", "json", "--show-managed-fields"))); err != nil {
				t.Fatal(err)
			}
			app.SetManagedFields(slices.DeleteFunc(app.GetManagedFields(), func(entry metav1.ManagedFieldsEntry) bool {
				return strings.HasPrefix(entry.Manager, "kubectl")
			}))
			left, err := app.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			kubectl(t, string(left), "replace", "-f", "-")
		},
		"facade": func(t *testing.T, slug string) {
			t.Helper()
			kubectl(t, "", "patch", "app", slug, "-n", org, "--type=merge", "-p", `{"metadata":{"managedFields":[{}]}}`)
			kubectl(t, "", "patch", "app", slug, "-n", org, "--type=merge", "--field-manager=berth-facade", "-p",
				`{"spec": {"image": "example.com/a:v9", "env": [{"name": "A", "value": "9"}]}}`)
		},
	}
	for name, handBack := range cases {
		t.Run(name, func(t *testing.T) {
			slug := edited(t, org, key, "back"+name, `{"spec": {"image": "example.com/a:v2", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "1"}]}}`)
			handBack(t, slug)
			awaitCaughtUp(t, org, slug)
			for _, body := range []map[string]any{
				{"location": "example.com/a:v3", "env": []any{variable("B", "2")}},
				{"location": "example.com/a:v4", "env": []any{variable("B", "3"), variable("A", "4")}},
				{"env": []any{}, "dataset": "testing"},
			} {
				shows(t, call(t, key, http.MethodPut, appPath(org, slug), body).want(t, http.StatusOK).json(t), body)
			}
		})
	}
}
