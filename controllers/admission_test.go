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
	"github.com/berth-dev/berth/controllers/internal/resources"
	"github.com/berth-dev/berth/internal/policy"
	"github.com/berth-dev/berth/internal/rbac"
	"github.com/berth-dev/berth/internal/testing/testenv"
)

// operatorClient asks the API server as the operator, for what the operator never asks by itself.
func operatorClient(t *testing.T) client.Client {
	t.Helper()
	config, err := testenv.ServiceAccount(t.Context(), testenv.Config(), rbac.ServiceAccountOperator)
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
	const whom, where = "are for its groups", "is not an organization"
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
	note := func(key, value string) func(*corev1.Namespace) {
		return func(ns *corev1.Namespace) { metav1.SetMetaDataAnnotation(&ns.ObjectMeta, key, value) }
	}
	cases := map[string]struct {
		plain  bool
		change func(*corev1.Namespace)
		want   string
	}{
		"Organization":      {plain: true, change: set(v1alpha1.LabelOrganization, "x"), want: "only Namespaces that are organizations"},
		"ExternalID":        {plain: true, change: note(v1alpha1.AnnotationExternalID, "x"), want: "only Namespaces that are organizations"},
		"NoOrganization":    {change: func(ns *corev1.Namespace) { delete(ns.Labels, v1alpha1.LabelOrganization) }, want: "of the labels"},
		"OtherName":         {change: set(v1alpha1.LabelOrganization, "other"), want: "of the labels"},
		"OtherLabel":        {change: set("example.com/a", "b"), want: "of the labels"},
		"Privileged":        {change: set("pod-security.kubernetes.io/enforce", "privileged"), want: "of the labels"},
		"Unbounded":         {change: func(ns *corev1.Namespace) { delete(ns.Labels, "pod-security.kubernetes.io/enforce") }, want: "of the labels"},
		"Audit":             {change: set("pod-security.kubernetes.io/audit", "baseline"), want: "of the labels"},
		"OtherExternalID":   {change: note(v1alpha1.AnnotationExternalID, "x"), want: "external id"},
		"NoExternalID":      {change: func(ns *corev1.Namespace) { delete(ns.Annotations, v1alpha1.AnnotationExternalID) }, want: "external id"},
		"OtherToken":        {change: note(v1alpha1.AnnotationVerificationToken, "x"), want: "verification token"},
		"Quota":             {change: note("berth.dev/quota", "pods=1000"), want: "of the annotations"},
		"Finalizer":         {change: func(ns *corev1.Namespace) { ns.Finalizers = []string{"example.com/stay"} }, want: "changes only the labels"},
		"OwnersOfAnything":  {change: func(ns *corev1.Namespace) { ns.OwnerReferences = ownedByAnother(ns) }, want: "changes no other owner"},
		"OtherOrganization": {change: func(ns *corev1.Namespace) { ns.OwnerReferences[0].Name = "other" }, want: "changes no other owner"},
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

// The operator creates Namespaces for Organizations alone, and with nothing that is not an organization's.
func TestOperatorCreatesNamespacesOfOrganizationsAlone(t *testing.T) {
	t.Parallel()
	operator := operatorClient(t)
	cases := map[string]struct {
		change func(*corev1.Namespace)
		want   string
	}{
		"AsItDoes":   {func(*corev1.Namespace) {}, ""},
		"System":     {func(ns *corev1.Namespace) { rename(ns, "kube-other") }, "system Namespaces"},
		"Berth":      {func(ns *corev1.Namespace) { rename(ns, testenv.Namespace) }, "Berth's own"},
		"Keys":       {func(ns *corev1.Namespace) { rename(ns, testenv.KeysNamespace) }, "Berth's own"},
		"NoOwner":    {func(ns *corev1.Namespace) { ns.OwnerReferences = nil }, "that an Organization owns"},
		"OtherOwner": {func(ns *corev1.Namespace) { ns.OwnerReferences[0].Name = "other" }, "Organization of the same name"},
		"SecondOwner": {func(ns *corev1.Namespace) {
			ns.OwnerReferences = append(ns.OwnerReferences, ownedByAnother(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{UID: "4-5-6"}})...)
		}, "no other owner"},
		"NoLabel":         {func(ns *corev1.Namespace) { ns.Labels = nil }, "of the labels"},
		"OtherName":       {func(ns *corev1.Namespace) { ns.Labels[v1alpha1.LabelOrganization] = "other" }, "of the labels"},
		"OtherLabel":      {func(ns *corev1.Namespace) { ns.Labels["example.com/a"] = "b" }, "of the labels"},
		"Privileged":      {func(ns *corev1.Namespace) { ns.Labels[policy.LabelPodSecurity] = "privileged" }, "of the labels"},
		"OtherAnnotation": {func(ns *corev1.Namespace) { ns.Annotations["example.com/a"] = "b" }, "of the annotations"},
		"Finalizer":       {func(ns *corev1.Namespace) { ns.Finalizers = []string{"example.com/stay"} }, "changes only the labels"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			org := &v1alpha1.Organization{ObjectMeta: metav1.ObjectMeta{Name: "made-" + strings.ToLower(name), UID: "1-2-3"}}
			ns := resources.OrganizationNamespace(org, "id", "token")
			tc.change(ns)
			err := operator.Create(t.Context(), ns, client.DryRunAll)
			if tc.want != "" {
				refused(t, err, tc.want)
			} else if err != nil {
				t.Errorf("got error %v", err)
			}
		})
	}
}

func rename(ns *corev1.Namespace, name string) {
	ns.Name, ns.Labels[v1alpha1.LabelOrganization], ns.OwnerReferences[0].Name = name, name, name
}

func ownedByAnother(ns *corev1.Namespace) []metav1.OwnerReference {
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
		for subresource, err := range map[string]error{
			"":         api.Patch(t.Context(), after.DeepCopy(), client.MergeFrom(ns), client.DryRunAll),
			"status":   api.Status().Update(t.Context(), after.DeepCopy(), client.DryRunAll),
			"finalize": api.SubResource("finalize").Update(t.Context(), after.DeepCopy(), client.DryRunAll),
		} {
			if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), "keeps its external id") {
				t.Errorf("%s, %s: got error %v, want that the organization keeps its external id", name, subresource, err)
			}
		}
	}
	patch(t, ns, func(client.Object) { delete(ns.Labels, v1alpha1.LabelOrganization) })
	patch(t, ns, func(client.Object) { ns.Annotations[v1alpha1.AnnotationExternalID] = "another" })
}
