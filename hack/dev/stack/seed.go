package stack

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	berthv1alpha1 "github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/rbac"
)

// seed makes the first organization and its keys with berthctl, as an administrator would.
func (s *Stack) seed(ctx context.Context) error {
	err := s.Client.Get(ctx, client.ObjectKey{Name: Organization}, &berthv1alpha1.Organization{})
	if apierrors.IsNotFound(err) { // An existing cluster has it from the time before.
		err = s.CreateOrganization(ctx, Organization)
	}
	if err != nil {
		return err
	}
	if err := s.awaitRights(ctx); err != nil {
		return fmt.Errorf("wait for the rights in the organization: %w", err)
	}
	// Each start makes new ones.
	create := []string{"apikey", "create", "--max-keys-per-owner=0", "--max-keys-per-organization=0"}
	if s.Env.APIKey, err = s.Berthctl(ctx, append(create, "--org", Organization, "--role", "manager", "--owner", "manager@"+s.opts.BaseDomain)...); err != nil {
		return err
	}
	s.Env.HostKey, err = s.Berthctl(ctx, append(create, "--host", "--owner", "staff@"+s.opts.BaseDomain)...)
	return err
}

// CreateOrganization creates a trusted organization with berthctl, whose Domains may have certificates of the stack's ACME issuer. The flags are
// added to those of `org create`.
func (s *Stack) CreateOrganization(ctx context.Context, name string, flags ...string) error {
	args := append([]string{"org", "create", name, "--trusted"}, flags...)
	if s.Env.ACMEIssuer != "" {
		args = append(args, "--allow-issuer", s.Env.ACMEIssuer)
	}
	_, err := s.Berthctl(ctx, args...)
	return err
}

// awaitRights waits until the operator has given the organization its rights; a minute at most. Before that, it is there for nobody with a key.
func (s *Stack) awaitRights(ctx context.Context) error {
	return wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		for _, binding := range rbac.Bindings(Organization, Namespace) {
			if err := s.Client.Get(ctx, client.ObjectKey{Namespace: Organization, Name: binding.Name}, &rbacv1.RoleBinding{}); err != nil {
				return false, client.IgnoreNotFound(err)
			}
		}
		return true, nil
	})
}

// Berthctl runs berthctl against the stack and returns what it printed on standard output, without the last line break.
func (s *Stack) Berthctl(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, s.Bin("berthctl"), append(args, "--kubeconfig", s.Env.Kubeconfig)...) //nolint:gosec // The arguments are ours.
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("berthctl %s: %w: %s", strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSuffix(string(out), "\n"), nil
}

// WaitReady waits until an App is Ready.
func (s *Stack) WaitReady(ctx context.Context, organization, app string, timeout time.Duration) error {
	var a berthv1alpha1.App
	err := wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, timeout, true, func(ctx context.Context) (bool, error) {
		if err := s.Client.Get(ctx, client.ObjectKey{Namespace: organization, Name: app}, &a); err != nil {
			return false, client.IgnoreNotFound(err)
		}
		ready := meta.FindStatusCondition(a.Status.Conditions, berthv1alpha1.ConditionReady)
		return a.Status.ObservedGeneration == a.Generation && ready != nil && ready.Status == metav1.ConditionTrue, nil
	})
	if err != nil {
		return fmt.Errorf("app %s/%s: %w; its conditions are %v", organization, app, err, a.Status.Conditions)
	}
	return nil
}
