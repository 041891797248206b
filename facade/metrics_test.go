package facade

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/berth-dev/berth/internal/apikey"
	"github.com/berth-dev/berth/internal/testing/testmetrics"
)

// scrape reads the metrics of the suite's server.
func scrape(t *testing.T) testmetrics.Families {
	t.Helper()
	return testmetrics.Scrape(t, seen.metrics)
}

// TestMetrics says that requests are counted by the templates of their routes, that what they ask of the API server is, and that nothing that
// a client makes up becomes a label.
func TestMetrics(t *testing.T) {
	org, key := organization(t)
	slug := "metrics-" + strings.TrimPrefix(org, "org-")
	const route = "route=/api/containers/:org/apps"
	before := scrape(t)
	call(t, key, http.MethodPost, appsPath(org), map[string]any{"slug": slug, "location": "example.com/shop:v1"}).want(t, http.StatusCreated)
	call(t, key, http.MethodPost, appsPath(org), map[string]any{"slug": slug, "location": "example.com/shop:v1"}).want(t, http.StatusBadRequest)
	call(t, key, http.MethodGet, appsPath(org), nil).want(t, http.StatusOK)
	call(t, key, http.MethodGet, strings.TrimSuffix(appsPath(org), "/"), nil).want(t, http.StatusOK)
	call(t, "", http.MethodGet, appsPath(org), nil).want(t, http.StatusUnauthorized)
	call(t, apikey.Prefix+"wrong", http.MethodGet, appsPath(org), nil).want(t, http.StatusUnauthorized)
	for _, tc := range []struct{ method, path string }{{http.MethodGet, "/api/" + slug}, {"MADEUP", appsPath(org)}} {
		if got := ask(t, suite.server, key, tc.method, tc.path, nil); got.status != http.StatusNotFound && got.status != http.StatusMethodNotAllowed {
			t.Errorf("%s %s: got %d", tc.method, tc.path, got.status)
		}
	}
	after := scrape(t)
	for name, tc := range map[string]struct {
		metric string
		labels []string
		want   float64
	}{
		"Created":    {"berth_http_requests_total", []string{route, "method=POST", "status=201"}, 1},
		"Bad":        {"berth_http_requests_total", []string{route, "method=POST", "status=400"}, 1},
		"BothForms":  {"berth_http_requests_total", []string{route, "method=GET", "status=200"}, 2},
		"NoKey":      {"berth_http_requests_total", []string{route, "method=GET", "status=401"}, 2},
		"Unmatched":  {"berth_http_requests_total", []string{"route=unmatched", "method=GET", "status=404"}, 1},
		"MadeUp":     {"berth_http_requests_total", []string{"route=unmatched", "method=other", "status=405"}, 1},
		"Durations":  {"berth_http_request_duration_seconds", []string{route, "method=POST"}, 2},
		"Accepted":   {"berth_authentications_total", []string{"outcome=accepted"}, 4},
		"Missing":    {"berth_authentications_total", []string{"outcome=missing"}, 1},
		"Unknown":    {"berth_authentications_total", []string{"outcome=unknown"}, 1},
		"Apply":      {"berth_apiserver_requests_total", []string{"verb=patch", "resource=apps", "status=201"}, 1},
		"ApplyTimes": {"berth_apiserver_request_duration_seconds", []string{"verb=patch"}, 1},
	} {
		got := after.Value(tc.metric, tc.labels...) - before.Value(tc.metric, tc.labels...)
		if got < tc.want || got > tc.want && !strings.HasPrefix(name, "Apply") { // The last use of a key is a patch, too.
			t.Errorf("%s: %s%v rose by %v, want %v", name, tc.metric, tc.labels, got, tc.want)
		}
	}
	wantBounded(t, after, org, slug)
	testmetrics.WantNamed(t, "..", after.Names(), true)
}

// wantBounded holds every label against what it may be.
func wantBounded(t *testing.T, families testmetrics.Families, secrets ...string) {
	t.Helper()
	routes := map[string]bool{"unmatched": true}
	for _, r := range suite.server.router().Routes() {
		routes[strings.TrimSuffix(r.Path, "/")] = true
	}
	for route := range families.Labels("berth_http_requests_total", "route") {
		if !routes[route] {
			t.Errorf("the route %q is none", route)
		}
	}
	resources := families.Labels("berth_apiserver_requests_total", "resource")
	known := []string{"", "apps", "domains", "hostclaims", "organizations", "namespaces", "nodes", "secrets", "pods", "pods/log", "subjectaccessreviews"}
	known = append(known, "selfsubjectreviews", "validatingadmissionpolicies", "validatingadmissionpolicybindings") // Of the policy check.
	maps.DeleteFunc(resources, func(r string, _ bool) bool { return slices.Contains(known, r) })
	if len(resources) > 0 {
		t.Errorf("unknown resources: %v", resources)
	}
	for name, family := range families {
		for _, m := range family.GetMetric() {
			for _, l := range m.GetLabel() {
				if slices.ContainsFunc(secrets, func(s string) bool { return strings.Contains(l.GetValue(), s) }) {
					t.Errorf("%s names %q in its label %s", name, l.GetValue(), l.GetName())
				}
			}
		}
	}
}

// TestMetricsOfStreams says that a log that is followed is in flight while it lasts, is counted when it ends, and makes no request seem slow.
func TestMetricsOfStreams(t *testing.T) {
	org, slug, key := loggingApp(t)
	node := newKubelet(t)
	newPod(t, org, slug, "web", node.node, corev1.ContainerStatus{State: runningState()})
	node.print(t, "web", 1, "one")
	labels := []string{"route=/api/containers/:org/apps/:app/logs", "method=GET"}
	before := scrape(t)
	f := follow(t, key, appPath(org, slug)+"logs/?follow=true")
	f.want(t, "one")
	if got := scrape(t).Value("berth_http_requests_in_flight"); got < 1 {
		t.Errorf("%v requests are in flight while a log is followed", got)
	}
	f.cancel()
	total := func(m testmetrics.Families) float64 {
		return m.Value("berth_http_requests_total", append(labels, "status=200")...)
	}
	eventually(t, "the stream is counted", func() bool { return total(scrape(t)) == total(before)+1 })
	const durations = "berth_http_request_duration_seconds"
	if got := scrape(t).Value(durations, labels...); got != before.Value(durations, labels...) {
		t.Error("the duration of the stream was observed")
	}
}
