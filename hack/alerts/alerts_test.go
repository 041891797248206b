package alerts

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/rulefmt"
)

// well are series of a platform on which all is well, so that nothing fires.
const well = `
up{job="berth-facade-metrics", pod="f"} 1x120
up{job="berth-operator-metrics", pod="o"} 1x120
leader_election_master_status{job="berth-operator-metrics", name="berth-operator", pod="o"} 1x120
leader_election_master_status{job="berth-operator-metrics", name="berth-operator", pod="p"} 0x120
berth_http_requests_total{route="/api/domains", method="GET", status="200"} 0+600x120
berth_http_request_duration_seconds_bucket{route="/api/domains", method="GET", le="2.5"} 0+600x120
berth_http_request_duration_seconds_bucket{route="/api/domains", method="GET", le="0.005"} 0+600x120
berth_http_request_duration_seconds_bucket{route="/api/domains", method="GET", le="+Inf"} 0+600x120
berth_http_request_duration_seconds_bucket{route="/api/containers/:org/apps/:app/logs", method="GET", le="2.5"} 0+0x120
berth_http_request_duration_seconds_bucket{route="/api/containers/:org/apps/:app/logs", method="GET", le="10"} 0+600x120
berth_http_request_duration_seconds_bucket{route="/api/containers/:org/apps/:app/logs", method="GET", le="+Inf"} 0+600x120
berth_authentications_total{outcome="accepted"} 0+600x120
berth_authentications_total{outcome="unknown"} 0+6x120
berth_apiserver_requests_total{verb="patch", resource="apps", status="200"} 0+60x120
berth_apiserver_requests_total{verb="patch", resource="apps", status="409"} 0+60x120
berth_reconciles_total{kind="App", outcome="done"} 0+60x120
berth_reconciles_total{kind="App", outcome="failed"} 0+1x120
workqueue_longest_running_processor_seconds{job="berth-operator-metrics", name="app"} 1x120
berth_policies_bound{job="berth-operator-metrics", pod="o"} 0 1x119
berth_policies_bound{job="berth-facade-metrics", pod="f"} 0 1x119
berth_embedded_roots_timestamp_seconds{job="berth-operator-metrics", pod="p"} 0x120
berth_certificate_expiration_timestamp_seconds{organization="a", kind="App", name="web", type="Default"} 7776000x120
berth_pull_token_expiration_timestamp_seconds{organization="a", app="web"} 43200+60x120
berth_apps{organization="a", state="ready", reason="Succeeded"} 200x120
berth_apps{organization="a", state="reconciling", reason="Progressing"} 1x120
berth_domains{organization="a", state="ready", reason="Succeeded"} 200x120
`

// TestAlerts has the rules evaluated each minute over an hour and a half, on what is well but for a few series, which replace those of their
// labels or come beside them, and looks which alerts fire then.
func TestAlerts(t *testing.T) {
	cases := map[string]struct {
		series string
		want   []string
	}{
		"AllIsWell": {},
		"BerthFacadeDown": {
			series: `up{job="berth-facade-metrics", pod="f"} 1x10 0x110`,
			want:   []string{"BerthFacadeDown critical"},
		},
		"BerthFacadeGone": {
			series: `up{job="berth-facade-metrics", pod="f"} 1x10 stale`,
			want:   []string{"BerthFacadeDown critical"},
		},
		"BerthFacadeErrors": {
			series: `berth_http_requests_total{route="/api/domains", method="GET", status="503"} 0+20x120`,
			want:   []string{"BerthFacadeErrors critical"},
		},
		"FewErrors": {series: `berth_http_requests_total{route="/api/domains", method="GET", status="500"} 0+6x120`},
		"BerthFacadeSlow": {
			series: `berth_http_request_duration_seconds_bucket{route="/api/domains", method="GET", le="2.5"} 0+0x120
				berth_http_request_duration_seconds_bucket{route="/api/domains", method="GET", le="0.005"} 0+0x120`,
			want: []string{"BerthFacadeSlow warning GET"},
		},
		"BerthFacadeLoginsRefused": {
			series: `berth_authentications_total{outcome="unknown"} 0+600x120`,
			want:   []string{"BerthFacadeLoginsRefused warning"},
		},
		"BerthAPIServerErrors": {
			series: `berth_apiserver_requests_total{verb="patch", resource="apps", status="error"} 0+30x120`,
			want:   []string{"BerthAPIServerErrors warning"},
		},
		"BerthOperatorDown": {
			series: `up{job="berth-operator-metrics", pod="o"} 0x120`,
			want:   []string{"BerthOperatorDown critical"},
		},
		"BerthOperatorNoLeader": {
			series: `leader_election_master_status{job="berth-operator-metrics", name="berth-operator", pod="o"} 1x10 0x110`,
			want:   []string{"BerthOperatorNoLeader critical"},
		},
		"TheOtherLeads": {
			series: `leader_election_master_status{job="berth-operator-metrics", name="berth-operator", pod="o"} 1x10 0x110
				leader_election_master_status{job="berth-operator-metrics", name="berth-operator", pod="p"} 0x11 1x109`,
		},
		"BerthReconcilesFail": {
			series: `berth_reconciles_total{kind="Domain", outcome="failed"} 0+10x120
				berth_reconciles_total{kind="Domain", outcome="done"} 0+10x120`,
			want: []string{"BerthReconcilesFail warning Domain"},
		},
		"BerthQueueStuck": {
			series: `workqueue_longest_running_processor_seconds{job="berth-operator-metrics", name="app"} 0+60x120`,
			want:   []string{"BerthQueueStuck warning app"},
		},
		"BerthPoliciesUnbound": {
			series: `berth_policies_bound{job="berth-operator-metrics", pod="p"} 0x120`,
			want:   []string{"BerthPoliciesUnbound critical"},
		},
		"BerthRootsOld": {
			series: `berth_embedded_roots_timestamp_seconds{job="berth-operator-metrics", pod="p"} -16000000x120`,
			want:   []string{"BerthRootsOld info"},
		},
		"BerthCertificateEnds": {
			series: `berth_certificate_expiration_timestamp_seconds{organization="a", kind="Domain", name="www", type="Custom"} 518400x120`,
			want:   []string{"BerthCertificateEnds warning Domain www a Custom"},
		},
		"RenewedInTime": {
			series: `berth_certificate_expiration_timestamp_seconds{organization="a", kind="App", name="web", type="Default"} 518400x20 7776000x100`,
		},
		"BerthPullTokenEnds": {
			series: `berth_pull_token_expiration_timestamp_seconds{organization="a", app="web"} 7200x120`,
			want:   []string{"BerthPullTokenEnds warning web a"},
		},
		"BerthAppsStalled": {
			series: `berth_apps{organization="a", state="stalled", reason="ImageNotFound"} 2x120`,
			want:   []string{"BerthAppsStalled info a ImageNotFound"},
		},
		"BerthDomainsStalled": {
			series: `berth_domains{organization="a", state="stalled", reason="HostConflict"} 2x120`,
			want:   []string{"BerthDomainsStalled info a HostConflict"},
		},
		"BerthAppsStall": {
			series: `berth_apps{organization="a", state="stalled", reason="Invalid"} 40x120`,
			want:   []string{"BerthAppsStall critical Invalid", "BerthAppsStalled info a Invalid"},
		},
		"StalledInSeveralOrganizations": {
			series: `berth_apps{organization="a", state="stalled", reason="ImagePullFailed"} 20x120
				berth_apps{organization="b", state="stalled", reason="ImagePullFailed"} 20x120`,
			want: []string{"BerthAppsStall critical ImagePullFailed", "BerthAppsStalled info a ImagePullFailed", "BerthAppsStalled info b ImagePullFailed"},
		},
		"StalledForSeveralReasons": {
			series: `berth_apps{organization="a", state="stalled", reason="ImageNotFound"} 20x120
				berth_apps{organization="a", state="stalled", reason="CrashLoopBackOff"} 20x120`,
			want: []string{"BerthAppsStalled info a CrashLoopBackOff", "BerthAppsStalled info a ImageNotFound"},
		},
	}
	tested := map[string]bool{}
	for name, tc := range cases {
		for _, alert := range tc.want {
			tested[strings.Fields(alert)[0]] = true
		}
		t.Run(name, func(t *testing.T) {
			got := firing(t, with(well, tc.series), 90*time.Minute)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("alerts: -want, +got:\n%s", diff)
			}
		})
	}
	for _, rule := range alertingRules(t) {
		if !tested[rule.Alert] {
			t.Errorf("no test has the alert %s fire", rule.Alert)
		}
	}
}

// with replaces those of the series whose names and labels others have, and adds the rest.
func with(series, others string) string {
	all := map[string]string{}
	for line := range strings.Lines(series + others) {
		if line = strings.TrimSpace(line); line != "" {
			name, values, _ := strings.Cut(line, "} ")
			all[name] = values
		}
	}
	text := "load 1m\n"
	for name, values := range all {
		text += "  " + name + "} " + values + "\n"
	}
	return text
}

// TestAlertsAreExplained has each alert say what it is about, how bad it is, and where it is written what to do.
func TestAlertsAreExplained(t *testing.T) {
	guide, err := os.ReadFile(runbook)
	if err != nil {
		t.Fatal(err)
	}
	sections := regexp.MustCompile(`(?m)^### (\w+)$`).FindAllStringSubmatch(string(guide), -1)
	var explained []string
	for _, s := range sections {
		explained = append(explained, s[1])
	}
	var names []string
	for _, rule := range alertingRules(t) {
		names = append(names, rule.Alert)
		if !slices.Contains([]string{"critical", "warning", "info"}, rule.Labels["severity"]) {
			t.Errorf("%s: severity %q", rule.Alert, rule.Labels["severity"])
		}
		if rule.Annotations["summary"] == "" || rule.Annotations["description"] == "" || rule.For == 0 {
			t.Errorf("%s lacks a summary, a description or a time", rule.Alert)
		}
		if want := "/docs/monitoring.md#" + strings.ToLower(rule.Alert); !strings.HasSuffix(rule.Annotations["runbook_url"], want) {
			t.Errorf("%s: runbook_url %q, want one that ends in %s", rule.Alert, rule.Annotations["runbook_url"], want)
		}
	}
	if diff := cmp.Diff(names, explained); diff != "" {
		t.Errorf("the sections of %s: -want, +got:\n%s", runbook, diff)
	}
}

// alertingRules are all rules, in their order.
func alertingRules(t *testing.T) []rulefmt.Rule {
	t.Helper()
	var all []rulefmt.Rule
	for _, g := range load(t).Groups {
		all = append(all, g.Rules...)
	}
	return all
}
