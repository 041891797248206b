package facade

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// report plays the operator: it writes the status of a Domain.
func report(t *testing.T, domain *v1alpha1.Domain, generation int64, record *v1alpha1.DomainVerification, verified metav1.Condition) {
	t.Helper()
	verified.Type, verified.ObservedGeneration, verified.LastTransitionTime = v1alpha1.ConditionVerified, generation, metav1.Now()
	domain.Status = v1alpha1.DomainStatus{ObservedGeneration: generation, Verification: record, Conditions: []metav1.Condition{verified}}
	if err := suite.cluster.Status().Update(t.Context(), domain); err != nil {
		t.Fatal(err)
	}
}

// TestVerificationIsShown says that a domain shows the record that it waits for, for as long as it does, and is pending.
func TestVerificationIsShown(t *testing.T) {
	org, key, slug := newSite(t, "proof")
	host := slug + ".example.org"
	for _, domain := range []string{"www." + host, host} {
		call(t, key, http.MethodPut, domainPath(org, slug), map[string]any{"domain": domain}).want(t, http.StatusOK)
	}
	waiting := metav1.Condition{Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonRecordNotFound}
	proven := metav1.Condition{Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonSucceeded}
	record := &v1alpha1.DomainVerification{Name: "_berth-challenge." + host, Type: "TXT", Value: "TOKEN"}
	shown := map[string]any{"name": record.Name, "type": "TXT", "value": "TOKEN"}
	steps := []struct {
		name     string
		ago      int64
		record   *v1alpha1.DomainVerification
		verified metav1.Condition
		want     any
	}{
		{name: "Wanted", record: record, verified: waiting, want: shown},
		{name: "OfAnotherHost", ago: 1, record: record, verified: waiting},
		{name: "Proven", verified: proven},
	}
	for _, step := range steps {
		domain := domainOf(t, org, slug)
		report(t, domain, domain.Generation-step.ago, step.record, step.verified)
		var got answer
		eventually(t, step.name+": the record is shown as it should be", func() bool {
			got = call(t, key, http.MethodGet, domainPath(org, slug), nil).want(t, http.StatusOK)
			return cmp.Equal(step.want, got.json(t)["verification"])
		})
		if state := got.json(t)["state"]; state != "pending" {
			t.Errorf("%s: the state is %v", step.name, state)
		}
		again := call(t, key, http.MethodPut, domainPath(org, slug), got.json(t)).want(t, http.StatusOK)
		if diff := cmp.Diff(got.json(t), again.json(t)); diff != "" {
			t.Errorf("%s: sent back as it was read: -before, +after:\n%s", step.name, diff)
		}
	}
}
