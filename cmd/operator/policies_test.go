package main

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/berth-dev/berth/internal/policycheck"
	"github.com/berth-dev/berth/internal/testing/testmetrics"
)

// added is a manager that remembers what is added to it.
type added struct {
	ctrl.Manager
	runnables []manager.Runnable
	checks    map[string]healthz.Checker
}

func (a *added) Add(r manager.Runnable) error {
	a.runnables = append(a.runnables, r)
	return nil
}

func (a *added) AddReadyzCheck(name string, check healthz.Checker) error {
	a.checks[name] = check
	return nil
}

// An operator is not ready before the admission policies have been checked, on every replica, and says so by the probe and the metric.
func TestPolicyCheck(t *testing.T) {
	policies, err := policycheck.New(&rest.Config{Host: "https://127.0.0.1:1"}, slog.New(slog.DiscardHandler), policycheck.Operator()...)
	if err != nil {
		t.Fatal(err)
	}
	mgr := &added{checks: map[string]healthz.Checker{}}
	if err := addPolicyCheck(mgr, policies); err != nil {
		t.Fatal(err)
	}
	if len(mgr.runnables) != 1 || mgr.runnables[0] != manager.Runnable(policies) || policies.NeedLeaderElection() {
		t.Errorf("got %v, want the check to run on every replica", mgr.runnables)
	}
	response := httptest.NewRecorder()
	handler := http.StripPrefix("/readyz", &healthz.Handler{Checks: mgr.checks})
	handler.ServeHTTP(response, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz/policies", http.NoBody))
	if response.Code != http.StatusInternalServerError || !strings.Contains(response.Body.String(), "have not been checked yet") {
		t.Errorf("/readyz/policies: got %d %s", response.Code, response.Body)
	}
	if families := testmetrics.Of(t, metrics.Registry); families["berth_policies_bound"] == nil || families.Value("berth_policies_bound") != 0 {
		t.Errorf("berth_policies_bound: got %v, want 0", families["berth_policies_bound"])
	}
}
