package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/berth-dev/berth/hack/dev/stack"
)

// S8: a contributor's key shows which variables an App has, and none of their values.
func TestHostileContributor(t *testing.T) {
	t.Parallel()
	const org, slug = "values-rival", "values-app"
	manager := strangers(t, org, "")
	manager.deploy(t, slug, "a-secret")
	key, err := berth.Berthctl(t.Context(), "apikey", "create", "--org", org, "--role", "contributor", "--description", "reads names of variables")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ who, key, want string }{{"contributor", key, ""}, {"manager", manager.key, "a-secret"}} {
		c := &restClient{organization: org, key: tc.key}
		var one struct{ Env []env }
		eventually(t, time.Minute, "the facade knows the key", c.lists(t, http.StatusOK))
		c.call(t, http.MethodGet, slug+"/", nil, http.StatusOK, &one)
		var all struct{ Results []struct{ Env []env } }
		c.call(t, http.MethodGet, "", nil, http.StatusOK, &all)
		for _, got := range [][]env{one.Env, all.Results[0].Env} {
			if diff := cmp.Diff([]env{{Name: "GREETING", Value: tc.want}}, got); diff != "" {
				t.Errorf("%s: variables, -want, +got:\n%s", tc.who, diff)
			}
		}
	}
}

// S18: a stolen token of the operator lists no environments but those of organizations.
func TestHostileOperator(t *testing.T) {
	const operator = "--as=system:serviceaccount:berth-system:berth-operator"
	for _, resource := range []string{"secrets", "pods", "deployments.apps", "replicasets.apps"} {
		for where, want := range map[string]string{
			"--namespace=" + stack.Organization: "yes", "--namespace=kube-system": "no", "--namespace=default": "no", "--all-namespaces": "no",
		} {
			out, _ := tryKubectl(t, "", "auth", "can-i", "list", resource, where, operator)
			if !strings.HasPrefix(out, want) {
				t.Errorf("may the operator list %s with %s: %s, want %s", resource, where, out, want)
			}
		}
	}
}
