package cache

import (
	"testing"
	"time"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	cmv1ac "github.com/cert-manager/cert-manager/pkg/client/applyconfigurations/certmanager/v1"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	appsv1ac "k8s.io/client-go/applyconfigurations/apps/v1"
	networkingv1ac "k8s.io/client-go/applyconfigurations/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/objects"
)

// What the cache keeps of others' objects doesn't grow with them, nor does what it keeps of Berth's own with what nobody reads.
func TestCacheKeepsLittle(t *testing.T) {
	t.Parallel()
	applied := metav1.NewTime(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	deployment := func(owner string) *appsv1.Deployment {
		entry := func(manager string, operation metav1.ManagedFieldsOperationType) metav1.ManagedFieldsEntry {
			return metav1.ManagedFieldsEntry{Manager: manager, Operation: operation, Time: &applied, FieldsV1: metav1.NewFieldsV1(`{"f:spec":{"f:paused":{}}}`)}
		}
		return &appsv1.Deployment{
			ObjectMeta: metav1.ObjectMeta{
				Name: "web", Namespace: "acme", UID: "u", ResourceVersion: "7", Generation: 3, CreationTimestamp: applied,
				Labels:          map[string]string{"a": "b"},
				Annotations:     map[string]string{objects.RevisionAnnotation: "2", v1alpha1.AnnotationPortFrom: "image", "a": "b"},
				OwnerReferences: []metav1.OwnerReference{{APIVersion: owner, Kind: "App", Name: "web", Controller: new(true)}},
				ManagedFields: []metav1.ManagedFieldsEntry{
					entry("kubectl", metav1.ManagedFieldsOperationApply),
					entry(v1alpha1.FieldOwner, metav1.ManagedFieldsOperationApply),
					entry(v1alpha1.FieldOwner, metav1.ManagedFieldsOperationUpdate),
				},
			},
			Spec: appsv1.DeploymentSpec{Paused: true, Replicas: new(int32(4)), Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{v1alpha1.AnnotationRestartedAt: "2026", "a": "b"}},
				Spec: corev1.PodSpec{NodeName: "n", Containers: []corev1.Container{{
					Name: "app", Image: "web:v1", Ports: []corev1.ContainerPort{{ContainerPort: 8080}}, Env: []corev1.EnvVar{{Name: "A", Value: "1"}},
				}}},
			}},
			Status: appsv1.DeploymentStatus{Replicas: 4},
		}
	}
	theirs := deployment("example.com/v1")
	bare := metav1.ObjectMeta{
		Name: "web", Namespace: "acme", UID: "u", ResourceVersion: "7", CreationTimestamp: applied, OwnerReferences: theirs.OwnerReferences,
	}
	ours := deployment("berth.dev/v1alpha1")
	wantOurs := &appsv1.Deployment{ObjectMeta: bare, Spec: appsv1.DeploymentSpec{Replicas: ours.Spec.Replicas}, Status: ours.Status}
	wantOurs.OwnerReferences, wantOurs.Generation = ours.OwnerReferences, 3
	wantOurs.Annotations = map[string]string{objects.RevisionAnnotation: "2", v1alpha1.AnnotationPortFrom: "image"}
	wantOurs.Spec.Template = corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{v1alpha1.AnnotationRestartedAt: "2026"}},
		Spec: corev1.PodSpec{Containers: []corev1.Container{
			{Name: "app", Image: "web:v1", Ports: []corev1.ContainerPort{{ContainerPort: 8080}}},
		}},
	}
	wantOurs.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: v1alpha1.FieldOwner, Operation: metav1.ManagedFieldsOperationApply, Time: &applied}}
	keep := keepOurs(appsv1ac.ExtractDeployment, keepOfDeployment)
	for want, in := range map[*appsv1.Deployment]*appsv1.Deployment{wantOurs: ours, {ObjectMeta: bare}: theirs} {
		got, err := keep(in)
		if err != nil {
			t.Fatal(err)
		}
		// What a digest is good for is tested in package ssa.
		if diff := cmp.Diff(any(want), got, cmpopts.IgnoreFields(metav1.ManagedFieldsEntry{}, "FieldsV1")); diff != "" {
			t.Errorf("kept (-want +got):\n%s", diff)
		}
	}
}

// Of Certificates and routes of Berth's, what the controllers report is kept, and nothing that only their digest is of.
func TestCacheKeepsWhatIsReported(t *testing.T) {
	t.Parallel()
	ours := metav1.ObjectMeta{
		Name: "web", Namespace: "acme",
		OwnerReferences: []metav1.OwnerReference{{APIVersion: v1alpha1.GroupVersion.String(), Kind: "App", Name: "web", Controller: new(true)}},
	}
	ready := cmv1.CertificateStatus{Conditions: []cmv1.CertificateCondition{{Type: cmv1.CertificateConditionReady, Status: cmmeta.ConditionTrue}}}
	served := []networkingv1.IngressTLS{{SecretName: "web-tls", Hosts: []string{"web.example.com"}}}
	cases := map[string]struct {
		keep     transform
		in, want client.Object
	}{
		"Certificate": {
			keep: keepOurs(cmv1ac.ExtractCertificate, keepOfCertificate),
			in: &cmv1.Certificate{
				ObjectMeta: ours, Spec: cmv1.CertificateSpec{SecretName: "web-tls", DNSNames: []string{"web.example.com"}, IsCA: true}, Status: ready,
			},
			want: &cmv1.Certificate{
				ObjectMeta: ours, Spec: cmv1.CertificateSpec{SecretName: "web-tls", DNSNames: []string{"web.example.com"}}, Status: ready,
			},
		},
		"Ingress": {
			keep: keepOurs(networkingv1ac.ExtractIngress, keepOfIngress),
			in: &networkingv1.Ingress{
				ObjectMeta: ours,
				Spec:       networkingv1.IngressSpec{TLS: served, IngressClassName: new("traefik"), Rules: []networkingv1.IngressRule{{Host: "web.example.com"}}},
			},
			want: &networkingv1.Ingress{ObjectMeta: ours, Spec: networkingv1.IngressSpec{TLS: served}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := tc.keep(tc.in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(any(tc.want), got); diff != "" {
				t.Errorf("kept (-want +got):\n%s", diff)
			}
		})
	}
}
