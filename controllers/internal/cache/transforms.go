package cache

import (
	"fmt"
	"maps"
	"slices"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	appsv1ac "k8s.io/client-go/applyconfigurations/apps/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/objects"
	"github.com/berth-dev/berth/controllers/internal/ssa"
	"github.com/berth-dev/berth/internal/certificate"
	"github.com/berth-dev/berth/internal/nodeaddr"
	"github.com/berth-dev/berth/internal/secretsize"
)

// keepOurFields keeps, of the managed fields, those that the controllers have applied: what is written is compared with them.
func keepOurFields(in any) (any, error) {
	if o, err := meta.Accessor(in); err == nil {
		ssa.KeepOurs(o)
	}
	return in, nil
}

// transform is what a cache does to an object before it keeps it. What the cache can't tell the last state of comes as something else, and is
// kept as it is.
type transform = func(in any) (any, error)

// kept is a pointer to a T that is an object with metadata.
type kept[T any] interface {
	objects.Object[T]
	metav1.ObjectMetaAccessor
}

// keepWhole keeps an object but for the managed fields, of which it keeps the digest of what the controllers have applied.
func keepWhole[O client.Object, C any](extract ssa.Extract[O, C]) transform {
	return func(in any) (any, error) {
		o, ok := in.(O)
		if !ok {
			return in, nil
		}
		ssa.Digest(o, extract)
		return o, nil
	}
}

// keepOurs keeps of others' objects only who they are and who controls them. Of Berth's own, orphaned ones included, it also keeps the digest of
// what the controllers have applied and what keep copies. Nothing else is ever read.
func keepOurs[T any, O kept[T], C any](extract ssa.Extract[O, C], keep func(from, to O)) transform {
	return func(in any) (any, error) {
		from, ok := in.(O)
		if !ok {
			return in, nil
		}
		to := O(new(T))
		known, ok := to.GetObjectMeta().(*metav1.ObjectMeta)
		if !ok {
			return nil, fmt.Errorf("keep what is Berth's of a %T: it has no ObjectMeta", in)
		}
		*known = objects.Bare(from)
		orphaned := objects.IsOrphaned(from)
		if !orphaned && !objects.IsOurs(from) {
			return to, nil
		}
		if orphaned {
			known.Labels = only(from.GetLabels(), objects.OrphanLabels...)
		}
		ssa.Digest(from, extract)
		known.Generation, known.ManagedFields = from.GetGeneration(), from.GetManagedFields()
		keep(from, to)
		return to, nil
	}
}

func nothing[O any](O, O) {}

// keepOfDeployment keeps how many Pods there are to be, of which image and at which port, and how far a rollout is.
func keepOfDeployment(from, to *appsv1.Deployment) {
	to.Annotations = only(from.Annotations, objects.RevisionAnnotation, v1alpha1.AnnotationPortFrom)
	to.Spec.Template.Annotations = only(from.Spec.Template.Annotations, v1alpha1.AnnotationRestartedAt)
	for _, c := range from.Spec.Template.Spec.Containers {
		to.Spec.Template.Spec.Containers = append(to.Spec.Template.Spec.Containers, corev1.Container{Name: c.Name, Image: c.Image, Ports: c.Ports})
	}
	to.Spec.Replicas, to.Status = from.Spec.Replicas, from.Status
}

var (
	keepOurDeployment = keepOurs(appsv1ac.ExtractDeployment, keepOfDeployment)
	// notForeign are fields of Deployments that others may set without being told of as such: `kubectl rollout restart` sets an annotation of the Pods,
	// and the other two are set back.
	notForeign = []fieldpath.Path{
		fieldpath.MakePathOrDie("spec", "template", "metadata", "annotations"),
		fieldpath.MakePathOrDie("spec", "paused"), fieldpath.MakePathOrDie("spec", "replicas"),
	}
)

// keepDeployment keeps of Berth's Deployments also whether they are paused, and which fields others have added.
func keepDeployment(in any) (any, error) {
	d, ok := in.(*appsv1.Deployment)
	if !ok || !objects.IsOurs(d) {
		return keepOurDeployment(in)
	}
	foreign, paused := ssa.Foreign(d, notForeign...), d.Spec.Paused
	out, err := keepOurDeployment(d)
	if kept, ok := out.(*appsv1.Deployment); ok {
		kept.ManagedFields, kept.Spec.Paused = append(kept.ManagedFields, foreign...), paused
	}
	return out, err
}

// only returns the labels or annotations of these names; nil without any.
func only(all map[string]string, names ...string) map[string]string {
	var kept map[string]string
	for _, name := range names {
		value, ok := all[name]
		if !ok {
			continue
		}
		if kept == nil {
			kept = map[string]string{}
		}
		kept[name] = value
	}
	return kept
}

// keepOfCertificate keeps what a certificate is for, who signs it, where it is written, and how far that is.
func keepOfCertificate(from, to *cmv1.Certificate) {
	to.Spec.SecretName, to.Spec.DNSNames, to.Spec.IssuerRef = from.Spec.SecretName, from.Spec.DNSNames, from.Spec.IssuerRef
	to.Status = from.Status
}

// keepOfIngress keeps which hosts a route has, and which certificates it serves for them.
func keepOfIngress(from, to *networkingv1.Ingress) { to.Spec.TLS = from.Spec.TLS }

var keepService = keepOurs(corev1ac.ExtractService, nothing[*corev1.Service])

// keepOfService keeps of others' Services only who they are, but of the API server's its addresses too.
func keepOfService(in any) (any, error) {
	service, ok := in.(*corev1.Service)
	if !ok || !objects.IsAPIServer(service) {
		return keepService(in)
	}
	return &corev1.Service{ObjectMeta: objects.Bare(service), Spec: corev1.ServiceSpec{ClusterIPs: service.Spec.ClusterIPs}}, nil
}

// keepOfQuota keeps how much of a quota is in use.
func keepOfQuota(from, to *corev1.ResourceQuota) { to.Status = from.Status }

// keepOfNamespace keeps of a Namespace that is not an organization's only that it exists: hosts must not end in its name.
func keepOfNamespace(in any) (any, error) {
	ns, ok := in.(*corev1.Namespace)
	if !ok || objects.IsLabelled(ns) {
		return keepOurFields(in)
	}
	return &corev1.Namespace{ObjectMeta: objects.Bare(ns)}, nil
}

// KeepOfNode keeps the addresses of a Node and of its Pods, and whether it supports user namespaces.
func KeepOfNode(in any) (any, error) {
	node, ok := in.(*corev1.Node)
	if !ok {
		return in, nil
	}
	kept := nodeaddr.Keep(node)
	kept.Status.RuntimeHandlers = node.Status.RuntimeHandlers
	return kept, nil
}

// keepOfReplicaSet keeps of a ReplicaSet which version of what it is, how many Pods it has and which Secrets its environment names.
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
	set.Spec = appsv1.ReplicaSetSpec{
		Replicas: set.Spec.Replicas, Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: containers}},
	}
	set.Status = appsv1.ReplicaSetStatus{Replicas: set.Status.Replicas}
	return set, nil
}

// KeepOfPod keeps of a Pod whose it is, of which version, what its containers run, and how it is doing. Of one that has ended, of which there may be
// thousands until Kubernetes deletes them, it keeps when and why.
func KeepOfPod(in any) (any, error) {
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
	if objects.IsDead(pod) {
		keepEnd(pod)
		return pod, nil
	}
	pod.Status = corev1.PodStatus{Phase: pod.Status.Phase, Conditions: pod.Status.Conditions, ContainerStatuses: pod.Status.ContainerStatuses}
	for i := range pod.Status.Conditions {
		pod.Status.Conditions[i].LastProbeTime = metav1.Time{}
	}
	return pod, nil
}

// keepEnd keeps of a Pod that has ended only which version of what it was, and when and why it ended.
func keepEnd(pod *corev1.Pod) {
	reason, message := objects.EvictionOf(pod)
	ended := corev1.PodCondition{Type: corev1.PodReady, Status: corev1.ConditionFalse, LastTransitionTime: metav1.NewTime(objects.EndedAt(pod))}
	labels := pod.GetLabels()
	pod.ObjectMeta, pod.Spec = objects.Bare(pod), corev1.PodSpec{}
	pod.Labels = labels
	pod.Status = corev1.PodStatus{Phase: pod.Status.Phase, Reason: reason, Message: message, Conditions: []corev1.PodCondition{ended}}
}

// keptAnnotations are those of Secrets that are kept.
var keptAnnotations = []string{
	cmv1.CertificateNameKey, cmv1.IssuerNameAnnotationKey, cmv1.IssuerKindAnnotationKey, cmv1.IssuerGroupAnnotationKey,
	v1alpha1.AnnotationCredentialsFrom, v1alpha1.AnnotationIssuedAt, v1alpha1.AnnotationRefreshAt,
	v1alpha1.AnnotationExpiresAt,
}

// keepOfSecret keeps of a Secret which keys it has, which Certificate it was written for and which issuer signed it, what the login in it was made
// from, and of one with a certificate the chain and the public half of its key. Nothing that is secret ever enters the cache.
func keepOfSecret(in any) (any, error) {
	secret, ok := in.(*corev1.Secret)
	if !ok {
		return in, nil
	}
	maps.DeleteFunc(secret.GetAnnotations(), func(key, _ string) bool { return !slices.Contains(keptAnnotations, key) })
	secretsize.Note(secret)
	Strip(secret)
	ssa.Digest(secret, corev1ac.ExtractSecret)
	return secret, nil
}

// Strip drops what is secret in a Secret, as the cache does, and keeps what can be told of its certificates.
func Strip(secret *corev1.Secret) {
	certified := holdsCertificate(secret)
	for key, value := range secret.Data {
		if certified && (key == corev1.TLSCertKey || key == corev1.TLSPrivateKeyKey) {
			secret.Data[key] = certificate.Keep(value)
			continue
		}
		secret.Data[key] = nil
	}
}

func holdsCertificate(secret *corev1.Secret) bool {
	label := secret.GetLabels()[v1alpha1.LabelSecret]
	return label == v1alpha1.SecretTLS || label == v1alpha1.SecretCertificate
}
