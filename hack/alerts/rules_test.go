package alerts

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/rules"
	"go.yaml.in/yaml/v3"
)

const (
	configuration = "../../config/prometheus"
	runbook       = "../../docs/monitoring.md"
)

var language = parser.NewParser(parser.Options{})

// ruleFile writes what the PrometheusRule holds as a file of Prometheus.
func ruleFile(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(configuration, "rules.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var resource struct {
		Spec yaml.Node `yaml:"spec"`
	}
	if err := yaml.Unmarshal(text, &resource); err != nil {
		t.Fatal(err)
	}
	if text, err = yaml.Marshal(&resource.Spec); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// load checks the rules as promtool does.
func load(t *testing.T) *rulefmt.RuleGroups {
	t.Helper()
	groups, errs := rulefmt.ParseFile(ruleFile(t), false, model.UTF8Validation, language, slog.New(slog.DiscardHandler))
	for _, err := range errs {
		t.Error(err)
	}
	if groups == nil {
		t.FailNow()
	}
	return groups
}

// firing evaluates the rules each minute on series, and returns the alerts that fire at a time: their names, severities and further labels.
func firing(t *testing.T, series string, at time.Duration) []string {
	t.Helper()
	data, err := promqltest.NewLazyLoader(series, promqltest.LazyLoaderOpts{Parser: language})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = data.Close() }()
	manager := rules.NewManager(&rules.ManagerOptions{
		QueryFunc:    rules.EngineQueryFunc(data.QueryEngine(), data.Storage()),
		AppendableV2: data.Storage(),
		Context:      t.Context(),
		NotifyFunc:   func(context.Context, string, ...*rules.Alert) {},
		Parser:       language,
	})
	groups, errs := manager.LoadGroups(time.Minute, labels.EmptyLabels(), "", nil, false, ruleFile(t))
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	for now := time.Unix(0, 0).UTC(); !now.After(time.Unix(0, 0).Add(at)); now = now.Add(time.Minute) {
		data.WithSamplesTill(now, func(err error) {
			if err != nil {
				t.Fatal(err)
			}
			for _, g := range groups {
				g.Eval(t.Context(), now)
			}
		})
	}
	return active(t, groups)
}

// active are the alerts of groups that fire now.
func active(t *testing.T, groups map[string]*rules.Group) []string {
	t.Helper()
	var all []string
	for _, g := range groups {
		for _, r := range g.Rules() {
			if r.LastError() != nil {
				t.Errorf("%s: %v", r.Name(), r.LastError())
			}
			rule, ok := r.(*rules.AlertingRule)
			if !ok {
				continue
			}
			for _, alert := range rule.ActiveAlerts() {
				if alert.State == rules.StateFiring {
					all = append(all, describe(rule.Name(), alert.Labels))
				}
			}
		}
	}
	slices.Sort(all)
	return all
}

// describe is an alert in one line: its name, its severity, and its other labels in the order of their names.
func describe(name string, all labels.Labels) string {
	words := []string{name, all.Get("severity")}
	all.Range(func(l labels.Label) {
		if l.Name != labels.AlertName && l.Name != "severity" && l.Name != "job" {
			words = append(words, l.Value)
		}
	})
	return strings.Join(words, " ")
}
