package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/apikey"
	"github.com/berth-dev/berth/internal/testing/testenv"
)

// cluster is an administrator's client of the tests' API server; kubeconfig a file that leads there.
var (
	cluster    client.Client
	kubeconfig string
)

func TestMain(m *testing.M) { os.Exit(testenv.Run(m, setup)) }

func setup(ctx context.Context, config *rest.Config) error {
	var err error
	if err := v1alpha1.AddToScheme(scheme.Scheme); err != nil {
		return err
	}
	if cluster, err = client.New(config, client.Options{Scheme: scheme.Scheme}); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "berthctl")
	if err != nil {
		return err
	}
	kubeconfig = filepath.Join(dir, "kubeconfig")
	file := clientcmdapi.NewConfig()
	file.Clusters["test"] = &clientcmdapi.Cluster{Server: config.Host, CertificateAuthorityData: config.CAData}
	file.AuthInfos["test"] = &clientcmdapi.AuthInfo{ClientCertificateData: config.CertData, ClientKeyData: config.KeyData}
	file.Contexts["test"] = &clientcmdapi.Context{Cluster: "test", AuthInfo: "test"}
	file.CurrentContext = "test"
	if err := clientcmd.WriteToFile(*file, kubeconfig); err != nil {
		return err
	}
	for _, name := range []string{"berth-system", "berth-keys", "plain"} {
		if err := cluster.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
			return err
		}
	}
	return nil
}

// berthctl runs a command line and returns what it printed.
func berthctl(t *testing.T, args ...string) (out, errOut string, err error) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	root := newRoot()
	root.SetArgs(append([]string{"--kubeconfig", kubeconfig}, args...))
	root.SetOut(&stdout)
	root.SetErr(&stderr)
	err = root.ExecuteContext(t.Context())
	return stdout.String(), stderr.String(), err
}

// must does so for a command line that succeeds, and returns what it printed on standard output.
func must(t *testing.T, args ...string) string {
	t.Helper()
	out, errOut, err := berthctl(t, args...)
	if err != nil {
		t.Fatalf("berthctl %s: %v\n%s", strings.Join(args, " "), err, errOut)
	}
	return out
}

func decode[T any](t *testing.T, encoded string) T {
	t.Helper()
	var value T
	if err := json.Unmarshal([]byte(encoded), &value); err != nil {
		t.Fatalf("%s: %v", encoded, err)
	}
	return value
}

func TestAPIKeys(t *testing.T) {
	found(t, "keys")
	out, errOut, err := berthctl(t, "apikey", "create", "--org", "keys", "--role", "contributor", "--owner", "ann@example.com")
	if err != nil {
		t.Fatal(err)
	}
	token := strings.TrimSuffix(out, "\n")
	if !strings.HasPrefix(token, apikey.Prefix) || strings.ContainsAny(token, " \n") || strings.Contains(errOut, token) {
		t.Errorf("apikey create prints %q, and on standard error %q; want the key alone", out, errOut)
	}
	host := decode[apiKey](t, must(t, "apikey", "create", "--host", "-o", "json"))
	listed := must(t, "apikey", "list", "-o", "json")
	if strings.Contains(listed, token) || strings.Contains(listed, host.Key) || strings.Contains(listed, apikey.Hash(token)) {
		t.Error("apikey list shows a key or its hash")
	}
	type row struct {
		Role          apikey.Role
		Organizations []string
		Owner         string
	}
	rows := map[string]row{}
	for _, key := range decode[[]apiKey](t, listed) {
		rows[key.ID] = row{Role: key.Role, Organizations: key.Organizations, Owner: key.Owner}
	}
	var ours string
	for id := range rows {
		if id != host.ID {
			ours = id
		}
	}
	want := map[string]row{
		ours:    {Role: apikey.RoleContributor, Organizations: []string{"keys"}, Owner: "ann@example.com"},
		host.ID: {Role: apikey.RoleHost, Organizations: []string{}},
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("apikey list: -want, +got:\n%s", diff)
	}
	secret := &corev1.Secret{}
	if err := cluster.Get(t.Context(), client.ObjectKey{Namespace: "berth-keys", Name: apikey.SecretName(ours)}, secret); err != nil {
		t.Fatal(err)
	}
	if key, err := apikey.FromSecret(secret); err != nil || key.Hash != apikey.Hash(token) {
		t.Errorf("the Secret isn't that of the key: %v", err)
	}
	if got := must(t, "apikey", "list"); !strings.Contains(got, "contributor") || !strings.Contains(got, " * ") {
		t.Errorf("apikey list: got\n%s", got)
	}

	must(t, "apikey", "revoke", ours)
	if _, _, err := berthctl(t, "apikey", "revoke", ours); err == nil {
		t.Error("apikey revoke of a key that is gone: no error")
	}
	if left := decode[[]apiKey](t, must(t, "apikey", "list", "-o", "json")); len(left) != 1 || left[0].ID != host.ID {
		t.Errorf("apikey list after revoke: got %v", left)
	}
}

// TestKeysOfOrganizationsThatGo says that nobody gets into a new organization with the key of an earlier one of its name.
func TestKeysOfOrganizationsThatGo(t *testing.T) {
	found(t, "going")
	found(t, "staying")
	sole := decode[apiKey](t, must(t, "apikey", "create", "--org", "going", "-o", "json"))
	shared := decode[apiKey](t, must(t, "apikey", "create", "--org", "going,staying", "-o", "json"))
	other := decode[apiKey](t, must(t, "apikey", "create", "--org", "staying", "-o", "json"))
	must(t, "org", "delete", "going", "--yes")
	var left []string
	for _, key := range decode[[]apiKey](t, must(t, "apikey", "list", "-o", "json")) {
		left = append(left, key.ID)
	}
	if slices.Contains(left, sole.ID) || !slices.Contains(left, shared.ID) || !slices.Contains(left, other.ID) {
		t.Errorf("org delete: the keys %v are left, want %s and %s", left, shared.ID, other.ID)
	}

	earlier, _, err := apikey.New(apikey.Spec{Role: apikey.RoleManager, Organizations: []string{"earlier", "another"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := cluster.Create(t.Context(), earlier.Secret("berth-keys")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := berthctl(t, "org", "create", "earlier"); err == nil || !strings.Contains(err.Error(), earlier.ID) {
		t.Errorf("org create: got %v, want an error that tells of the key %s", err, earlier.ID)
	}
	for _, id := range []string{earlier.ID, shared.ID, other.ID} {
		must(t, "apikey", "revoke", id)
	}
	found(t, "earlier")
}

func TestMistakes(t *testing.T) {
	found(t, "mistakes")
	cases := map[string]struct {
		args []string
		want string
	}{
		"OrgTwice":       {args: []string{"org", "create", "mistakes"}, want: "organization mistakes already exists"},
		"OrgOfNamespace": {args: []string{"org", "create", "plain"}, want: "kubectl label namespace plain berth.dev/organization=plain"},
		"OrgBadName":     {args: []string{"org", "create", "No_Name"}, want: "No_Name"},
		"OrgShowPlain":   {args: []string{"org", "show", "plain"}, want: "organization plain does not exist"},
		"OrgShowNone":    {args: []string{"org", "show", "none"}, want: "none"},
		"OrgPrincipal":   {args: []string{"org", "show", "mistakes", "--aws-principal", "123456789012"}, want: "--aws-principal"},
		"OrgSession": {
			args: []string{"org", "show", "mistakes", "--aws-principal", "arn:aws:sts::123456789012:assumed-role/berth/1"}, want: "--aws-principal",
		},
		"OrgQuota":       {args: []string{"org", "create", "bounded", "--quota", "pods=many"}, want: "--quota"},
		"OrgQuotaOfWhat": {args: []string{"org", "create", "bounded", "--quota", "beds=4"}, want: "--quota"},
		"OrgRequests":    {args: []string{"org", "create", "bounded", "--default-requests", "64Mi"}, want: "--default-requests"},
		"OrgLimits":      {args: []string{"org", "create", "bounded", "--default-limits", "memory=-1"}, want: "--default-limits"},
		"OrgDefaults": {
			args: []string{"org", "create", "bounded", "--default-requests", "memory=2Gi", "--default-limits", "memory=1Gi"}, want: "default-limits",
		},
		"OrgIssuer":       {args: []string{"org", "create", "bounded", "--allow-issuer", "/x"}, want: "--allow-issuer"},
		"OrgRegistry":     {args: []string{"org", "create", "bounded", "--allow-registry", "https://x"}, want: "allowedRegistries"},
		"OrgVerification": {args: []string{"org", "create", "bounded", "--host-verification", "Maybe"}, want: "hostVerification"},
		"OrgSystem":       {args: []string{"org", "create", "kube-bounded"}, want: "system Namespaces"},
		"OrgDeletePlain":  {args: []string{"org", "delete", "plain", "--yes"}, want: "organization plain does not exist"},
		"OrgDeleteNone":   {args: []string{"org", "delete", "none", "--yes"}, want: "none"},
		"KeyOfNobody":     {args: []string{"apikey", "create"}, want: "org host"},
		"KeyOfNoOrg":      {args: []string{"apikey", "create", "--org", "none"}, want: "organization none does not exist"},
		"KeyOfPlain":      {args: []string{"apikey", "create", "--org", "plain"}, want: "organization plain does not exist"},
		"KeyUnknownRole":  {args: []string{"apikey", "create", "--org", "mistakes", "--role", "root"}, want: "role"},
		"KeyHostByRole":   {args: []string{"apikey", "create", "--org", "mistakes", "--role", "host"}, want: "--host"},
		"KeyHostAndOrg":   {args: []string{"apikey", "create", "--org", "mistakes", "--host"}, want: "host org"},
		"KeyOwner":        {args: []string{"apikey", "create", "--host", "--owner", "Ann <ann@example.com>"}, want: "--owner"},
		"KeyExpires":      {args: []string{"apikey", "create", "--host", "--expires", "2020-01-01"}, want: "--expires"},
		"KeyTwoLines":     {args: []string{"apikey", "create", "--host", "--description", "a\nb"}, want: "description"},
		"KeyNoNamespace":  {args: []string{"apikey", "create", "--host", "--keys-namespace", "none"}, want: "none"},
		"UnknownOutput":   {args: []string{"apikey", "create", "--host", "-o", "yaml"}, want: "--output"},
		"NoKubeconfig":    {args: []string{"org", "list", "--kubeconfig", "/does/not/exist"}, want: "kubeconfig"},
		"UnknownContext":  {args: []string{"org", "list", "--context", "none"}, want: "none"},
	}
	before := decode[[]apiKey](t, must(t, "apikey", "list", "-o", "json"))
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			out, _, err := berthctl(t, tc.args...)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("berthctl %s: got %v, want an error that tells of %q", strings.Join(tc.args, " "), err, tc.want)
			}
			if out != "" {
				t.Errorf("berthctl %s: printed %q", strings.Join(tc.args, " "), out)
			}
		})
	}
	if err := cluster.Get(t.Context(), client.ObjectKey{Name: "bounded"}, &v1alpha1.Organization{}); !apierrors.IsNotFound(err) {
		t.Errorf("an organization was made with bounds that don't hold (error: %v)", err)
	}
	if diff := cmp.Diff(before, decode[[]apiKey](t, must(t, "apikey", "list", "-o", "json"))); diff != "" {
		t.Errorf("keys were made: -before, +after:\n%s", diff)
	}
}
