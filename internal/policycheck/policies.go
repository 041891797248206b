// Package policycheck verifies that the API server enforces the admission policies that Berth's security relies on: an installation that leaves
// config/admission out would otherwise work, and let the operator bind its roles in any Namespace and a manager read any Secret.
package policycheck

import (
	"context"
	"errors"
	"fmt"
	"slices"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	admissionclient "k8s.io/client-go/kubernetes/typed/admissionregistration/v1"
)

// Policies returns the names of the ValidatingAdmissionPolicies of config/admission that Berth's security relies on. Each has a
// ValidatingAdmissionPolicyBinding of the same name. berth-people-deletion is not among them: the operator undoes what it denies.
func Policies() []string {
	return []string{
		"berth-external-id", "berth-facade-hostclaims", "berth-facade-keys", "berth-operator-namespaces", "berth-operator-rolebindings",
		"berth-people-secrets",
	}
}

// UnboundError says what is wrong with a policy.
type UnboundError struct {
	// Kind and Name are of the policy or of its binding.
	Kind, Name string
	// Problem completes the sentence that begins with kind and name.
	Problem string
}

// Error says which object has which problem.
func (e *UnboundError) Error() string { return e.Kind + " " + e.Name + " " + e.Problem }

const (
	kindPolicy  = "ValidatingAdmissionPolicy"
	kindBinding = "ValidatingAdmissionPolicyBinding"
)

func wrongPolicy(name, format string, args ...any) error {
	return &UnboundError{Kind: kindPolicy, Name: name, Problem: fmt.Sprintf(format, args...)}
}

func wrongBinding(name, format string, args ...any) error {
	return &UnboundError{Kind: kindBinding, Name: name, Problem: fmt.Sprintf(format, args...)}
}

// read returns what is wrong with a policy as the API server holds it and with its binding: errors of type *UnboundError, joined, or an error of the
// API server, which says nothing about the policy.
func read(ctx context.Context, api admissionclient.AdmissionregistrationV1Interface, name string) error {
	policy, err := api.ValidatingAdmissionPolicies().Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return wrongPolicy(name, "is missing")
	}
	if err != nil {
		return err
	}
	binding, err := api.ValidatingAdmissionPolicyBindings().Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return errors.Join(checkPolicy(policy), wrongBinding(name, "is missing"))
	}
	if err != nil {
		return err
	}
	return errors.Join(checkPolicy(policy), checkBinding(binding))
}

func checkPolicy(policy *admissionregistrationv1.ValidatingAdmissionPolicy) error {
	var errs []error
	if fails := policy.Spec.FailurePolicy; fails != nil && *fails != admissionregistrationv1.Fail {
		errs = append(errs, wrongPolicy(policy.Name, "has spec.failurePolicy %s, which must be Fail", *fails))
	}
	if types := policy.Status.TypeChecking; types != nil && len(types.ExpressionWarnings) > 0 {
		errs = append(errs, wrongPolicy(policy.Name, "has an expression that the API server warns of: %s", types.ExpressionWarnings[0].FieldRef))
	}
	return errors.Join(errs...)
}

func checkBinding(binding *admissionregistrationv1.ValidatingAdmissionPolicyBinding) error {
	var errs []error
	if binding.Spec.PolicyName != binding.Name {
		errs = append(errs, wrongBinding(binding.Name, "has spec.policyName %s, which must be %s", binding.Spec.PolicyName, binding.Name))
	}
	if !slices.Contains(binding.Spec.ValidationActions, admissionregistrationv1.Deny) {
		errs = append(errs, wrongBinding(binding.Name, "has spec.validationActions %v, which must include Deny", binding.Spec.ValidationActions))
	}
	if binding.Spec.ParamRef != nil {
		errs = append(errs, wrongBinding(binding.Name, "has spec.paramRef, which must not be set"))
	}
	if narrows(binding.Spec.MatchResources) {
		errs = append(errs, wrongBinding(binding.Name, "has spec.matchResources, which must not be set"))
	}
	return errors.Join(errs...)
}

// narrows reports whether resources keep a binding from applying to all that its policy matches.
func narrows(resources *admissionregistrationv1.MatchResources) bool {
	return resources != nil && (len(resources.ResourceRules)+len(resources.ExcludeResourceRules) > 0 ||
		selects(resources.NamespaceSelector) || selects(resources.ObjectSelector))
}

func selects(selector *metav1.LabelSelector) bool {
	return selector != nil && len(selector.MatchLabels)+len(selector.MatchExpressions) > 0
}
