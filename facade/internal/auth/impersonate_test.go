package auth

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	apiac "github.com/berth-dev/berth/api/v1alpha1/applyconfiguration/api/v1alpha1"
	"github.com/berth-dev/berth/internal/apikey"
)

// newClient acts as the principal of a context, by the rights of the facade's ServiceAccount.
func newClient(t *testing.T) client.Client {
	t.Helper()
	scheme := cluster.Scheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	c, err := client.New(Impersonating(facadeConfig), client.Options{Scheme: scheme, Mapper: cluster.RESTMapper()})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func app(namespace, name string) *apiac.AppApplyConfiguration {
	return apiac.App(name, namespace).WithSpec(apiac.AppSpec().WithImage("example.com/shop:v1"))
}

// env is a Secret of a kind that people give to Berth: others of the organization may change no other kinds.
func env(name, namespace string) *corev1ac.SecretApplyConfiguration {
	return corev1ac.Secret(name, namespace).WithLabels(map[string]string{v1alpha1.LabelSecret: v1alpha1.SecretEnv})
}

// TestImpersonation says that the API server decides who may write where, and that the facade's own rights don't reach further than that.
func TestImpersonation(t *testing.T) {
	c := newClient(t)
	as := func(p Principal) (apply, secret, elsewhere error) {
		ctx := NewContext(t.Context(), p)
		apply = c.Apply(ctx, app("acme", "shop"), client.FieldOwner("test"))
		secret = c.Apply(ctx, env("shop-env", "acme"), client.FieldOwner("test"))
		elsewhere = c.Apply(ctx, env("shop-env", "default"), client.FieldOwner("test"))
		return apply, secret, elsewhere
	}
	cases := map[string]struct {
		reason    string
		principal Principal
		want      bool
	}{
		"Manager":     {principal: ofKey(apikey.Key{Spec: apikey.Spec{ID: "m", Role: apikey.RoleManager, Organizations: []string{"acme"}}}), want: true},
		"Host":        {principal: ofKey(apikey.Key{Spec: apikey.Spec{ID: "h", Role: apikey.RoleHost}}), want: true},
		"Contributor": {principal: ofKey(apikey.Key{Spec: apikey.Spec{ID: "c", Role: apikey.RoleContributor, Organizations: []string{"acme"}}})},
		"Stranger":    {principal: ofKey(apikey.Key{Spec: apikey.Spec{ID: "s", Role: apikey.RoleManager, Organizations: []string{"cowork"}}})},
		"Administrator": {
			reason:    "Even as somebody who may do everything the facade only writes what it is for, in organizations.",
			principal: Principal{User: root}, want: true,
		},
		"Masters":        {reason: "The API server lets nobody act in this group.", principal: Principal{User: "x", Groups: []string{"system:masters"}}},
		"Node":           {reason: "Nodes can't be impersonated.", principal: Principal{User: "system:node:one"}},
		"ServiceAccount": {principal: Principal{User: "system:serviceaccount:kube-system:generic-garbage-collector"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			apply, secret, elsewhere := as(tc.principal)
			for what, err := range map[string]error{"an App": apply, "a Secret": secret} {
				if tc.want && err != nil || !tc.want && !apierrors.IsForbidden(err) {
					t.Errorf("\n%s\napply %s: got %v, want it to be allowed: %t", tc.reason, what, err, tc.want)
				}
			}
			if !apierrors.IsForbidden(elsewhere) {
				t.Errorf("\n%s\napply a Secret outside of organizations: got %v, want it to be forbidden", tc.reason, elsewhere)
			}
		})
	}
}

// TestImpersonationReadsNoSecrets says that what is read of Secrets is not read in anybody's name.
func TestImpersonationReadsNoSecrets(t *testing.T) {
	ctx := NewContext(t.Context(), Principal{User: root})
	c := newClient(t)
	if err := c.List(ctx, &corev1.SecretList{}, client.InNamespace("acme")); !apierrors.IsForbidden(err) {
		t.Errorf("list Secrets: got %v, want it to be forbidden", err)
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "made-by-the-facade"}}
	if err := c.Create(ctx, namespace); !apierrors.IsForbidden(err) {
		t.Errorf("make a Namespace: got %v, want it to be forbidden", err)
	}
}

// TestNobodyIsNotSent says that a request for nobody isn't made with the facade's own rights.
func TestNobodyIsNotSent(t *testing.T) {
	err := newClient(t).List(t.Context(), &corev1.NamespaceList{})
	if _, answered := err.(apierrors.APIStatus); err == nil || answered {
		t.Errorf("list Namespaces for nobody: got %v, want it not to be sent", err)
	}
}
