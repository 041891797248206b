package resources

import (
	"cmp"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	rbacv1ac "k8s.io/client-go/applyconfigurations/rbac/v1"
	"k8s.io/utils/ptr"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/names"
	"github.com/berth-dev/berth/internal/policy"
	"github.com/berth-dev/berth/internal/rbac"
)

// Labels by which a Namespace says which Pods may run in it, and of which ones it warns whoever makes them.
const (
	podSecurityEnforce = policy.LabelPodSecurity
	podSecurityWarn    = "pod-security.kubernetes.io/warn"
	// podSecurityLevel forbids what would let a Pod out of its container, and nothing that images need as they are.
	podSecurityLevel = v1alpha1.PodSecurityBaseline
)

// OrganizationNamespace returns the Namespace of an organization as Berth creates it.
func OrganizationNamespace(org *v1alpha1.Organization, externalID, verificationToken string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name:   org.GetName(),
		Labels: map[string]string{v1alpha1.LabelOrganization: org.GetName()},
		Annotations: map[string]string{
			v1alpha1.AnnotationExternalID: externalID, v1alpha1.AnnotationVerificationToken: verificationToken,
			v1alpha1.AnnotationOrganizationUID: string(org.GetUID()),
		},
		OwnerReferences: NamespaceOwners(nil, org),
	}}
}

// NamespaceOwners returns the owner references of an organization's Namespace: those that it has, with one to the Organization. One to an
// earlier Organization of the name is replaced. Where another object controls the Namespace, the Organization owns it without controlling it.
func NamespaceOwners(have []metav1.OwnerReference, org *v1alpha1.Organization) []metav1.OwnerReference {
	var owners []metav1.OwnerReference
	for _, ref := range have {
		if !IsOrganization(ref) {
			owners = append(owners, ref)
		}
	}
	ref := metav1.NewControllerRef(org, organizationKind)
	if slices.ContainsFunc(owners, func(r metav1.OwnerReference) bool { return ptr.Deref(r.Controller, false) }) {
		ref.Controller = nil
	}
	return append(owners, *ref)
}

// IsOrganization reports whether an owner is an Organization.
func IsOrganization(ref metav1.OwnerReference) bool {
	return ref.Kind == organizationKind.Kind && ref.APIVersion == organizationKind.GroupVersion().String()
}

var organizationKind = v1alpha1.GroupVersion.WithKind("Organization")

// PodSecurity returns the labels of Pod Security that an organization is to have from Berth. Of ours, Berth has set each label before.
// A label that another client has set takes precedence, and a client that has set the enforced level decides about warnings too.
func PodSecurity(ns *corev1.Namespace, ours map[string]string, level v1alpha1.PodSecurityLevel) *corev1ac.NamespaceApplyConfiguration {
	want := corev1ac.Namespace(ns.GetName())
	for _, label := range []string{podSecurityEnforce, podSecurityWarn} {
		_, there := ns.GetLabels()[label]
		_, mine := ours[label]
		switch {
		case !there || mine:
			want.WithLabels(map[string]string{label: string(cmp.Or(level, podSecurityLevel))})
		case label == podSecurityEnforce:
			return want
		}
	}
	return want
}

// RoleBinding returns one of the RoleBindings of an organization.
func RoleBinding(ns *corev1.Namespace, b rbac.Binding) *rbacv1ac.RoleBindingApplyConfiguration {
	want := rbacv1ac.RoleBinding(b.Name, ns.GetName()).
		WithLabels(organizationLabels()).
		WithOwnerReferences(heldBy(ns)).
		WithRoleRef(rbacv1ac.RoleRef().WithAPIGroup(rbacv1.GroupName).WithKind("ClusterRole").WithName(b.ClusterRole))
	for _, s := range b.Subjects {
		subject := rbacv1ac.Subject().WithKind(s.Kind).WithName(s.Name)
		if s.APIGroup != "" {
			subject.WithAPIGroup(s.APIGroup)
		}
		if s.Namespace != "" {
			subject.WithNamespace(s.Namespace)
		}
		want.WithSubjects(subject)
	}
	return want
}

// Quota returns the ResourceQuota of an organization.
func Quota(ns *corev1.Namespace, hard corev1.ResourceList) *corev1ac.ResourceQuotaApplyConfiguration {
	return corev1ac.ResourceQuota(names.OrganizationObject, ns.GetName()).
		WithLabels(organizationLabels()).
		WithOwnerReferences(heldBy(ns)).
		WithSpec(corev1ac.ResourceQuotaSpec().WithHard(hard))
}

// Defaults returns the LimitRange of an organization: what a container asks for, and is limited to, that doesn't say so itself.
//
// A container with a limit and without a request asks for its limit. The API server would fill that in here by itself, once, and keep it
// when the limit changes; so it is said.
func Defaults(ns *corev1.Namespace, requests, limits corev1.ResourceList) *corev1ac.LimitRangeApplyConfiguration {
	all := maps.Clone(limits)
	if all == nil {
		all = corev1.ResourceList{}
	}
	maps.Copy(all, requests)
	item := corev1ac.LimitRangeItem().WithType(corev1.LimitTypeContainer).WithDefaultRequest(all)
	if len(limits) > 0 {
		item.WithDefault(limits)
	}
	return corev1ac.LimitRange(names.OrganizationObject, ns.GetName()).
		WithLabels(organizationLabels()).
		WithOwnerReferences(heldBy(ns)).
		WithSpec(corev1ac.LimitRangeSpec().WithLimits(item))
}

func organizationLabels() map[string]string { return map[string]string{LabelManagedBy: ManagedBy} }

// heldBy returns an owner reference that says of an object in a Namespace that it is the Namespace's. It goes with it anyway, so the
// garbage collector has nothing to do, and no deletion waits for it.
func heldBy(ns *corev1.Namespace) *metav1ac.OwnerReferenceApplyConfiguration {
	return metav1ac.OwnerReference().
		WithAPIVersion(corev1.SchemeGroupVersion.String()).
		WithKind("Namespace").
		WithName(ns.GetName()).
		WithUID(ns.GetUID()).
		WithController(true)
}

// sorted returns the distinct values in their order.
func sorted(values []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(values)))
}
