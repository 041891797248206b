package controllers

import (
	"context"
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/berth-dev/berth/controllers/internal/phase"
	organizationcontroller "github.com/berth-dev/berth/controllers/organization"
	"github.com/berth-dev/berth/internal/rbac"
	"github.com/berth-dev/berth/internal/testing/testenv"
)

// binder returns a function that binds the operator's role in a Namespace, through a client, unless check returns an error.
func binder(t *testing.T, c client.Client, name string, check func() error) func() *phase.Outcome {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	get(t, ns)
	o := testOptions().withDefaults()
	o.Guarded = check
	b := testBase(t, clock.RealClock{})
	b.Client = c
	r := organizationcontroller.New(b, o.organizations())
	return func() *phase.Outcome {
		return phase.Run(t.Context(), ns, phase.Phase[*corev1.Namespace]{Name: "bind", Run: func(ctx context.Context, ns *corev1.Namespace) error {
			return r.Bind(ctx, ns, rbac.Bindings(name, testenv.Namespace)[0])
		}})
	}
}

// No RoleBinding of an organization is written without the admission policies.
func TestRoleBindingsAreGuarded(t *testing.T) {
	t.Parallel()
	// The suite's operator removes RoleBindings from a Namespace that is not an organization, so what was written is counted.
	written := 0
	counting := interceptor.NewClient(api, interceptor.Funcs{
		Apply: func(ctx context.Context, c client.WithWatch, config runtime.ApplyConfiguration, options ...client.ApplyOption) error {
			written++
			return c.Apply(ctx, config, options...)
		},
	})
	var unbound error
	bind := binder(t, counting, namespace(t, nil), func() error { return unbound })

	unbound = errors.New("ValidatingAdmissionPolicy berth-people-secrets is missing")
	outcome := bind()
	if result, err := outcome.Result(); err != nil || result.RequeueAfter == 0 {
		t.Errorf("without the policy: got %v %v, want a wait", result, err)
	}
	if problems := outcome.Problems(); len(problems) != 1 || !strings.Contains(problems[0].Message, "berth-people-secrets is missing") {
		t.Errorf("without the policy: got %+v, want a problem that names it", problems)
	}
	if written > 0 {
		t.Error("without the policy, the RoleBinding is written")
	}

	unbound = nil
	if problems := bind().Problems(); len(problems) > 0 {
		t.Errorf("with the policy: %+v", problems)
	}
	if written != 1 {
		t.Errorf("with the policy, the RoleBinding is written %d times, want once", written)
	}
}

// An organization that has its RoleBindings is not disturbed.
func TestRoleBindingsStayWithoutPolicies(t *testing.T) {
	t.Parallel()
	unbound := errors.New("ValidatingAdmissionPolicy berth-people-secrets is missing")
	bind := binder(t, cached, organization(t), func() error { return unbound })
	eventually(t, func(context.Context) error {
		if problems := bind().Problems(); len(problems) > 0 {
			return errors.New(problems[0].Message)
		}
		return nil
	})
}
