package policycheck

import (
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// pair is a policy and its binding.
type pair struct {
	policy  *admissionregistrationv1.ValidatingAdmissionPolicy
	binding *admissionregistrationv1.ValidatingAdmissionPolicyBinding
}

func readPair(t *testing.T, name string) pair {
	t.Helper()
	p := pair{policy: &admissionregistrationv1.ValidatingAdmissionPolicy{}, binding: &admissionregistrationv1.ValidatingAdmissionPolicyBinding{}}
	for _, object := range []client.Object{p.policy, p.binding} {
		if err := api.Get(t.Context(), client.ObjectKey{Name: name}, object); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// put replaces what the API server has of a policy and its binding; nil is for none. An update would keep what the API server has set by itself.
func (p pair) put(t *testing.T, name string) {
	t.Helper()
	meta := metav1.ObjectMeta{Name: name}
	policy := &admissionregistrationv1.ValidatingAdmissionPolicy{ObjectMeta: meta}
	binding := &admissionregistrationv1.ValidatingAdmissionPolicyBinding{ObjectMeta: meta}
	for _, object := range []client.Object{binding, policy} {
		if err := api.Delete(t.Context(), object); client.IgnoreNotFound(err) != nil {
			t.Fatal(err)
		}
	}
	if p.policy != nil {
		policy.Spec = p.policy.Spec
		if err := api.Create(t.Context(), policy); err != nil {
			t.Fatal(err)
		}
	}
	if p.binding != nil {
		binding.Spec = p.binding.Spec
		if err := api.Create(t.Context(), binding); err != nil {
			t.Fatal(err)
		}
	}
}

const (
	operators = "berth-operator-rolebindings"
	keys      = "berth-facade-keys"
	people    = "berth-people-secrets"
)

// faults are ways in which a policy is not in force, and what a Checker says of them.
var faults = map[string]struct {
	policy string
	change func(*pair)
	want   string
}{
	"PolicyMissing": {
		policy: people, change: func(p *pair) { p.policy = nil },
		want: "ValidatingAdmissionPolicy berth-people-secrets is missing. Apply config/admission",
	},
	"BindingMissing": {
		policy: people, change: func(p *pair) { p.binding = nil },
		want: "ValidatingAdmissionPolicyBinding berth-people-secrets is missing. Apply config/admission",
	},
	"Ignored": {
		policy: people, change: func(p *pair) { p.policy.Spec.FailurePolicy = new(admissionregistrationv1.Ignore) },
		want: "ValidatingAdmissionPolicy berth-people-secrets has spec.failurePolicy Ignore",
	},
	"WarnAndAudit": {
		policy: operators, change: func(p *pair) {
			p.binding.Spec.ValidationActions = []admissionregistrationv1.ValidationAction{admissionregistrationv1.Warn, admissionregistrationv1.Audit}
		},
		want: "ValidatingAdmissionPolicyBinding berth-operator-rolebindings has spec.validationActions [Warn Audit]",
	},
	"NarrowedByNamespace": {
		policy: keys, change: func(p *pair) {
			selector := &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}}
			p.binding.Spec.MatchResources = &admissionregistrationv1.MatchResources{NamespaceSelector: selector}
		},
		want: "ValidatingAdmissionPolicyBinding berth-facade-keys has spec.matchResources",
	},
	"NarrowedByRule": {
		policy: "berth-external-id", change: func(p *pair) {
			p.binding.Spec.MatchResources = &admissionregistrationv1.MatchResources{ExcludeResourceRules: p.policy.Spec.MatchConstraints.ResourceRules}
		},
		want: "ValidatingAdmissionPolicyBinding berth-external-id has spec.matchResources",
	},
	"OtherPolicy": {
		policy: people, change: func(p *pair) { p.binding.Spec.PolicyName = keys },
		want: "ValidatingAdmissionPolicyBinding berth-people-secrets has spec.policyName berth-facade-keys",
	},
	"OfParameters": {
		policy: people, change: func(p *pair) {
			p.binding.Spec.ParamRef = &admissionregistrationv1.ParamRef{Name: "a", ParameterNotFoundAction: new(admissionregistrationv1.AllowAction)}
		},
		want: "ValidatingAdmissionPolicyBinding berth-people-secrets has spec.paramRef",
	},
	"RoleBindingsAllowed": {
		policy: operators, change: func(p *pair) { p.policy.Spec.Validations = []admissionregistrationv1.Validation{{Expression: "true"}} },
		want: "ValidatingAdmissionPolicy berth-operator-rolebindings is not enforced",
	},
	"NamespacesUnmatched": {
		policy: "berth-operator-namespaces", change: func(p *pair) { p.policy.Spec.MatchConditions[0].Expression = "false" },
		want: "ValidatingAdmissionPolicy berth-operator-namespaces is not enforced",
	},
	"KeysAllowed": {
		policy: keys, change: func(p *pair) { p.policy.Spec.Validations = []admissionregistrationv1.Validation{{Expression: "true"}} },
		want: "ValidatingAdmissionPolicy berth-facade-keys is not enforced",
	},
}
