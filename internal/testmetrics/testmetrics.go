// Package testmetrics reads what Prometheus would, for tests.
package testmetrics

import (
	"fmt"
	"net/http"
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
