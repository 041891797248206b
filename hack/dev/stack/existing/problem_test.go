package existing

import (
	"errors"
	"os/exec"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/internal/testing/testenv"
)

// What can be left out, each for the tests of its own part.
func noClass(s *Settings)    { s.IngressClass = "" }
func noRouter(s *Settings)   { s.RouterNamespace = "" }
func noIssuer(s *Settings)   { s.Issuer = "" }
func noRegistry(s *Settings) { s.Registry = Registry{} }
func complete(*Settings)     {}

// What is missing or ambiguous is told with a way out.
func TestProblems(t *testing.T) { //nolint:paralleltest // The tests share one API server.
	kindNode, k3dNode := nodes("kind://docker/dev/dev-control-plane"), nodes("k3s://k3d-dev-server-0")
	for name, tc := range map[string]struct {
		unset    func(*Settings)
		objects  []client.Object
		context  string
		commands int
		want     []string
	}{
		"NoClass":           {noClass, nil, "", 1, []string{"no ingress controller"}},
		"SeveralClasses":    {noClass, all(class("b"), class("a")), "", 0, []string{"a, b", "INGRESS_CLASS="}},
		"SeveralDefaults":   {noClass, all(defaultClass("b"), defaultClass("a"), class("c")), "", 0, []string{"several default", "a, b", "INGRESS_CLASS="}},
		"MisspeltClass":     {complete, all(class("a")), "", 0, []string{"no IngressClass c", "has a"}},
		"NoRouter":          {noRouter, all(class("c"), controller("c")), "", 0, []string{"ROUTER_NAMESPACE=", "ROUTER_NETWORK="}},
		"SeveralRouters":    {noRouter, all(class("c"), controller("c", "b", "a")), "", 0, []string{"a, b", "ROUTER_NAMESPACE="}},
		"NoIssuer":          {noIssuer, nil, "", 1, []string{"no ClusterIssuer"}},
		"SeveralIssuers":    {noIssuer, all(issuer("b", true), issuer("a", true)), "", 0, []string{"a, b", "ISSUER="}},
		"NoReadyIssuer":     {noIssuer, all(issuer("b", false), issuer("a", false)), "", 1, []string{"No ClusterIssuer is ready", "a, b"}},
		"MisspeltIssuer":    {complete, all(issuer("b", true)), "", 0, []string{"no ClusterIssuer ca", "has b"}},
		"NoRegistry":        {noRegistry, nil, "", 2, []string{"No image registry", "REGISTRY="}},
		"EmptyRegistry":     {noRegistry, all(documented(" ")), "", 2, []string{"No image registry"}},
		"BrokenRegistry":    {noRegistry, all(documented("host: [")), "", 0, []string{"local-registry-hosting", "cannot be read", "REGISTRY="}},
		"HostlessRegistry":  {noRegistry, all(documented("hostFromClusterNetwork: r:5000\n")), "", 0, []string{"no host that this machine can push to"}},
		"kindInNameAlone":   {noRegistry, nodes("aws:///eu/i-1"), "kind-dev", 2, []string{"kind-dev", "nodes are not"}},
		"kindOfOther":       {noRegistry, kindNode, "kind-prod", 2, []string{"nodes are not"}},
		"kindWithoutNodes":  {noRegistry, nil, "kind-dev", 2, []string{"nodes are not"}},
		"kindMixed":         {noRegistry, nodes("kind://docker/dev/dev-control-plane", ""), "kind-dev", 2, []string{"nodes are not"}},
		"kindOfOtherName":   {noRegistry, kindNode, "admin", 2, []string{"No image registry"}},
		"kindWithoutKind":   {noRegistry, kindNode, "kind-dev", 1, []string{"not in PATH"}},
		"k3dOfLongerName":   {noRegistry, nodes("k3s://k3d-dev-b-server-0"), "k3d-dev", 2, []string{"nodes are not"}},
		"k3sInNameAlone":    {noRegistry, nodes("k3s://host"), "k3d-dev", 2, []string{"nodes are not"}},
		"k3dWithoutk3d":     {noRegistry, k3dNode, "k3d-dev", 1, []string{"not in PATH"}},
		"k3dWithoutCluster": {noRegistry, nodes("k3s://k3d--server-0"), "k3d-", 2, []string{"No image registry"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := api(t, testenv.Config())
			create(t, c, tc.objects...)
			if !strings.Contains(name, "Issuer") {
				create(t, c, issuer("ca", true))
			}
			settings := Settings{IngressClass: "c", RouterNamespace: "n", Issuer: "ca", Registry: pushed("r")}
			tc.unset(&settings)
			_, err := look(t, c, tc.context, settings)
			problems, ok := errors.AsType[ProblemsError](err)
			if !ok || len(problems) != 1 {
				t.Fatalf("want one problem, got %v", err)
			}
			for _, word := range tc.want {
				if !strings.Contains(problems[0].What, word) {
					t.Errorf("it does not say %q: %s", word, problems[0].What)
				}
			}
			if len(problems[0].Commands) != tc.commands {
				t.Errorf("want %d commands, got %q", tc.commands, problems[0].Commands)
			}
			for _, command := range problems[0].Commands {
				if out, err := exec.CommandContext(t.Context(), "bash", "-n", "-c", command).CombinedOutput(); err != nil {
					t.Errorf("%s: %s", command, out)
				}
			}
		})
	}
}
