package resources

import (
	"maps"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/names"
)

// KindHostClaim is the kind of the claim that keeps a Secret when no App or Domain owns it any longer.
const KindHostClaim = "HostClaim"

// CertificateSecret returns what Berth owns of the Secret with the certificate of a site, which cert-manager writes and by default never
// deletes: that it goes with the site's owner or, if there is a claim of the host, with the later of the two. The claim does not control it, and does
// not wait for it.
func CertificateSecret(s Site, claim *v1alpha1.HostClaim) *corev1ac.SecretApplyConfiguration {
	want := corev1ac.Secret(s.TLSSecret, s.Namespace).WithOwnerReferences(s.owner)
	if claim != nil {
		ref := keptBy(claim)
		want.WithOwnerReferences(metav1ac.OwnerReference().WithAPIVersion(ref.APIVersion).WithKind(ref.Kind).WithName(ref.Name).WithUID(ref.UID))
	}
	return want
}

// IssuedSecret returns the Secret of a site with the certificate and the key of another Secret, as cert-manager would have written it for the site's
// Certificate. It is created and not applied: what the operator applies of the Secret are only its owners.
func IssuedSecret(s Site, claim *v1alpha1.HostClaim, from *corev1.Secret) *corev1.Secret {
	annotations := issuerAnnotations(from)
	annotations[cmv1.CertificateNameKey] = s.Name
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: s.Namespace, Name: s.TLSSecret, Labels: s.secretLabels(), Annotations: annotations,
			OwnerReferences: []metav1.OwnerReference{s.ownerReference(), keptBy(claim)},
		},
		Type: corev1.SecretTypeTLS, Data: issuedData(from),
	}
}

// KeptSecret returns a copy of a Secret with an issued certificate that no App or Domain owns. It goes with the claim of the host.
func KeptSecret(claim *v1alpha1.HostClaim, from *corev1.Secret) *corev1.Secret {
	annotations := issuerAnnotations(from)
	issuer := IssuerOf(from)
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: from.GetNamespace(), Name: names.KeptSecret(claim.GetUID(), issuer.Group, issuer.Kind, issuer.Name),
			Labels:      map[string]string{LabelManagedBy: ManagedBy, v1alpha1.LabelSecret: v1alpha1.SecretTLS},
			Annotations: annotations, OwnerReferences: []metav1.OwnerReference{keptBy(claim)},
		},
		Type: corev1.SecretTypeTLS, Data: issuedData(from),
	}
}

// IssuerOf returns which issuer signed the certificate in a Secret, as cert-manager has noted it there.
func IssuerOf(secret *corev1.Secret) Issuer {
	noted := secret.GetAnnotations()
	return Issuer{
		Name: noted[cmv1.IssuerNameAnnotationKey], Kind: noted[cmv1.IssuerKindAnnotationKey], Group: noted[cmv1.IssuerGroupAnnotationKey],
	}
}

func issuerAnnotations(from *corev1.Secret) map[string]string {
	annotations := maps.Clone(from.GetAnnotations())
	maps.DeleteFunc(annotations, func(key, _ string) bool {
		return key != cmv1.IssuerNameAnnotationKey && key != cmv1.IssuerKindAnnotationKey && key != cmv1.IssuerGroupAnnotationKey
	})
	return annotations
}

func issuedData(from *corev1.Secret) map[string][]byte {
	data := map[string][]byte{}
	for _, key := range []string{corev1.TLSCertKey, corev1.TLSPrivateKeyKey, cmmeta.TLSCAKey} {
		if value, ok := from.Data[key]; ok {
			data[key] = value
		}
	}
	return data
}

func keptBy(claim *v1alpha1.HostClaim) metav1.OwnerReference {
	return metav1.OwnerReference{
		APIVersion: v1alpha1.GroupVersion.String(), Kind: KindHostClaim, Name: claim.GetName(), UID: claim.GetUID(),
	}
}

func (s Site) ownerReference() metav1.OwnerReference {
	return metav1.OwnerReference{
		APIVersion: *s.owner.APIVersion, Kind: *s.owner.Kind, Name: *s.owner.Name, UID: *s.owner.UID,
		Controller: s.owner.Controller, BlockOwnerDeletion: s.owner.BlockOwnerDeletion,
	}
}
