package controllers

import (
	"context"
	"fmt"
	"slices"
	"testing"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/objects"
	"github.com/berth-dev/berth/controllers/internal/testobjects"
	"github.com/berth-dev/berth/internal/names"
)

// The world around the controllers, played by the tests: what the Deployment controller, kubelets and cert-manager write.

// rollout plays the Deployment controller for the present spec of an App: it makes a ReplicaSet and its Pods, which are as the states
// say. The Deployment's status counts those that are ready.
func rollout(t *testing.T, app *v1alpha1.App, revision string, pods ...corev1.PodStatus) []*corev1.Pod {
	t.Helper()
	d := awaitDeployment(t, app)
	patch(t, d, func(client.Object) { metav1.SetMetaDataAnnotation(&d.ObjectMeta, objects.RevisionAnnotation, revision) })
	labels := map[string]string{v1alpha1.LabelApp: app.Name, appsv1.DefaultDeploymentUniqueLabelKey: "hash" + revision}
	template := d.Spec.Template.DeepCopy()
	template.Labels = labels
	set := &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: app.Namespace, Name: app.Name + "-" + revision, Labels: labels,
			Annotations:     map[string]string{objects.RevisionAnnotation: revision},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(d, appsv1.SchemeGroupVersion.WithKind("Deployment"))},
		},
		Spec: appsv1.ReplicaSetSpec{Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: *template},
	}
	create(t, set)
	made := make([]*corev1.Pod, len(pods))
	var ready int32
	for i := range pods {
		made[i] = startPod(t, set, pods[i])
		if slices.ContainsFunc(pods[i].Conditions, func(c corev1.PodCondition) bool { return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue }) {
			ready++
		}
	}
	report(t, d, appsv1.DeploymentStatus{
		Replicas: int32(len(pods)), UpdatedReplicas: int32(len(pods)), ReadyReplicas: ready, AvailableReplicas: ready,
	})
	return made
}

// report writes the status of a Deployment, as of its present generation.
func report(t *testing.T, d *appsv1.Deployment, s appsv1.DeploymentStatus) {
	t.Helper()
	get(t, d)
	s.ObservedGeneration = d.Generation
	d.Status = s
	if err := api.Status().Update(t.Context(), d); err != nil {
		t.Fatalf("report: %v", err)
	}
}

func startPod(t *testing.T, set *appsv1.ReplicaSet, s corev1.PodStatus) *corev1.Pod {
	t.Helper()
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: set.Namespace, GenerateName: set.Name + "-", Labels: set.Labels},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "registry.example.com/shop/web:v1"}}},
	}
	create(t, pod)
	pod.Status = s
	if err := api.Status().Update(t.Context(), pod); err != nil {
		t.Fatalf("update Pod status: %v", err)
	}
	return pod
}

// awaitDeployment waits for the Deployment of the App's present spec.
func awaitDeployment(t *testing.T, app *v1alpha1.App) *appsv1.Deployment {
	t.Helper()
	awaitStatus(t, app)
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: app.Namespace, Name: app.Name}}
	get(t, d)
	return d
}

// awaitStatus waits until the status speaks of the App's present spec.
func awaitStatus(t *testing.T, app *v1alpha1.App) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		if err := api.Get(ctx, client.ObjectKeyFromObject(app), app); err != nil {
			return err
		}
		if app.Status.ObservedGeneration != app.Generation {
			return errNotYet
		}
		return nil
	})
}

// tlsSecret is the Secret that cert-manager writes for an App or a Domain.
func tlsSecret(owner client.Object) *corev1.Secret {
	name := names.TLSSecret(owner.GetName(), owner.GetUID())
	if _, ok := owner.(*v1alpha1.Domain); ok {
		name = names.DomainTLSSecret(owner.GetName(), owner.GetUID())
	}
	return &corev1.Secret{ObjectMeta: testobjects.Named(owner.GetNamespace(), name)}
}

// routeOf is the Ingress of an App or a Domain.
func routeOf(owner client.Object) *networkingv1.Ingress {
	name := names.AppRoute(owner.GetName(), owner.GetUID())
	if _, ok := owner.(*v1alpha1.Domain); ok {
		name = names.DomainRoute(owner.GetName(), owner.GetUID())
	}
	return &networkingv1.Ingress{ObjectMeta: testobjects.Named(owner.GetNamespace(), name)}
}

// copyOf is the copy of the custom certificate of an App or a Domain.
func copyOf(owner client.Object) *corev1.Secret {
	name := names.CustomSecret(owner.GetName(), owner.GetUID())
	if _, ok := owner.(*v1alpha1.Domain); ok {
		name = names.DomainCustomSecret(owner.GetName(), owner.GetUID())
	}
	return &corev1.Secret{ObjectMeta: testobjects.Named(owner.GetNamespace(), name)}
}

// certify plays cert-manager: it issues a Certificate and writes its Secret.
func certify(t *testing.T, ns, name string) {
	t.Helper()
	c := &cmv1.Certificate{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name}}
	eventually(t, func(ctx context.Context) error { return api.Get(ctx, client.ObjectKeyFromObject(c), c) })
	issue(t, c)
	reportReady(t, c)
}

// reportReady writes that a Certificate is issued as it is now.
func reportReady(t *testing.T, c *cmv1.Certificate) {
	t.Helper()
	certificateStatus(t, c, cmv1.CertificateCondition{Type: cmv1.CertificateConditionReady, Status: cmmeta.ConditionTrue})
}

// issue writes the Secret of a Certificate.
func issue(t *testing.T, c *cmv1.Certificate) *corev1.Secret {
	t.Helper()
	chain, key := newPair(t, pairFor{host: c.Spec.DNSNames[0], common: c.Spec.DNSNames[0]})
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: c.Namespace, Name: c.Spec.SecretName, Labels: c.Spec.SecretTemplate.Labels,
			Annotations: issuedAnnotations(c),
		},
		Type: corev1.SecretTypeTLS,
		Data: map[string][]byte{corev1.TLSCertKey: chain, corev1.TLSPrivateKeyKey: key},
	}
	create(t, secret)
	return secret
}

// issuedAnnotations are those that cert-manager gives to the Secret of a Certificate.
func issuedAnnotations(c *cmv1.Certificate) map[string]string {
	ref := c.Spec.IssuerRef
	return map[string]string{
		cmv1.CertificateNameKey: c.Name, cmv1.IssuerNameAnnotationKey: ref.Name, cmv1.IssuerKindAnnotationKey: ref.Kind,
		cmv1.IssuerGroupAnnotationKey: ref.Group,
	}
}

func certificateStatus(t *testing.T, c *cmv1.Certificate, condition cmv1.CertificateCondition) {
	t.Helper()
	get(t, c)
	condition.ObservedGeneration = c.Generation
	condition.LastTransitionTime = new(metav1.Now())
	c.Status.Conditions = []cmv1.CertificateCondition{condition}
	if err := api.Status().Update(t.Context(), c); err != nil {
		t.Fatalf("update Certificate status: %v", err)
	}
}

// forbidDeployments sets a quota that leaves no room for Deployments, as the quota controller would report it.
func forbidDeployments(t *testing.T, ns string) {
	t.Helper()
	const deployments = "count/deployments.apps"
	none := corev1.ResourceList{deployments: resource.MustParse("0")}
	quota := &corev1.ResourceQuota{ObjectMeta: testobjects.Named(ns, "none"), Spec: corev1.ResourceQuotaSpec{Hard: none}}
	create(t, quota)
	quota.Status = corev1.ResourceQuotaStatus{Hard: none, Used: none}
	if err := api.Status().Update(t.Context(), quota); err != nil {
		t.Fatal(err)
	}
	eventually(t, func(ctx context.Context) error {
		labels := map[string]string{"a": "b"}
		err := api.Create(ctx, &appsv1.Deployment{ObjectMeta: testobjects.Named(ns, "probe"), Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "i"}}},
			},
		}}, client.DryRunAll)
		if apierrors.IsForbidden(err) {
			return nil
		}
		return fmt.Errorf("the quota doesn't work yet: %w", err)
	})
}

// countQuotas plays the controller that counts what organizations use of their quotas, until ctx ends. It counts nothing, and keeps what a test says.
func countQuotas(ctx context.Context) error {
	quotas, err := api.Watch(ctx, &corev1.ResourceQuotaList{})
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, quotas.Stop)
	go func() {
		for event := range quotas.ResultChan() {
			quota, ok := event.Object.(*corev1.ResourceQuota)
			if !ok || quota.Name != names.OrganizationObject || equality.Semantic.DeepEqual(quota.Spec.Hard, quota.Status.Hard) {
				continue
			}
			used := corev1.ResourceList{}
			for name := range quota.Spec.Hard {
				used[name] = quota.Status.Used[name]
			}
			quota.Status = corev1.ResourceQuotaStatus{Hard: quota.Spec.Hard, Used: used}
			_ = api.Status().Update(ctx, quota) // Who has changed it meanwhile makes another event.
		}
	}()
	return nil
}

// What kubelets say of Pods.
