package exposure

import (
	"context"
	"time"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/conditions"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/controllers/internal/resources"
)

// Reason and action of the event that a certificate is used again.
const (
	eventReused = "CertificateReused"
	eventReuse  = "ReuseCertificate"
)

// reuseAgain is when it is looked again whether what writes a kept Secret is gone.
const reuseAgain = time.Second

// reuse puts a certificate that was issued before for the host of a site, by the same issuer, where the site's Certificate has cert-manager look for
// one, and reports whether it lies there, so that writing the Certificate requests none.
//
// cert-manager takes what it finds in the Secret only for a Certificate that has made no request yet. One that has is deleted first, and made again.
func (s Exposures) reuse(ctx context.Context, owner conditions.Object, v *Rotation) (bool, error) {
	var have cmv1.Certificate
	err := s.Client.Get(ctx, client.ObjectKey{Namespace: v.Site.Namespace, Name: v.Site.Name}, &have)
	if client.IgnoreNotFound(err) != nil {
		return false, err
	}
	exists := err == nil
	if !exists {
		if lies, err := s.isInPlace(ctx, owner, v.Site); err != nil || lies {
			return lies, err
		}
	}
	if err := s.keep(ctx, owner, v.Site); err != nil {
		return false, err
	}
	claim, err := s.ClaimOf(ctx, v.Site.Namespace, v.Site.Host)
	if err != nil || claim == nil {
		return false, err
	}
	from, until, err := s.findKept(ctx, v.Site, claim)
	if err != nil || from == nil {
		return false, err
	}
	if exists {
		if err := s.delete(ctx, owner, "Certificate", &have, "it is created again with a certificate that was issued before"); err != nil {
			return false, err
		}
		return false, phase.Wait(reuseAgain, v1alpha1.ReasonProgressing, "A certificate that was issued before is about to be used again.")
	}
	if put, err := s.putIssued(ctx, owner, v.Site, resources.IssuedSecret(v.Site, claim, from)); err != nil || !put {
		return false, err
	}
	s.tellReused(ctx, owner, v.Site, until)
	if err := s.delete(ctx, owner, "Secret", from, "its certificate is used again"); err != nil {
		return false, err
	}
	return false, phase.Wait(HeadStart, v1alpha1.ReasonProgressing, "A certificate that was issued before is used again.")
}

// delete deletes an object and reports it with the reason, as ssa.Journal.Deleted says.
func (s Exposures) delete(ctx context.Context, owner metav1.Object, kind string, o client.Object, why string) error {
	err := s.Client.Delete(ctx, o, client.Preconditions{UID: new(o.GetUID())})
	if err == nil {
		s.Journal.Deleted(ctx, owner, kind, o, why)
	}
	return client.IgnoreNotFound(err)
}

// isInPlace reports whether the Secret of a site, whose Certificate does not exist, holds a certificate that can be used. It waits until cert-manager, which
// sees Secrets and Certificates by watches of their own, must have seen it.
func (s Exposures) isInPlace(ctx context.Context, owner metav1.Object, site resources.Site) (bool, error) {
	secret := &corev1.Secret{}
	key := client.ObjectKey{Namespace: site.Namespace, Name: site.TLSSecret}
	if err := s.Client.Get(ctx, key, secret); err != nil || !metav1.IsControlledBy(secret, owner) {
		return false, client.IgnoreNotFound(err)
	}
	if issued, ok := CachedIssue(secret); !ok || !issued.isFor(site, s.Clock.Now()) {
		return false, nil
	}
	written, err := s.writtenAt(ctx, key)
	if err != nil || written.IsZero() {
		return false, err
	}
	if left := HeadStart - s.Clock.Since(written); left > 0 {
		return false, phase.Wait(left, v1alpha1.ReasonProgressing, "A certificate that was issued before is used again.")
	}
	return true, nil
}

// writtenAt returns when a Secret was last written, by whomever, which the cache does not keep. It is zero if the Secret is gone.
func (s Exposures) writtenAt(ctx context.Context, key client.ObjectKey) (time.Time, error) {
	var secret metav1.PartialObjectMetadata
	secret.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	if err := s.Live.Get(ctx, key, &secret); err != nil {
		return time.Time{}, client.IgnoreNotFound(err)
	}
	last := secret.GetCreationTimestamp().Time
	for _, f := range secret.GetManagedFields() {
		if f.Time != nil && f.Time.After(last) {
			last = f.Time.Time
		}
	}
	return last, nil
}

// findKept returns the kept Secret for a site that ends last, with its private key, and until when it can be used, or nil. What was written for an App or
// Domain that is gone is kept from that moment; while its Certificate is about to go too, cert-manager would make the Secret anew.
func (s Exposures) findKept(ctx context.Context, site resources.Site, claim *v1alpha1.HostClaim) (*corev1.Secret, time.Time, error) {
	var list corev1.SecretList
	if err := s.Client.List(ctx, &list, client.InNamespace(site.Namespace), client.MatchingLabels{v1alpha1.LabelSecret: v1alpha1.SecretTLS}); err != nil {
		return nil, time.Time{}, err
	}
	var best *corev1.Secret
	var until time.Time
	for i := range list.Items {
		secret := &list.Items[i]
		if ref := ClaimRef(secret); ref == nil || ref.UID != claim.GetUID() {
			continue
		}
		issued, ok := CachedIssue(secret)
		if !ok || !issued.isFor(site, s.Clock.Now()) || !issued.Due.After(until) {
			continue
		}
		if free, err := s.isFree(ctx, secret); err != nil {
			return nil, time.Time{}, err
		} else if free {
			best, until = secret, issued.Due
		}
	}
	if best == nil {
		return nil, time.Time{}, nil
	}
	from, issued, ok, err := s.readIssue(ctx, client.ObjectKeyFromObject(best))
	if err != nil || !ok || from.GetUID() != best.GetUID() || !issued.isFor(site, s.Clock.Now()) {
		return nil, time.Time{}, err
	}
	return from, issued.Due, nil
}

// isFree reports whether no App, Domain or Certificate has a Secret that a claim keeps.
func (s Exposures) isFree(ctx context.Context, secret *corev1.Secret) (bool, error) {
	if !IsIssuedSecret(secret) || !secret.GetDeletionTimestamp().IsZero() {
		return false, nil
	}
	if lives, err := s.controllerLives(ctx, secret); err != nil || lives {
		return false, err
	}
	writer, err := s.WriterOf(ctx, secret)
	if err != nil || writer == nil {
		return err == nil, err
	}
	lives, err := s.controllerLives(ctx, writer)
	if err != nil || lives || metav1.GetControllerOfNoCopy(writer) == nil {
		return false, err
	}
	return false, phase.Wait(reuseAgain, v1alpha1.ReasonProgressing, "A certificate that was issued before is about to be used again.")
}

// putIssued creates the Secret of a site, or writes the certificate into the one that the owner has. It leaves a Secret of anybody else alone, and says so.
func (s Exposures) putIssued(ctx context.Context, owner metav1.Object, site resources.Site, want *corev1.Secret) (bool, error) {
	have := &corev1.Secret{}
	err := s.Live.Get(ctx, client.ObjectKey{Namespace: site.Namespace, Name: site.TLSSecret}, have)
	if apierrors.IsNotFound(err) {
		return true, s.Client.Create(ctx, want, client.FieldOwner(v1alpha1.FieldOwner))
	}
	if err != nil || !metav1.IsControlledBy(have, owner) {
		return false, err
	}
	before := have.DeepCopy()
	have.Data = want.Data
	for key, value := range want.GetAnnotations() {
		metav1.SetMetaDataAnnotation(&have.ObjectMeta, key, value)
	}
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	return true, s.Client.Patch(ctx, have, patch, client.FieldOwner(v1alpha1.FieldOwner))
}

func (s Exposures) tellReused(ctx context.Context, owner conditions.Object, site resources.Site, until time.Time) {
	log.FromContext(ctx).Info("Using a certificate again that was issued before", "host", site.Host, "issuer", site.Issuer.Name, "renewal", until)
	s.Recorder.Eventf(owner, nil, corev1.EventTypeNormal, eventReused, eventReuse,
		"The certificate of %s that was issued before is used again. It is renewed from %s.", site.Host, rfc3339(until))
}
