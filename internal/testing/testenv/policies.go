package testenv

import (
	"context"
	"errors"
	"fmt"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	rbacv1ac "k8s.io/client-go/applyconfigurations/rbac/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/internal/rbac"
)

// AwaitPolicies is a Setup that waits, after InstallRights, until the API server refuses what RBAC allows and an admission policy doesn't:
// a RoleBinding of the operator's in a Namespace that is no organization. It learns of all policies by watches, at about the same time.
func AwaitPolicies(ctx context.Context, config *rest.Config) error {
	config, err := ServiceAccount(ctx, config, rbac.ServiceAccountOperator)
	if err != nil {
		return err
	}
	operator, err := client.New(config, client.Options{})
	if err != nil {
		return err
	}
	var last error
	err = wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		const name = rbac.ClusterRoleManager
		binding := rbacv1ac.RoleBinding(name, metav1.NamespaceDefault).
			WithRoleRef(rbacv1ac.RoleRef().WithAPIGroup(rbacv1.GroupName).WithKind("ClusterRole").WithName(name))
		last = operator.Apply(ctx, binding, client.FieldOwner("testenv"), client.DryRunAll)
		return apierrors.IsInvalid(last), nil
	})
	if err != nil {
		return fmt.Errorf("wait for the admission policies: %w", errors.Join(err, last))
	}
	return nil
}
