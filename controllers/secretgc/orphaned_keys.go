package secretgc

import (
	"cmp"
	"context"
	"slices"
	"time"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/exposure"
	"github.com/berth-dev/berth/controllers/internal/watches"
	"github.com/berth-dev/berth/internal/names"
)

// maxKept is how many certificates are kept for an organization. Let's Encrypt signs five for the same names in a week; this bounds what private keys lie
// around that nothing uses.
const maxKept = 20

// Reason and action of the event that a kept certificate was deleted.
const (
	eventKeptDeleted = "KeptCertificateDeleted"
	eventDeleteKept  = "DeleteCertificate"
)

// isUnownedKey reports whether cert-manager has written a Secret for a Certificate of Berth's, or Berth has kept a copy of one, and no App or Domain
// owns it. A Secret that has such an owner is the garbage collector's to delete.
func isUnownedKey(secret *corev1.Secret) bool {
	_, written := secret.GetAnnotations()[cmv1.CertificateNameKey]
	return exposure.IsIssuedSecret(secret) && (written || exposure.ClaimRef(secret) != nil) && metav1.GetControllerOfNoCopy(secret) == nil
}

// reconcileUnowned keeps such a Secret for as long as its certificate can be used again, and deletes it otherwise, if the App or Domain that it was for
// is gone or being deleted, and no Certificate writes it. It needs no grace: if the Secret is created again, the controller is enqueued.
func (r *Reconciler) reconcileUnowned(ctx context.Context, secret *corev1.Secret) (reconcile.Result, error) {
	if unused, err := r.isUnused(ctx, secret); err != nil || !unused {
		return reconcile.Result{}, err
	}
	ref := exposure.ClaimRef(secret)
	if ref == nil {
		return reconcile.Result{}, r.delete(ctx, secret, "the App or Domain that it was issued for is gone")
	}
	issued, ok := exposure.CachedIssue(secret)
	claim, err := r.ClaimOf(ctx, secret.GetNamespace(), ref.Name)
	if err != nil {
		return reconcile.Result{}, err
	}
	left := issued.Due.Sub(r.Clock.Now())
	switch {
	case claim == nil || claim.GetUID() != ref.UID:
		return reconcile.Result{}, r.deleteKept(ctx, secret, "the organization does not have the host any more")
	case !ok || issued.Host != claim.GetName():
		return reconcile.Result{}, r.deleteKept(ctx, secret, "it cannot be used again")
	case left <= 0:
		return reconcile.Result{}, r.deleteKept(ctx, secret, "it would be due for renewal")
	default:
		return reconcile.Result{RequeueAfter: left}, r.trimKept(ctx, secret.GetNamespace())
	}
}

// trimKept deletes the kept Secrets of an organization that end first if there are too many.
func (r *Reconciler) trimKept(ctx context.Context, organization string) error {
	var list corev1.SecretList
	err := r.Client.List(ctx, &list, client.InNamespace(organization), client.MatchingLabels{v1alpha1.LabelSecret: v1alpha1.SecretTLS})
	if err != nil {
		return err
	}
	type keptSecret struct {
		secret *corev1.Secret
		due    time.Time
	}
	var all []keptSecret
	for i := range list.Items {
		secret := &list.Items[i]
		if !isUnownedKey(secret) || exposure.ClaimRef(secret) == nil || !secret.GetDeletionTimestamp().IsZero() {
			continue
		}
		if unused, err := r.isUnused(ctx, secret); err != nil {
			return err
		} else if unused {
			issued, _ := exposure.CachedIssue(secret)
			all = append(all, keptSecret{secret, issued.Due})
		}
	}
	slices.SortFunc(all, func(a, b keptSecret) int {
		return cmp.Or(b.due.Compare(a.due), cmp.Compare(a.secret.GetName(), b.secret.GetName()))
	})
	for _, kept := range all[min(len(all), maxKept):] {
		if err := r.deleteKept(ctx, kept.secret, "too many certificates are kept for the organization"); err != nil {
			return err
		}
	}
	return nil
}

// deleteKept deletes a kept Secret, and logs and tells why.
func (r *Reconciler) deleteKept(ctx context.Context, secret *corev1.Secret, why string) error {
	if err := r.delete(ctx, secret, ""); err != nil {
		return err
	}
	host := exposure.ClaimRef(secret).Name
	log.FromContext(ctx).Info("Deleted a certificate that was kept", "host", host, "reason", why)
	r.Recorder.Eventf(secret, nil, corev1.EventTypeNormal, eventKeptDeleted, eventDeleteKept,
		"The certificate that was kept for %s was deleted: %s.", host, why)
	return nil
}

// isUnused reports whether the App or Domain that a Secret was written for is gone, or about to go, and no Certificate writes it. A copy that is kept was
// written for none.
func (r *Reconciler) isUnused(ctx context.Context, secret *corev1.Secret) (bool, error) {
	if _, written := secret.GetAnnotations()[cmv1.CertificateNameKey]; !written {
		return true, nil
	}
	if live, err := r.isOfLiveSite(ctx, secret); err != nil || live {
		return false, err
	}
	writer, err := r.WriterOf(ctx, secret)
	return err == nil && writer == nil, err
}

// isOfLiveSite reports whether the App or Domain that a Secret was written for is there to stay, and wasn't made anew since. A Secret whose
// labels name none might be for any.
func (r *Reconciler) isOfLiveSite(ctx context.Context, secret *corev1.Secret) (bool, error) {
	labels := secret.GetLabels()
	if uid, ok := labels[v1alpha1.LabelDomain]; ok {
		var domains v1alpha1.DomainList
		err := watches.Indexed(ctx, r.Client, &domains, secret.GetNamespace(), watches.IndexUID, uid)
		return slices.ContainsFunc(domains.Items, func(d v1alpha1.Domain) bool { return d.GetDeletionTimestamp().IsZero() }), err
	}
	name, ok := labels[v1alpha1.LabelApp]
	if !ok {
		return true, nil
	}
	var app v1alpha1.App
	if err := r.Client.Get(ctx, client.ObjectKey{Namespace: secret.GetNamespace(), Name: name}, &app); err != nil {
		return false, client.IgnoreNotFound(err)
	}
	return secret.GetName() == names.TLSSecret(name, app.GetUID()) && app.GetDeletionTimestamp().IsZero(), nil
}

// issuedSecret returns the Secret that cert-manager writes for an App, a Domain or a Certificate of theirs.
func issuedSecret(_ context.Context, o client.Object) []reconcile.Request {
	switch o := o.(type) {
	case *v1alpha1.App:
		return watches.Request(o.GetNamespace(), names.TLSSecret(o.GetName(), o.GetUID()))
	case *v1alpha1.Domain:
		return watches.Request(o.GetNamespace(), names.DomainTLSSecret(o.GetName(), o.GetUID()))
	case *cmv1.Certificate:
		if name := o.Spec.SecretName; name != "" { // The cache doesn't hold it of others' Certificates.
			return watches.Request(o.GetNamespace(), name)
		}
	}
	return nil
}
