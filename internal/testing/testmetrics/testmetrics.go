// Package testmetrics reads what Prometheus would, for tests.
package testmetrics

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Families are metrics by their names.
type Families map[string]*dto.MetricFamily

// Scrape reads the metrics at a URL.
func Scrape(t *testing.T, url string) Families {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: got %s", url, response.Status)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// Of returns what is registered now.
func Of(t *testing.T, registry prometheus.Gatherer) Families {
	t.Helper()
	gathered, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	families := Families{}
	for _, f := range gathered {
		families[f.GetName()] = f
	}
	return families
}

// Value is that of the counter or gauge of a name whose labels have these values, "name=value", or the number of what the histogram has
// observed; zero if there is none.
func (f Families) Value(name string, labels ...string) float64 {
	for _, m := range f[name].GetMetric() {
		if !hasAll(m, labels) {
			continue
		}
		if h := m.GetHistogram(); h != nil {
			return float64(h.GetSampleCount())
		}
		return m.GetCounter().GetValue() + m.GetGauge().GetValue()
	}
	return 0
}

// Labels are the values that a label of a metric has, each once.
func (f Families) Labels(name, label string) map[string]bool {
	values := map[string]bool{}
	for _, m := range f[name].GetMetric() {
		for _, l := range m.GetLabel() {
			if l.GetName() == label {
				values[l.GetValue()] = true
			}
		}
	}
	return values
}

func hasAll(m *dto.Metric, labels []string) bool {
	have := map[string]bool{}
	for _, l := range m.GetLabel() {
		have[fmt.Sprintf("%s=%s", l.GetName(), l.GetValue())] = true
	}
	for _, l := range labels {
		if !have[l] {
			return false
		}
	}
	return true
}

// ofFacade are the beginnings of the names of the facade's metrics. Both programs have berth_policies_bound, which cmd/operator registers and tests.
var ofFacade = regexp.MustCompile(`^berth_(http|authentications|apiserver|policies)_`)

// name is that of a metric of Berth's or of what Berth is made with.
var name = regexp.MustCompile(`\b(berth|leader_election|workqueue|controller_runtime|rest_client|process)_[a-z_]+`)

// WantNamed says that metrics are exposed which alerts and the dashboard ask for, those of the facade or of the operator, and that each of Berth's
// own is in the documentation. The folder is the repository's.
func WantNamed(t *testing.T, folder string, exposed map[string]bool, facade bool) {
	t.Helper()
	asked := named(t, facade, filepath.Join(folder, "config", "prometheus", "rules.yaml"), filepath.Join(folder, "config", "prometheus", "berth.json"))
	if len(asked) == 0 {
		t.Error("nothing is asked for")
	}
	told := named(t, facade, filepath.Join(folder, "docs", "monitoring.md"))
	for metric := range told {
		if strings.HasPrefix(metric, "berth_") {
			asked[metric] = true
		}
	}
	for metric := range asked {
		if !exposed[metric] {
			t.Errorf("%s isn't exposed, and an alert, the dashboard or the documentation names it", metric)
		}
	}
	wantTold(t, exposed, told)
}

// wantTold says that each exposed metric of Berth's own is told of.
func wantTold(t *testing.T, exposed, told map[string]bool) {
	t.Helper()
	for metric := range exposed {
		if strings.HasPrefix(metric, "berth_") && !told[metric] && metric != "berth_build_info" {
			t.Errorf("docs/monitoring.md doesn't tell of %s", metric)
		}
	}
}

// named are the metrics that files name, of the facade's or of the operator's; berth_build_info, which both have, is taken for the operator's.
func named(t *testing.T, facade bool, files ...string) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file) //nolint:gosec // The test names it.
		if err != nil {
			t.Fatal(err)
		}
		for _, metric := range name.FindAllString(string(text), -1) {
			for _, suffix := range []string{"_bucket", "_sum", "_count"} {
				metric = strings.TrimSuffix(metric, suffix)
			}
			if ofFacade.MatchString(metric) == facade {
				all[metric] = true
			}
		}
	}
	return all
}

// Names are those of the metrics.
func (f Families) Names() map[string]bool {
	all := map[string]bool{}
	for metric := range f {
		all[metric] = true
	}
	return all
}
