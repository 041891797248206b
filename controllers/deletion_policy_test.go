package controllers

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/testobjects"
	"github.com/berth-dev/berth/internal/rbac"
	"github.com/berth-dev/berth/internal/testing/testenv"
)

// as asks the API server as a user in a group.
func as(t *testing.T, user string, groups ...string) client.Client {
	t.Helper()
	config := testenv.Config()
	config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: append([]string{"system:authenticated"}, groups...)}
	c, err := client.New(config, client.Options{Scheme: Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// managersOf ask as a manager of an organization, or as a ServiceAccount with the role of one: a policy must not go by the name of a group.
func managersOf(t *testing.T, ns string) map[string]client.Client {
	t.Helper()
	create(t, &rbacv1.RoleBinding{
		ObjectMeta: testobjects.Named(ns, "gitops"), RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: rbac.ClusterRoleManager},
		Subjects: []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: "default", Name: ns}},
	})
	all := map[string]client.Client{
		"Person": as(t, "berth:person:eve@example.test", "berth:"+ns+":manager"), "GitOps": as(t, "system:serviceaccount:default:"+ns),
	}
	for _, c := range all { // The API server learns of the RoleBindings by a watch.
		eventually(t, func(ctx context.Context) error { return c.List(ctx, &v1alpha1.AppList{}, client.InNamespace(ns)) })
	}
	return all
}

func TestPeopleSetNoFinalizers(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	managers := managersOf(t, ns)
	cases := map[string]struct {
		before, after []string
		refused       string
	}{
		"None":          {},
		"Any":           {after: []string{"example.com/keep"}, refused: "metadata.finalizers: example.com/keep is not allowed"},
		"Orphan":        {after: []string{metav1.FinalizerOrphanDependents}, refused: "metadata.finalizers: orphan is not allowed"},
		"Foreground":    {after: []string{metav1.FinalizerDeleteDependents}},
		"AmongOthers":   {before: []string{"a.example.com/b"}, after: []string{"a.example.com/b", "example.com/c"}, refused: "example.com/c is not allowed"},
		"Administrator": {before: []string{"a.example.com/b"}, after: []string{"a.example.com/b"}},
		"Removed":       {before: []string{"a.example.com/b"}},
	}
	for who, manager := range managers {
		for name, tc := range cases {
			t.Run(who+"/"+name, func(t *testing.T) {
				t.Parallel()
				objects := []client.Object{
					&v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Namespace: ns, GenerateName: "app-"}, Spec: v1alpha1.AppSpec{Image: "web"}},
					&v1alpha1.Domain{ObjectMeta: metav1.ObjectMeta{Namespace: ns, GenerateName: "domain-"}, Spec: v1alpha1.DomainSpec{
						Host: strings.ToLower(who+name) + "." + ns + ".example.com", AppRef: v1alpha1.AppRef{Name: "web"},
					}},
				}
				for _, o := range objects {
					o.SetFinalizers(tc.after)
					if len(tc.before) == 0 {
						wantDenied(t, manager.Create(t.Context(), o, client.DryRunAll), tc.refused)
					}
					o.SetFinalizers(tc.before)
					o.SetResourceVersion("")
					create(t, o)
					change, err := json.Marshal(map[string]any{"metadata": map[string]any{
						"annotations": map[string]string{"changed": "yes"}, "finalizers": tc.after,
					}})
					if err != nil {
						t.Fatal(err)
					}
					wantDenied(t, manager.Patch(t.Context(), o, client.RawPatch(types.MergePatchType, change), client.DryRunAll), tc.refused)
				}
			})
		}
	}
}

// wantDenied says that a policy denies a request with some words, or that nothing does if there are none.
func wantDenied(t *testing.T, err error, words string) {
	t.Helper()
	switch {
	case words != "":
		refused(t, err, words)
	case err != nil:
		t.Error(err)
	}
}

func TestPeopleDoNotOrphan(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	managers := managersOf(t, ns)
	orphans := "propagationPolicy Orphan is not allowed"
	background, orphaning := client.PropagationPolicy(metav1.DeletePropagationBackground), client.PropagationPolicy(metav1.DeletePropagationOrphan)
	deprecated := func(orphan bool) client.DeleteOption {
		return &client.DeleteOptions{Raw: &metav1.DeleteOptions{OrphanDependents: new(orphan)}} //nolint:staticcheck // Old clients still send it.
	}
	cases := map[string]struct {
		finalizers []string
		options    []client.DeleteOption
		refused    string
	}{
		"Plain":               {},
		"Background":          {options: []client.DeleteOption{background}},
		"Foreground":          {options: []client.DeleteOption{client.PropagationPolicy(metav1.DeletePropagationForeground)}},
		"Orphan":              {options: []client.DeleteOption{orphaning}, refused: orphans},
		"OrphanDependents":    {options: []client.DeleteOption{deprecated(true)}, refused: orphans},
		"NoOrphans":           {options: []client.DeleteOption{deprecated(false)}},
		"Finalizer":           {finalizers: []string{metav1.FinalizerOrphanDependents}, refused: orphans},
		"FinalizerBackground": {finalizers: []string{metav1.FinalizerOrphanDependents}, options: []client.DeleteOption{background}},
		"Preconditions":       {options: []client.DeleteOption{client.GracePeriodSeconds(0)}},
	}
	for who, manager := range managers {
		for name, tc := range cases {
			t.Run(who+"/"+name, func(t *testing.T) {
				t.Parallel()
				app := &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Namespace: ns, GenerateName: "app-"}, Spec: v1alpha1.AppSpec{Image: "web"}}
				domain := &v1alpha1.Domain{ObjectMeta: metav1.ObjectMeta{Namespace: ns, GenerateName: "domain-"}, Spec: v1alpha1.DomainSpec{
					Host: strings.ToLower(who+name) + ".orphan." + ns + ".example.com", AppRef: v1alpha1.AppRef{Name: "web"},
				}}
				for _, o := range []client.Object{app, domain} {
					o.SetFinalizers(tc.finalizers)
					create(t, o)
					wantDenied(t, manager.Delete(t.Context(), o, append(tc.options, client.DryRunAll)...), tc.refused)
					if err := api.Delete(t.Context(), o, append(tc.options, client.DryRunAll)...); err != nil {
						t.Errorf("an administrator is refused: %v", err)
					}
				}
			})
		}
	}
}
