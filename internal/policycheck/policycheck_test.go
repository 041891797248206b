package policycheck

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/berth-dev/berth/internal/rbac"
	"github.com/berth-dev/berth/internal/testing/testenv"
	"github.com/berth-dev/berth/internal/testing/testlog"
	"github.com/berth-dev/berth/internal/testing/testmetrics"
)

// api is an administrator's client.
var api client.Client

func TestMain(m *testing.M) {
	os.Exit(testenv.Run(m, testenv.InstallRights, testenv.AwaitPolicies, func(_ context.Context, config *rest.Config) (err error) {
		api, err = client.New(config, client.Options{Scheme: clientgoscheme.Scheme})
		return err
	}))
}

// The list has all that config/admission has, but for the one that the operator can do without.
func TestPolicies(t *testing.T) {
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), "../../config/admission")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{}
	for _, r := range built.Resources() {
		found[r.GetKind()] = append(found[r.GetKind()], r.GetName())
	}
	for kind, names := range found {
		slices.Sort(names)
		found[kind] = slices.DeleteFunc(names, func(name string) bool { return name == "berth-people-deletion" })
	}
	if diff := cmp.Diff(map[string][]string{kindPolicy: Policies(), kindBinding: Policies()}, found); diff != "" {
		t.Errorf("config/admission: -want, +got:\n%s", diff)
	}
}

// newChecker returns a Checker with the rights of one of Berth's programs, and what it logs.
func newChecker(t *testing.T, account string, probes ...Probe) (*Checker, *testlog.Buffer) {
	t.Helper()
	config, err := testenv.ServiceAccount(t.Context(), testenv.Config(), account)
	if err != nil {
		t.Fatal(err)
	}
	log := &testlog.Buffer{}
	c, err := New(config, slog.New(slog.NewTextHandler(log, nil)), probes...)
	if err != nil {
		t.Fatal(err)
	}
	return c, log
}

// wantErr checks until the Checker reports an error with these words, or none if they are empty.
func wantErr(t *testing.T, c *Checker, words string) {
	t.Helper()
	testenv.Eventually(t, func(ctx context.Context) error {
		c.check(ctx)
		if err := c.Err(); (err == nil) != (words == "") || err != nil && !strings.Contains(err.Error(), words) {
			return fmt.Errorf("got error %w, want %q", err, words)
		}
		return nil
	})
}

// gauge returns the value of berth_policies_bound.
func gauge(t *testing.T, c *Checker) float64 {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(c.Metric())
	return testmetrics.Of(t, registry).Value("berth_policies_bound")
}

// Each way in which a policy is not in force is named, with the policy, and the check recovers when the policy is put right.
func TestUnbound(t *testing.T) {
	operator, operatorLog := newChecker(t, rbac.ServiceAccountOperator, Operator()...)
	facade, _ := newChecker(t, rbac.ServiceAccountFacade, Facade(testenv.KeysNamespace)...)
	for name, tc := range faults {
		t.Run(name, func(t *testing.T) {
			before := readPair(t, tc.policy)
			changed := pair{policy: before.policy.DeepCopy(), binding: before.binding.DeepCopy()}
			tc.change(&changed)
			changed.put(t, tc.policy)
			defer before.put(t, tc.policy)
			for account, c := range map[string]*Checker{"operator": operator, "facade": facade} {
				if strings.Contains(tc.want, "not enforced") && (account == "facade") != (tc.policy == keys) {
					continue // The other program has no right to write what the policy is about.
				}
				wantErr(t, c, tc.want)
				if got := gauge(t, c); got != 0 {
					t.Errorf("berth_policies_bound of the %s is %v, want 0", account, got)
				}
			}
			before.put(t, tc.policy)
			for _, c := range []*Checker{operator, facade} {
				wantErr(t, c, "")
				if got := gauge(t, c); got != 1 {
					t.Errorf("berth_policies_bound is %v after recovery, want 1", got)
				}
			}
		})
	}
	for _, words := range []string{"level=ERROR", "berth-people-secrets is missing", "level=INFO"} {
		if !strings.Contains(operatorLog.String(), words) {
			t.Errorf("the log does not say %q:\n%s", words, operatorLog)
		}
	}
}

// A warning of the type check, which the controller manager writes, is named.
func TestTypeWarning(t *testing.T) {
	policy := readPair(t, "berth-people-secrets").policy
	warning := admissionregistrationv1.ExpressionWarning{FieldRef: "spec.validations[0].expression", Warning: "undefined field"}
	setTypes(t, policy, &admissionregistrationv1.TypeChecking{ExpressionWarnings: []admissionregistrationv1.ExpressionWarning{warning}})
	c, _ := newChecker(t, rbac.ServiceAccountOperator, Operator()...)
	wantErr(t, c, "ValidatingAdmissionPolicy berth-people-secrets has an expression that the API server warns of: spec.validations[0].expression")
	setTypes(t, policy, nil)
	wantErr(t, c, "")
}

func setTypes(t *testing.T, policy *admissionregistrationv1.ValidatingAdmissionPolicy, types *admissionregistrationv1.TypeChecking) {
	t.Helper()
	policy.Status = admissionregistrationv1.ValidatingAdmissionPolicyStatus{ObservedGeneration: policy.Generation, TypeChecking: types}
	if err := api.Status().Update(t.Context(), policy); err != nil {
		t.Fatal(err)
	}
}

// Selectors that select everything do not narrow a binding.
func TestEmptyMatchResources(t *testing.T) {
	const name = "berth-people-secrets"
	before := readPair(t, name)
	changed := pair{policy: before.policy, binding: before.binding.DeepCopy()}
	changed.binding.Spec.MatchResources = &admissionregistrationv1.MatchResources{}
	changed.put(t, name)
	defer before.put(t, name)
	c, _ := newChecker(t, rbac.ServiceAccountOperator, Operator()...)
	wantErr(t, c, "")
}

// Before the first answer nothing is known; afterwards, an API server that does not answer changes nothing.
func TestAPIServerAway(t *testing.T) {
	config, err := testenv.ServiceAccount(t.Context(), testenv.Config(), rbac.ServiceAccountOperator)
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(config, slog.New(slog.DiscardHandler), Operator()...)
	if err != nil {
		t.Fatal(err)
	}
	if c.Err() == nil {
		t.Error("policies are taken for bound before they were checked")
	}
	away, cancel := context.WithCancel(t.Context())
	cancel()
	c.check(away)
	if err := c.Err(); err == nil || !strings.Contains(err.Error(), "cannot check the admission policies") {
		t.Errorf("got error %v without an API server, want that policies cannot be checked", err)
	}
	wantErr(t, c, "")
	c.check(away)
	if err := c.Err(); err != nil {
		t.Errorf("got error %v after the API server went away, want what was known before", err)
	}
}

// An administrator, to whom no policy of Berth's applies, may run the programs in development.
func TestAdministrator(t *testing.T) {
	c, err := New(testenv.Config(), slog.New(slog.DiscardHandler), append(Operator(), Facade(testenv.KeysNamespace)...)...)
	if err != nil {
		t.Fatal(err)
	}
	wantErr(t, c, "")
}

// A program with another ServiceAccount than its own is not bound by the policies.
func TestOtherServiceAccount(t *testing.T) {
	config := testenv.Config()
	config.Impersonate = rest.ImpersonationConfig{
		UserName: "system:serviceaccount:" + testenv.Namespace + ":other", Groups: []string{"system:masters", "system:authenticated"},
	}
	c, err := New(config, slog.New(slog.DiscardHandler), Operator()...)
	if err != nil {
		t.Fatal(err)
	}
	wantErr(t, c, "is not enforced: the API server accepted a request of system:serviceaccount:berth-system:other")
}
