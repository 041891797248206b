package controllers

import (
	"context"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	rbacv1ac "k8s.io/client-go/applyconfigurations/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/access"
	"github.com/berth-dev/berth/internal/testenv"
)

// operatorClient asks the API server as the operator, for what the operator never asks by itself.
func operatorClient(t *testing.T) client.Client {
	t.Helper()
	config, err := testenv.ServiceAccount(t.Context(), testenv.Config(), access.ServiceAccountOperator)
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(config, client.Options{Scheme: Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// refused says that a request was refused as invalid, which is what policies do, with some words; forbidden is what RBAC does.
func refused(t *testing.T, err error, words string) {
	t.Helper()
	if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), words) {
		t.Errorf("got error %v, want one of a policy that says %q", err, words)
	}
}

// The operator gives nobody rights but those of an organization, to whom they belong, in an organization.
func TestOperatorBindsRolesOfOrganizationsAlone(t *testing.T) {
	t.Parallel()
	operator, ns, other := operatorClient(t), organization(t), namespace(t, nil)
	group := func(name string) *rbacv1ac.SubjectApplyConfiguration {
		return rbacv1ac.Subject().WithKind("Group").WithAPIGroup(rbacv1.GroupName).WithName(name)
	}
	account := func(namespace, name string) *rbacv1ac.SubjectApplyConfiguration {
		return rbacv1ac.Subject().WithKind("ServiceAccount").WithNamespace(namespace).WithName(name)
	}
	const whom, where = "are for its groups", "is no organization"
	cases := map[string]struct {
		namespace, name, role string
		subject               *rbacv1ac.SubjectApplyConfiguration
		// refusal is what a policy says; empty if RBAC doesn't allow it to begin with.
		refusal string
	}{
		"Elsewhere":      {other, "berth-manager", "berth-manager", group("berth:" + other + ":manager"), where},
		"Itself":         {other, "berth-operator", "berth-operator-organization", account(testenv.Namespace, "berth-operator"), where},
		"BerthNamespace": {testenv.Namespace, "berth-operator", "berth-operator-organization", account(testenv.Namespace, "berth-operator"), where},
		"OtherGroup":     {ns, "berth-manager", "berth-manager", group("berth:other:manager"), whom},
		"Contributors":   {ns, "berth-manager", "berth-manager", group("berth:" + ns + ":contributor"), whom},
		"Everybody":      {ns, "berth-contributor", "berth-contributor", group("system:authenticated"), whom},
		"User":           {ns, "berth-contributor", "berth-contributor", group("ann").WithKind("User"), whom},
		"OtherAccount":   {ns, "berth-operator", "berth-operator-organization", account(testenv.Namespace, "default"), whom},
		"OtherBerth":     {ns, "berth-facade", "berth-facade-organization", account(ns, "berth-facade"), whom},
		"ClusterAdmin":   {ns, "berth-manager", "cluster-admin", group("berth:" + ns + ":manager"), ""},
		"OtherName":      {ns, "mine", "berth-manager", group("berth:" + ns + ":manager"), ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			binding := rbacv1ac.RoleBinding(tc.name, tc.namespace).WithSubjects(tc.subject).
				WithRoleRef(rbacv1ac.RoleRef().WithAPIGroup(rbacv1.GroupName).WithKind("ClusterRole").WithName(tc.role))
			err := operator.Apply(t.Context(), binding, client.FieldOwner("test"), client.ForceOwnership, client.DryRunAll)
			if tc.refusal != "" {
				refused(t, err, tc.refusal)
			} else if !apierrors.IsForbidden(err) {
				t.Errorf("got error %v, want that it is forbidden", err)
			}
		})
	}
}

// Each of the four RoleBindings grants its own ClusterRole: managers don't get what the operator may.
func TestOperatorBindsEachRoleByItsName(t *testing.T) {
	t.Parallel()
	operator, ns := operatorClient(t), organization(t)
	// The role of a RoleBinding can't be changed, so that it has to be a new one, and the controllers put the old one back at once.
	eventually(t, func(ctx context.Context) error {
		if err := operator.Delete(ctx, roleBinding(ns, "berth-manager")); client.IgnoreNotFound(err) != nil {
			return err
		}
		binding := rbacv1ac.RoleBinding("berth-manager", ns).
			WithRoleRef(rbacv1ac.RoleRef().WithAPIGroup(rbacv1.GroupName).WithKind("ClusterRole").WithName("berth-operator-organization"))
		err := operator.Apply(ctx, binding, client.FieldOwner("test"), client.ForceOwnership, client.DryRunAll)
		if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), "the operator binds four ClusterRoles") {
			return fmt.Errorf("got error %w, want that of the policy", err)
		}
		return nil
	})
}

// The operator can't make an organization of a Namespace, nor change more of one than is its own.
func TestOperatorChangesLittleOfNamespaces(t *testing.T) {
	t.Parallel()
	operator := operatorClient(t)
	set := func(key, value string) func(*corev1.Namespace) {
		return func(ns *corev1.Namespace) { metav1.SetMetaDataLabel(&ns.ObjectMeta, key, value) }
	}
	mark := func(key, value string) func(*corev1.Namespace) {
		return func(ns *corev1.Namespace) { metav1.SetMetaDataAnnotation(&ns.ObjectMeta, key, value) }
	}
	cases := map[string]struct {
		plain  bool
		change func(*corev1.Namespace)
		want   string
	}{
		"Organization":     {plain: true, change: set(v1alpha1.LabelOrganization, "x"), want: "organizations alone"},
		"ExternalID":       {plain: true, change: mark(v1alpha1.AnnotationExternalID, "x"), want: "organizations alone"},
		"NoOrganization":   {change: func(ns *corev1.Namespace) { delete(ns.Labels, v1alpha1.LabelOrganization) }, want: "of the labels"},
		"OtherName":        {change: set(v1alpha1.LabelOrganization, "other"), want: "of the labels"},
		"OtherLabel":       {change: set("example.com/a", "b"), want: "of the labels"},
		"Privileged":       {change: set("pod-security.kubernetes.io/enforce", "privileged"), want: "of the labels"},
		"Audit":            {change: set("pod-security.kubernetes.io/audit", "baseline"), want: "of the labels"},
		"OtherExternalID":  {change: mark(v1alpha1.AnnotationExternalID, "x"), want: "external id"},
		"NoExternalID":     {change: func(ns *corev1.Namespace) { delete(ns.Annotations, v1alpha1.AnnotationExternalID) }, want: "external id"},
		"OtherToken":       {change: mark(v1alpha1.AnnotationVerificationToken, "x"), want: "verification token"},
		"Quota":            {change: mark(v1alpha1.AnnotationQuota, "pods=1000"), want: "of the annotations"},
		"Finalizer":        {change: func(ns *corev1.Namespace) { ns.Finalizers = []string{"example.com/stay"} }, want: "nothing of a Namespace but"},
		"OwnersOfAnything": {change: func(ns *corev1.Namespace) { ns.OwnerReferences = ownedByMap(ns) }, want: "nothing of a Namespace but"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace(t, nil)}}
			if !tc.plain {
				ns.Name = organization(t)
			}
			get(t, ns)
			before := ns.DeepCopy()
			tc.change(ns)
			refused(t, operator.Patch(t.Context(), ns, client.MergeFrom(before), client.DryRunAll), tc.want)
		})
	}
}

func ownedByMap(ns *corev1.Namespace) []metav1.OwnerReference {
	return []metav1.OwnerReference{{APIVersion: "v1", Kind: "Namespace", Name: "other", UID: ns.UID}}
}

// Nobody changes the external id of an organization. Who really has to, says first that it is no organization.
func TestExternalIDIsForGood(t *testing.T) {
	t.Parallel()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: organization(t)}}
	get(t, ns)
	for name, change := range map[string]func(*corev1.Namespace){
		"Changed":  func(ns *corev1.Namespace) { ns.Annotations[v1alpha1.AnnotationExternalID] = "another" },
		"Emptied":  func(ns *corev1.Namespace) { ns.Annotations[v1alpha1.AnnotationExternalID] = "" },
		"Gone":     func(ns *corev1.Namespace) { delete(ns.Annotations, v1alpha1.AnnotationExternalID) },
		"WithMore": func(ns *corev1.Namespace) { ns.Labels, ns.Annotations = nil, nil },
	} {
		after := ns.DeepCopy()
		change(after)
		err := api.Patch(t.Context(), after, client.MergeFrom(ns), client.DryRunAll)
		if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), "keeps its external id") {
			t.Errorf("%s: got error %v, want that the organization keeps its external id", name, err)
		}
	}
	patch(t, ns, func(client.Object) { delete(ns.Labels, v1alpha1.LabelOrganization) })
	patch(t, ns, func(client.Object) { ns.Annotations[v1alpha1.AnnotationExternalID] = "another" })
}
