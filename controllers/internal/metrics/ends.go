package metrics

import (
	"cmp"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// maxEnds is how many series an organization has of a metric with one for each of its objects: tenants make objects, and Prometheus keeps series.
const maxEnds = 20

// ends are when what organizations have ends, by organization.
type ends map[string][]expiry

// expiry is when an object ends, and the labels that name it.
type expiry struct {
	at     time.Time
	labels []string
}

func (e ends) add(organization string, at time.Time, labels ...string) {
	e[organization] = append(e[organization], expiry{at, labels})
}

// collect shows of each organization what ends first. Which of those that end at the same time it shows does not change.
func (e ends) collect(found chan<- prometheus.Metric, d *prometheus.Desc) {
	for organization, all := range e {
		slices.SortFunc(all, func(a, b expiry) int { return cmp.Or(a.at.Compare(b.at), slices.Compare(a.labels, b.labels)) })
		for _, one := range all[:min(len(all), maxEnds)] {
			labels := append([]string{organization}, one.labels...)
			found <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(one.at.Unix()), labels...)
		}
	}
}
