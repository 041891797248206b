package e2e

import (
	"net/http"
	"testing"
)

// TestPortOfTheProgram deploys images whose programs do not listen on port 80, and says nothing about that, or only what the environment says.
func TestPortOfTheProgram(t *testing.T) {
	t.Parallel()
	const org = "port-org"
	manager := organization(t, org)
	location := pushImage(t, "exposed:v1", berth.Bin("sample"), "--expose=8080/tcp")
	cases := map[string]struct {
		env  []env
		port string
	}{
		"port-exposed": {port: "8080"},
		"port-env":     {env: []env{{Name: "PORT", Value: "3000"}}, port: "3000"},
	}
	for slug, tc := range cases {
		body := map[string]any{"slug": slug, "location": location}
		if tc.env != nil {
			body["env"] = tc.env
		}
		manager.call(t, http.MethodPost, "", body, http.StatusCreated, nil)
		waitForReplicas(t, org, slug, "1")
		waitForPage(t, slug+"."+berth.Env.BaseDomain, "Hello from sample")
		got := kubectl(t, "", "get", "deployment", slug, "-n", org, "-o", "jsonpath={.spec.template.spec.containers[0].ports[0].containerPort}")
		if got != tc.port {
			t.Errorf("%s is served at port %s, want %s", slug, got, tc.port)
		}
	}
}
