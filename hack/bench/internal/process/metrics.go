package process

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Metrics are the sums of counters and gauges over their labels, by their names.
type Metrics map[string]float64

// Scrape reads the metrics at an address, host:port.
func Scrape(ctx context.Context, address string) (Metrics, error) {
	text, err := Get(ctx, address, "/metrics")
	if err != nil {
		return nil, err
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("read the metrics of %s: %w", address, err)
	}
	sums := Metrics{}
	for name, family := range families {
		for _, metric := range family.GetMetric() {
			sums[name] += metric.GetCounter().GetValue() + metric.GetGauge().GetValue()
		}
	}
	return sums, nil
}

// Get reads what a process that listens at an address, host:port, answers to a path.
func Get(ctx context.Context, address, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: %s", request.URL, response.Status)
	}
	return io.ReadAll(response.Body)
}
