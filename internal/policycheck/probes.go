package policycheck

import (
	"context"
	"fmt"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	rbacv1ac "k8s.io/client-go/applyconfigurations/rbac/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/berth-dev/berth/internal/rbac"
)

// Probe is a request that a policy must deny, although RBAC allows it to the program that sends it.
type Probe struct {
	// policy is the name of the policy.
	policy string
	// send sends the request as a dry run, so that nothing is written if the policy is not enforced, and returns the API server's error.
	send func(ctx context.Context, api kubernetes.Interface) error
}

// fieldManager is that of the probes, none of which writes anything.
const fieldManager = "berth-policycheck"

// Operator returns the probes of the operator: a RoleBinding and a label in the Namespace default, which is never an organization.
func Operator() []Probe {
	dryRun := []string{metav1.DryRunAll}
	return []Probe{
		{policy: "berth-operator-rolebindings", send: func(ctx context.Context, api kubernetes.Interface) error {
			binding := rbacv1ac.RoleBinding(rbac.ClusterRoleManager, metav1.NamespaceDefault).
				WithRoleRef(rbacv1ac.RoleRef().WithAPIGroup(rbacv1.GroupName).WithKind("ClusterRole").WithName(rbac.ClusterRoleManager))
			_, err := api.RbacV1().RoleBindings(metav1.NamespaceDefault).Apply(ctx, binding, metav1.ApplyOptions{DryRun: dryRun, FieldManager: fieldManager})
			return err
		}},
		{policy: "berth-operator-namespaces", send: func(ctx context.Context, api kubernetes.Interface) error {
			label := []byte(`{"metadata":{"labels":{"berth.dev/policycheck":""}}}`)
			_, err := api.CoreV1().Namespaces().Patch(ctx, metav1.NamespaceDefault, types.MergePatchType, label,
				metav1.PatchOptions{DryRun: dryRun, FieldManager: fieldManager})
			return err
		}},
	}
}

// Facade returns the probes of the facade: a Secret that is not an API key, in the Namespace of these.
func Facade(namespace string) []Probe {
	return []Probe{{policy: "berth-facade-keys", send: func(ctx context.Context, api kubernetes.Interface) error {
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{GenerateName: "policycheck-"}}
		_, err := api.CoreV1().Secrets(namespace).Create(ctx, secret, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}, FieldManager: fieldManager})
		return err
	}}}
}

// try sends a probe. It returns an *UnboundError if the policy let the request through, and an error of the API server if the answer says nothing
// about the policy.
func (p Probe) try(ctx context.Context, api kubernetes.Interface) error {
	err := p.send(ctx, api)
	if apierrors.IsInvalid(err) && strings.Contains(err.Error(), "'"+p.policy+"'") {
		return nil
	}
	if err != nil {
		return fmt.Errorf("probe policy %s: %w", p.policy, err)
	}
	review, err := api.AuthenticationV1().SelfSubjectReviews().Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("probe policy %s: find out whose rights it was sent with: %w", p.policy, err)
	}
	user := review.Status.UserInfo.Username
	if !strings.HasPrefix(user, "system:serviceaccount:") {
		return nil // A developer runs the program with an administrator's rights, to whom the policy does not apply.
	}
	return wrongPolicy(p.policy, "is not enforced: the API server accepted a request of %s that it must deny", user)
}
