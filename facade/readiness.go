package facade

import (
	"context"
	"errors"
	"fmt"

	"github.com/berth-dev/berth/facade/internal/metrics"
	"github.com/berth-dev/berth/internal/policycheck"
)

// For internal/policycheck, which also sends a request that a policy denies, within the facade's other rights.
// +kubebuilder:rbac:groups=admissionregistration.k8s.io,resources=validatingadmissionpolicies;validatingadmissionpolicybindings,resourceNames=berth-external-id;berth-facade-hostclaims;berth-facade-keys;berth-operator-namespaces;berth-operator-rolebindings;berth-people-secrets,verbs=get

func newPolicyCheck(options Options, counts *metrics.Metrics) (*policycheck.Checker, error) {
	policies, err := policycheck.New(options.Config, options.Log, policycheck.Facade(options.KeysNamespace)...)
	if err != nil {
		return nil, err
	}
	return policies, counts.Register(policies.Metric())
}

// unready returns why the server should get no requests, or nil if it should.
func (s *Server) unready() error {
	if s.stopping.Load() {
		return errors.New("the server is stopping")
	}
	if !s.store.Synced() {
		return errors.New("caches: not filled yet")
	}
	if err := s.store.CheckKeys(context.Background()); err != nil {
		return fmt.Errorf("API keys: %w", err)
	}
	if err := s.policies.Err(); err != nil {
		return fmt.Errorf("policies: %w", err)
	}
	return nil
}
