package controllers

import (
	"context"
	"slices"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/desired"
	"github.com/berth-dev/berth/internal/names"
)

// isUnownedKey reports whether cert-manager has written a Secret for a Certificate of Berth's, and nothing takes it along. A Secret that
// has an owner is the garbage collector's to delete.
func isUnownedKey(secret *corev1.Secret) bool {
	labels := secret.GetLabels()
	_, written := secret.GetAnnotations()[cmv1.CertificateNameKey]
	return written && labels[v1alpha1.LabelSecret] == v1alpha1.SecretTLS && labels[desired.LabelManagedBy] == desired.ManagedBy &&
		metav1.GetControllerOfNoCopy(secret) == nil
}

// deleteLeftBehind deletes such a Secret if the App or Domain that it was for is gone, or about to go, and no Certificate writes it. It
// needs no grace: if it is made anew, that wakes the controller again.
func (r *secretReconciler) deleteLeftBehind(ctx context.Context, secret *corev1.Secret) error {
	if live, err := r.isOfLiveSite(ctx, secret); err != nil || live {
		return err
	}
	if written, err := r.isWritten(ctx, secret); err != nil || written {
		return err
	}
	return r.delete(ctx, secret)
}

// isOfLiveSite reports whether the App or Domain that a Secret was written for is there to stay, and wasn't made anew since. A Secret whose
// labels name none might be for any.
func (r *secretReconciler) isOfLiveSite(ctx context.Context, secret *corev1.Secret) (bool, error) {
	labels := secret.GetLabels()
	if uid, ok := labels[v1alpha1.LabelDomain]; ok {
		var domains v1alpha1.DomainList
		err := indexed(ctx, r.client, &domains, secret.GetNamespace(), indexUID, uid)
		return slices.ContainsFunc(domains.Items, func(d v1alpha1.Domain) bool { return d.GetDeletionTimestamp().IsZero() }), err
	}
	name, ok := labels[v1alpha1.LabelApp]
	if !ok {
		return true, nil
	}
	var app v1alpha1.App
	if err := r.client.Get(ctx, client.ObjectKey{Namespace: secret.GetNamespace(), Name: name}, &app); err != nil {
		return false, client.IgnoreNotFound(err)
	}
	return secret.GetName() == names.TLSSecret(name, app.GetUID()) && app.GetDeletionTimestamp().IsZero(), nil
}

// isWritten reports whether cert-manager writes a Secret for the Certificate that it has last written it for, and would make it anew. There is
// no other one, as nobody else's names a Secret with a part of a UID by chance. Of a Certificate that has lost its owner, the cache doesn't
// hold what it writes, so that is taken to be the Secret.
func (r *secretReconciler) isWritten(ctx context.Context, secret *corev1.Secret) (bool, error) {
	var certificate cmv1.Certificate
	key := client.ObjectKey{Namespace: secret.GetNamespace(), Name: secret.GetAnnotations()[cmv1.CertificateNameKey]}
	if err := r.client.Get(ctx, key, &certificate); err != nil {
		return false, client.IgnoreNotFound(err)
	}
	writes := certificate.Spec.SecretName
	return writes == "" || writes == secret.GetName(), nil
}

// issuedSecret returns the Secret that cert-manager writes for an App, a Domain or a Certificate of theirs.
func issuedSecret(_ context.Context, o client.Object) []reconcile.Request {
	switch o := o.(type) {
	case *v1alpha1.App:
		return request(o.GetNamespace(), names.TLSSecret(o.GetName(), o.GetUID()))
	case *v1alpha1.Domain:
		return request(o.GetNamespace(), names.DomainTLSSecret(o.GetName(), o.GetUID()))
	case *cmv1.Certificate:
		if name := o.Spec.SecretName; name != "" { // The cache doesn't hold it of others' Certificates.
			return request(o.GetNamespace(), name)
		}
	}
	return nil
}
