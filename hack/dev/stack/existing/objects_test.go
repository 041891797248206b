package existing

import (
	"strconv"

	certmanagerv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func named(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Name: name} }

// class returns an IngressClass with annotations, by pairs.
func class(name string, annotations ...string) client.Object {
	c := &networkingv1.IngressClass{ObjectMeta: named(name), Spec: networkingv1.IngressClassSpec{Controller: "example.com/" + name}}
	c.Annotations = map[string]string{}
	for i := 0; i < len(annotations); i += 2 {
		c.Annotations[annotations[i]] = annotations[i+1]
	}
	return c
}

func defaultClass(name string) client.Object {
	return class(name, networkingv1.AnnotationIsDefaultIngressClass, "true")
}

// controller returns the rights that ingress controllers have, bound to ServiceAccounts of Namespaces, or to a user if there are none.
func controller(name string, namespaces ...string) []client.Object {
	binding := &rbacv1.ClusterRoleBinding{ObjectMeta: named(name), RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name}}
	for _, n := range namespaces {
		binding.Subjects = append(binding.Subjects, rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: n, Name: name})
	}
	if len(namespaces) == 0 {
		binding.Subjects = []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: name}}
	}
	return []client.Object{binding, &rbacv1.ClusterRole{ObjectMeta: named(name), Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{"extensions", networkingv1.GroupName}, Resources: []string{"ingresses"}, Verbs: []string{"get", "list", "watch"}},
		{APIGroups: []string{"extensions", networkingv1.GroupName}, Resources: []string{"ingresses/status"}, Verbs: []string{"update"}},
	}}}
}

// administrator returns the rights of somebody who may do everything, which is no ingress controller.
func administrator(namespace string) client.Object {
	return &rbacv1.ClusterRoleBinding{
		ObjectMeta: named("everything"), RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: "everything"}},
	}
}

func issuer(name string, ready bool) client.Object {
	i := &certmanagerv1.ClusterIssuer{ObjectMeta: named(name)}
	i.Spec.SelfSigned = &certmanagerv1.SelfSignedIssuer{}
	status := cmmeta.ConditionFalse
	if ready {
		status = cmmeta.ConditionTrue
	}
	i.Status.Conditions = []certmanagerv1.IssuerCondition{{Type: certmanagerv1.IssuerConditionReady, Status: status}}
	return i
}

// documented returns the ConfigMap of KEP-1755.
func documented(text string) client.Object {
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: "kube-public", Name: "local-registry-hosting"},
		Data:       map[string]string{"localRegistryHosting.v1": text},
	}
}

// nodes returns nodes with provider IDs.
func nodes(ids ...string) []client.Object {
	var all []client.Object
	for i, id := range ids {
		all = append(all, &corev1.Node{ObjectMeta: named("node-" + strconv.Itoa(i)), Spec: corev1.NodeSpec{ProviderID: id}})
	}
	return all
}
