package controllers

import (
	"maps"
	"slices"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/certificate"
	"github.com/berth-dev/berth/internal/secretcache"
)

// cacheOptions say what the controllers keep in memory: of their own objects what they compare and report, of others' next to nothing.
// For Secrets, secretOptions do.
//
// Deployments, Services, Certificates, Ingresses and what organizations have are watched without a selector, since one of somebody else's
// may have the name that an App or an organization needs. Thus this is known without asking the API server for each new one, and it is
// woken when that object goes.
func cacheOptions() cache.Options {
	child := cache.ByObject{Transform: keepOurs}
	o := cache.Options{
		DefaultTransform: keepOurFields,
		ByObject: map[client.Object]cache.ByObject{
			&appsv1.Deployment{}:          child,
			&corev1.Service{}:             {Transform: keepOfService},
			&cmv1.Certificate{}:           child,
			&networkingv1.Ingress{}:       child,
			&rbacv1.RoleBinding{}:         child,
			&networkingv1.NetworkPolicy{}: child,
			&corev1.LimitRange{}:          child,
			&corev1.ResourceQuota{}:       child,
			&corev1.Node{}:                {Transform: keepOfNode},
			&discoveryv1.EndpointSlice{}: {Namespaces: map[string]cache.Config{
				metav1.NamespaceDefault: {LabelSelector: having(discoveryv1.LabelServiceName, apiServer)},
			}},
			&appsv1.ReplicaSet{}: {Label: having(v1alpha1.LabelApp), Transform: keepOfReplicaSet},
			&corev1.Pod{}:        {Label: having(v1alpha1.LabelApp), Transform: keepOfPod},
			&corev1.Namespace{}:  {Label: having(v1alpha1.LabelOrganization)},
		},
	}
	for _, kind := range issuingKinds() {
		o.ByObject[kind] = cache.ByObject{Transform: keepOfIssuing}
	}
	return o
}

// secretOptions say what the controllers keep of Secrets: those of organizations that are for Apps and Domains, and of them nothing secret.
func secretOptions() secretcache.Options {
	return secretcache.Options{
		Labels: having(v1alpha1.LabelSecret,
			v1alpha1.SecretEnv, v1alpha1.SecretTLS, v1alpha1.SecretCertificate, v1alpha1.SecretMailPassword,
			v1alpha1.SecretRegistry, v1alpha1.SecretPull),
		Transform: keepOfSecret,
	}
}

// having selects by a label that has one of the values, or any value if none is given.
func having(label string, values ...string) labels.Selector {
	op := selection.Exists
	if len(values) > 0 {
		op = selection.In
	}
	requirement, err := labels.NewRequirement(label, op, values)
	utilruntime.Must(err)
	return labels.NewSelector().Add(*requirement)
}

// keepOurFields keeps, of the managed fields, those that the controllers have applied: what is written is compared with them.
func keepOurFields(in any) (any, error) {
	if o, err := meta.Accessor(in); err == nil {
		o.SetManagedFields(slices.DeleteFunc(o.GetManagedFields(), func(f metav1.ManagedFieldsEntry) bool {
			return f.Manager != v1alpha1.FieldOwner || f.Operation != metav1.ManagedFieldsOperationApply
		}))
	}
	return in, nil
}

// keepOurs keeps of others' objects only who they are and who controls them.
func keepOurs(in any) (any, error) {
	o, err := meta.Accessor(in)
	if err != nil || isOurs(o) {
		return keepOurFields(in)
	}
	kept := bare(o)
	switch in.(type) {
	case *appsv1.Deployment:
		return &appsv1.Deployment{ObjectMeta: kept}, nil
	case *corev1.Service:
		return &corev1.Service{ObjectMeta: kept}, nil
	case *cmv1.Certificate:
		return &cmv1.Certificate{ObjectMeta: kept}, nil
	case *networkingv1.Ingress:
		return &networkingv1.Ingress{ObjectMeta: kept}, nil
	case *rbacv1.RoleBinding:
		return &rbacv1.RoleBinding{ObjectMeta: kept}, nil
	case *networkingv1.NetworkPolicy:
		return &networkingv1.NetworkPolicy{ObjectMeta: kept}, nil
	case *corev1.LimitRange:
		return &corev1.LimitRange{ObjectMeta: kept}, nil
	case *corev1.ResourceQuota:
		return &corev1.ResourceQuota{ObjectMeta: kept}, nil
	default:
		return in, nil
	}
}

// keepOfService keeps of others' Services only who they are, but of the API server's its addresses too.
func keepOfService(in any) (any, error) {
	service, ok := in.(*corev1.Service)
	if !ok || !isAPIServer(service) {
		return keepOurs(in)
	}
	return &corev1.Service{ObjectMeta: bare(service), Spec: corev1.ServiceSpec{ClusterIPs: service.Spec.ClusterIPs}}, nil
}

// keepOfNode keeps of a Node the addresses that it has.
func keepOfNode(in any) (any, error) {
	node, ok := in.(*corev1.Node)
	if !ok {
		return in, nil
	}
	return &corev1.Node{
		ObjectMeta: bare(node), Spec: corev1.NodeSpec{PodCIDRs: node.Spec.PodCIDRs}, Status: corev1.NodeStatus{Addresses: node.Status.Addresses},
	}, nil
}

// bare returns who an object is and who controls it.
func bare(o metav1.Object) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name: o.GetName(), Namespace: o.GetNamespace(), UID: o.GetUID(), ResourceVersion: o.GetResourceVersion(),
		CreationTimestamp: o.GetCreationTimestamp(), DeletionTimestamp: o.GetDeletionTimestamp(), OwnerReferences: o.GetOwnerReferences(),
	}
}

// keepOfReplicaSet keeps of a ReplicaSet which version of what it is and which Secrets its environment names.
func keepOfReplicaSet(in any) (any, error) {
	set, ok := in.(*appsv1.ReplicaSet)
	if !ok {
		return in, nil
	}
	var containers []corev1.Container
	for _, c := range set.Spec.Template.Spec.Containers {
		env := slices.DeleteFunc(c.Env, func(e corev1.EnvVar) bool { return e.ValueFrom == nil || e.ValueFrom.SecretKeyRef == nil })
		containers = append(containers, corev1.Container{Name: c.Name, Env: env})
	}
	set.SetManagedFields(nil)
	set.Spec = appsv1.ReplicaSetSpec{Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: containers}}}
	set.Status = appsv1.ReplicaSetStatus{}
	return set, nil
}

// keepOfPod keeps of a Pod whose it is, of which version, what its containers run, and how it is doing.
func keepOfPod(in any) (any, error) {
	pod, ok := in.(*corev1.Pod)
	if !ok {
		return in, nil
	}
	pod.SetManagedFields(nil)
	pod.SetAnnotations(nil)
	for i, c := range pod.Spec.Containers {
		pod.Spec.Containers[i] = corev1.Container{Name: c.Name, Image: c.Image}
	}
	pod.Spec = corev1.PodSpec{Containers: pod.Spec.Containers}
	pod.Status = corev1.PodStatus{Phase: pod.Status.Phase, Conditions: pod.Status.Conditions, ContainerStatuses: pod.Status.ContainerStatuses}
	for i := range pod.Status.Conditions {
		pod.Status.Conditions[i].LastProbeTime = metav1.Time{}
	}
	return pod, nil
}

// keptAnnotations are those of Secrets that are kept.
var keptAnnotations = []string{
	cmv1.CertificateNameKey, v1alpha1.AnnotationCredentialsFrom, v1alpha1.AnnotationIssuedAt, v1alpha1.AnnotationRefreshAt,
	v1alpha1.AnnotationExpiresAt,
}

// keepOfSecret keeps of a Secret which keys it has, which Certificate it was written for, what the login in it was made from, and of one with
// a certificate the chain and the public half of its key. Nothing that is secret ever enters the cache.
func keepOfSecret(in any) (any, error) {
	secret, ok := in.(*corev1.Secret)
	if !ok {
		return in, nil
	}
	strip(secret)
	maps.DeleteFunc(secret.GetAnnotations(), func(key, _ string) bool { return !slices.Contains(keptAnnotations, key) })
	return keepOurFields(secret)
}

func strip(secret *corev1.Secret) {
	certified := holdsCertificate(secret)
	for key, value := range secret.Data {
		switch {
		case certified && key == corev1.TLSCertKey:
			secret.Data[key] = certificate.KeepChain(value)
		case certified && key == corev1.TLSPrivateKeyKey:
			secret.Data[key] = certificate.KeepKey(value)
		default:
			secret.Data[key] = nil
		}
	}
}

func holdsCertificate(secret *corev1.Secret) bool {
	label := secret.GetLabels()[v1alpha1.LabelSecret]
	return label == v1alpha1.SecretTLS || label == v1alpha1.SecretCertificate
}
