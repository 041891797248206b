package controllers

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	corev1 "k8s.io/api/core/v1"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/metrics"
	"github.com/berth-dev/berth/controllers/internal/testobjects"
	"github.com/berth-dev/berth/internal/testing/testmetrics"
	"github.com/berth-dev/berth/internal/testing/testotlp"
	"github.com/berth-dev/berth/internal/tracing"
)

// startTraces makes what receives the spans of the controllers, and what makes them.
func startTraces(ctx context.Context) (tracer trace.Tracer, err error) {
	if traced, err = testotlp.Start(ctx); err != nil {
		return nil, err
	}
	for name, value := range map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": traced.HTTP, "OTEL_BSP_SCHEDULE_DELAY": "50"} {
		if err := os.Setenv(name, value); err != nil {
			return nil, err
		}
	}
	provider, err := tracing.Start(ctx, "berth-operator", slog.Default())
	return provider.Tracer(), err
}

// A reconcile and its phases are counted, and have spans, in which those of what was asked of the API server are. What is shown of an App goes
// with it.
func TestReconcilesAreObserved(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	app := newApp(t, ns)
	deployment := func(ctx context.Context) error {
		shown := testmetrics.Of(t, ctrlmetrics.Registry)
		for _, want := range [][]string{
			{"berth_reconcile_phases_total", "kind=App", "phase=deployment", "outcome=done"},
			{"berth_reconciles_total", "kind=App"},
			{"berth_reconciles_total", "kind=Organization", "outcome=done"},
			{"berth_apps", "organization=" + ns},
			{"berth_build_info", "component=operator"},
		} {
			if shown.Value(want[0], want[1:]...) == 0 {
				return fmt.Errorf("there is no %v", want)
			}
		}
		return ctx.Err()
	}
	eventually(t, deployment)
	eventually(t, func(context.Context) error { return hasSpans(app) })
	remove(t, app)
	eventually(t, func(context.Context) error {
		if testmetrics.Of(t, ctrlmetrics.Registry).Labels("berth_apps", "organization")[ns] {
			return errors.New("the App is gone and still shown")
		}
		return nil
	})
}

// What alerts, the dashboard and the documentation name is there: with what the tests of package metrics have shown of Apps and Domains.
func TestMetricNames(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	newApp(t, ns)
	eventually(t, func(context.Context) error {
		if !testmetrics.Of(t, ctrlmetrics.Registry).Labels("berth_apps", "organization")[ns] {
			return errors.New("the App isn't shown")
		}
		return nil
	})
	exposed := testmetrics.Of(t, ctrlmetrics.Registry).Names()
	described := make(chan *prometheus.Desc, 10)
	(&metrics.State{}).Describe(described)
	close(described)
	for d := range described {
		name, _, _ := strings.Cut(strings.TrimPrefix(d.String(), `Desc{fqName: "`), `"`)
		exposed[name] = true
	}
	testmetrics.WantNamed(t, "..", exposed, false)
}

// hasSpans looks for the span of the reconcile that made the Deployment of an App.
func hasSpans(app *v1alpha1.App) error {
	spans := map[string]testotlp.Span{}
	for _, s := range traced.Spans() {
		spans[s.ID] = s
	}
	for _, call := range spans {
		if call.Name != "patch deployments" || call.Attributes["k8s.namespace.name"] != app.Namespace {
			continue
		}
		phase := spans[call.Parent]
		reconcile := spans[phase.Parent]
		a := reconcile.Attributes
		if phase.Name == "deployment" && phase.Attributes["berth.outcome"] == "done" && reconcile.Name == "reconcile App" && reconcile.Parent == "" &&
			a["berth.name"] == app.Name && a["k8s.namespace.name"] == app.Namespace && a["berth.reconcile_id"] != "" && a["berth.outcome"] != "" {
			return nil
		}
	}
	return fmt.Errorf("no reconcile of %s with the phase that made its Deployment is traced", app.Name)
}

// What the controllers tell others than the API server has no value of a Secret or of an environment.
func TestNothingSecretIsTold(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	marker := rand.Text()
	env := newEnvSecret(t, ns, "web", "1")
	login := &corev1.Secret{
		ObjectMeta: testobjects.Named(ns, "login"),
		Type:       corev1.SecretTypeBasicAuth,
		Data:       map[string][]byte{corev1.BasicAuthUsernameKey: []byte("ann"), corev1.BasicAuthPasswordKey: []byte(marker)},
	}
	login.Labels = map[string]string{v1alpha1.LabelSecret: v1alpha1.SecretRegistry}
	create(t, login)
	app := newApp(t, ns, func(a *v1alpha1.App) {
		a.Spec.Registry = &v1alpha1.RegistryAccess{CredentialsSecretRef: &v1alpha1.SecretRef{Name: login.Name}}
	}, fromSecret(env.Name, "PASSWORD"), func(a *v1alpha1.App) {
		a.Spec.Env = append(a.Spec.Env, v1alpha1.EnvVar{Name: "LITERAL", Value: new(marker)})
	})
	eventually(t, func(context.Context) error { return hasSpans(app) })
	for name, text := range map[string]string{
		"log": logged.String(), "traces": traced.String(), "metrics": fmt.Sprint(testmetrics.Of(t, ctrlmetrics.Registry)),
	} {
		for _, secret := range []string{marker, "hunter2"} {
			if strings.Contains(text, secret) {
				t.Errorf("a value of a Secret or of an environment is in the %s", name)
			}
		}
	}
}
