package existing

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"

	"github.com/berth-dev/berth/internal/testing/testenv"
)

func TestMain(m *testing.M) { os.Exit(testenv.Run(m)) }

// three are the values of the install guide.
const three = "baseDomain: apps.example.com\nimage: {registry: registry.example.com/berth}\nissuer: {name: letsencrypt}\n"

// Objects of clusters.
const (
	traefik = `
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: traefik, annotations: {ingressclass.kubernetes.io/is-default-class: "true", meta.helm.sh/release-namespace: edge}}
spec: {controller: traefik.io/ingress-controller}
`
	nginx = `
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: nginx}
spec: {controller: k8s.io/ingress-nginx}
`
	role = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: router}
rules:
- {apiGroups: [""], resources: [services], verbs: [list]}
- {nonResourceURLs: [/metrics], verbs: [get]}
- {apiGroups: [networking.k8s.io], resources: [ingresses/status], verbs: [update]}
`
	inNginx = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: nginx}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: router}
subjects: [{kind: ServiceAccount, namespace: ingress-nginx, name: nginx}, {kind: User, apiGroup: rbac.authorization.k8s.io, name: ops}]
`
	inEdge = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: edge}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: router}
subjects: [{kind: ServiceAccount, namespace: edge, name: traefik}]
`
	issuers = `
apiVersion: cert-manager.io/v1
kind: ClusterIssuer
metadata: {name: letsencrypt}
spec: {selfSigned: {}}
---
apiVersion: cert-manager.io/v1
kind: ClusterIssuer
metadata: {name: internal}
spec: {selfSigned: {}}
`
	earlier = `
apiVersion: v1
kind: ConfigMap
metadata: {namespace: default, name: berth}
data: {INGRESS_CLASS: before, ISSUER_NAME: old, ROUTER_NAMESPACE: "b,a", ROUTER_NETWORK: 10.0.0.0/16}
`
)

// The tests share one API server, so they run one after the other.
func TestFound(t *testing.T) { //nolint:paralleltest // See above.
	for name, tc := range map[string]struct {
		reason, objects, values string
		// want are the class, the issuer, the Namespaces and the networks of the ingress controller.
		want []string
	}{
		"OnlyClass": {
			"any ingress controller, also one that was not installed by Helm", nginx + "---" + role + "---" + inNginx, three,
			[]string{"nginx", "letsencrypt", "ingress-nginx", ""},
		},
		"DefaultClass": {
			"the default goes before others, and its Helm release tells its controller from that of the others",
			strings.Join([]string{nginx, traefik, role, inNginx, inEdge}, "---"), three,
			[]string{"traefik", "letsencrypt", "edge", ""},
		},
		"ReleaseAlone": {
			"an ingress controller with rights in Namespaces alone", traefik, three,
			[]string{"traefik", "letsencrypt", "edge", ""},
		},
		"Given": {
			"what is given wins", strings.Join([]string{traefik, role, inEdge, earlier}, "---"),
			three + "ingressClass: mine\nrouterNetworks: [10.1.0.0/16]\n",
			[]string{"mine", "letsencrypt", "", "10.1.0.0/16"},
		},
		"Upgrade": {
			"a release goes on with what it has", strings.Join([]string{traefik, role, inEdge, earlier}, "---"),
			strings.Replace(three, "letsencrypt", `""`, 1),
			[]string{"before", "old", "b,a", "10.0.0.0/16"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			config := testenv.Config()
			create(t, config, tc.objects)
			settings, err := render(t, config, tc.values)
			if err != nil {
				t.Fatalf("%s: %v", tc.reason, err)
			}
			got := []string{settings["INGRESS_CLASS"], settings["ISSUER_NAME"], settings["ROUTER_NAMESPACE"], settings["ROUTER_NETWORK"]}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestProblems(t *testing.T) { //nolint:paralleltest // As above.
	twoClasses := nginx + "---" + strings.ReplaceAll(nginx, "nginx", "haproxy")
	twoDefaults := traefik + "---" + strings.ReplaceAll(traefik, "name: traefik", "name: other")
	for name, tc := range map[string]struct {
		objects, values string
		want            []string
	}{
		"Nothing":        {"", "", []string{"baseDomain is required", "image.registry is required", "issuer.name is required", "none", "no ingress controller"}},
		"Issuers":        {traefik + "---" + issuers, strings.Replace(three, "letsencrypt", `""`, 1), []string{"issuer.name is required", "internal, letsencrypt"}},
		"SeveralClasses": {twoClasses, three, []string{"ingressClass is required", "haproxy, nginx", "none is the default"}},
		"Defaults":       {twoDefaults, three, []string{"ingressClass is required", "other, traefik", "several"}},
		"NoRouter":       {nginx, three, []string{"routerNamespaces is required", "routerNetworks", "nginx"}},
		"SeveralRouters": {strings.Join([]string{nginx, role, inNginx, inEdge}, "---"), three, []string{"routerNamespaces is required", "edge, ingress-nginx"}},
	} {
		t.Run(name, func(t *testing.T) {
			config := testenv.Config()
			create(t, config, tc.objects)
			mustSay(t, config, tc.values, tc.want...)
		})
	}
}

// TestFormerKeys says that the chart does not upgrade a release whose API keys were not copied: its Pods would not read them any more.
func TestFormerKeys(t *testing.T) { //nolint:paralleltest // As above.
	const key = `
apiVersion: v1
kind: Secret
metadata: {namespace: default, name: apikey-0a1b2c3d, labels: {berth.dev/secret: api-key}}
`
	keysIn := func(name, annotation string) string {
		return "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: " + name + ", annotations: {" + annotation + "}}\n"
	}
	const migrated = `berth.dev/keys-migrated: "2026-01-01T00:00:00Z"`
	command := []string{"berthctl apikey migrate --namespace=default --keys-namespace=keys-0", "--helm-release=berth"}
	for name, tc := range map[string]struct {
		objects string
		// keys is the Namespace of the keys: none can be deleted in the tests' cluster.
		keys string
		want []string
	}{
		"NoNamespace":  {objects: key, keys: "keys-0", want: command},
		"NotCopied":    {objects: key + keysIn("keys-1", ""), keys: "keys-1", want: []string{"--keys-namespace=keys-1"}},
		"CopiedBack":   {objects: key + keysIn("keys-2", `berth.dev/keys-migrated: ""`), keys: "keys-2", want: []string{"--keys-namespace=keys-2"}},
		"Copied":       {objects: key + keysIn("keys-3", migrated), keys: "keys-3"},
		"OtherSecret":  {objects: strings.Replace(key, "api-key", "env", 1), keys: "keys-4"},
		"NoLabels":     {objects: strings.Replace(key, ", labels: {berth.dev/secret: api-key}", "", 1), keys: "keys-5"},
		"OtherRelease": {objects: strings.Replace(key, "namespace: default", "namespace: kube-public", 1), keys: "keys-6"},
	} {
		t.Run(name, func(t *testing.T) {
			config := testenv.Config()
			create(t, config, traefik+"---"+role+"---"+inEdge+"---"+tc.objects)
			values := three + "keysNamespace: " + tc.keys + "\n"
			if len(tc.want) > 0 {
				mustSay(t, config, values, tc.want...)
				return
			}
			if _, err := render(t, config, values); err != nil {
				t.Error(err)
			}
		})
	}
}

// mustSay fails the test unless the chart refuses the values with these words.
func mustSay(t *testing.T, config *rest.Config, values string, words ...string) {
	t.Helper()
	_, err := render(t, config, values)
	if err == nil {
		t.Fatal("it was not refused")
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("the message lacks %q: %v", word, err)
		}
	}
}

// A cluster with nothing: all that is missing is told at once.
func TestBareCluster(t *testing.T) {
	t.Parallel()
	config := testenv.StartBare(t)
	mustSay(t, config, "", "baseDomain is required", "issuer.name is required", "no cert-manager", "no ingress controller")
	mustSay(t, config, three, "no cert-manager: helm upgrade --install cert-manager", "no ingress controller", "helm upgrade --install traefik")
}
