package controllers

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"slices"
	"time"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/desired"
	"github.com/berth-dev/berth/internal/certificate"
	"github.com/berth-dev/berth/internal/names"
)

// A kept Secret holds an issued certificate that no App or Domain uses, so that the next one of the same host and issuer can. The HostClaim of the host
// owns it: it goes with the claim, and never leaves the Namespace of the organization that has the host.

// issuedFor is what a certificate was issued for, and until when it can be used instead of a new one.
type issuedFor struct {
	host   string
	issuer desired.Issuer
	chain  certificate.Chain
	// due is when cert-manager would renew the certificate.
	due time.Time
}

// renewalDue returns when cert-manager renews a certificate by default.
func renewalDue(leaf *x509.Certificate) time.Time {
	return leaf.NotAfter.Add(-leaf.NotAfter.Sub(leaf.NotBefore) / renewsAfter)
}

// issuedForOf returns what the certificate in a Secret was issued for, if cert-manager would request exactly that one. Its names must be those of one host
// alone, since an ingress controller may serve it for each of them.
func issuedForOf(secret *corev1.Secret, pair certificate.Parts) (issuedFor, bool) {
	chain := pair.Certificates
	if len(chain) == 0 || !chain.IsFor(pair.Public) || !isOfKeyKind(pair) {
		return issuedFor{}, false
	}
	leaf := chain.Leaf()
	hosts := certificate.Names(leaf)
	if len(hosts) != 1 || !slices.Equal(hosts, leaf.DNSNames) || len(leaf.EmailAddresses)+len(leaf.URIs) > 0 {
		return issuedFor{}, false
	}
	issuer := desired.IssuerOf(secret)
	return issuedFor{host: hosts[0], issuer: issuer, chain: chain, due: renewalDue(leaf)}, issuer.Name != ""
}

// isOfKeyKind reports whether a key is of the kind that Berth asks for, since cert-manager replaces any other at once.
func isOfKeyKind(pair certificate.Parts) bool {
	key, ok := pair.Public.(*ecdsa.PublicKey)
	return ok && key.Curve == elliptic.P256()
}

// isFor reports whether the certificate can be used for a site.
func (i issuedFor) isFor(site desired.Site, now time.Time) bool {
	return i.host == site.Host && i.issuer == site.Issuer && i.due.After(now) && i.chain.Serves(site.Host, now)
}

// cachedIssue returns what the certificate in a Secret of the cache was issued for.
func cachedIssue(secret *corev1.Secret) (issuedFor, bool) {
	pair, err := keptPair(secret)
	if err != nil {
		return issuedFor{}, false
	}
	return issuedForOf(secret, pair)
}

// readIssue reads a Secret with its private key, which the cache doesn't have, and returns what its certificate was issued for.
func (s sites) readIssue(ctx context.Context, key client.ObjectKey) (*corev1.Secret, issuedFor, bool, error) {
	secret := &corev1.Secret{}
	if err := s.live.Get(ctx, key, secret); err != nil {
		return nil, issuedFor{}, false, client.IgnoreNotFound(err)
	}
	pair, err := certificate.ParsePair(secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey])
	if err != nil || pair.Private == nil {
		return nil, issuedFor{}, false, nil //nolint:nilerr // What can't be read is as good as not there.
	}
	issued, ok := issuedForOf(secret, pair)
	return secret, issued, ok, nil
}

// claimOf returns the claim of a host if an organization has the host, and nil otherwise.
func (s sites) claimOf(ctx context.Context, organization, host string) (*v1alpha1.HostClaim, error) {
	claim, err := getClaim(ctx, s.client, host)
	if err != nil || claim == nil || claim.Spec.Organization != organization || !claim.GetDeletionTimestamp().IsZero() {
		return nil, err
	}
	return claim, nil
}

// claimRef returns the reference of an object to the HostClaim that keeps it, or nil.
func claimRef(o metav1.Object) *metav1.OwnerReference {
	refs := o.GetOwnerReferences()
	for i := range refs {
		if refs[i].Kind == desired.KindHostClaim && refs[i].APIVersion == v1alpha1.GroupVersion.String() {
			return &refs[i]
		}
	}
	return nil
}

// isIssuedSecret reports whether a Secret has the labels of those with an issued certificate.
func isIssuedSecret(secret *corev1.Secret) bool {
	labels := secret.GetLabels()
	return labels[v1alpha1.LabelSecret] == v1alpha1.SecretTLS && labels[desired.LabelManagedBy] == desired.ManagedBy
}

// controllerLives reports whether what controls an object exists and stays. The garbage collector takes a moment to remove the reference to one that is
// gone.
func (s sites) controllerLives(ctx context.Context, o client.Object) (bool, error) {
	ref := metav1.GetControllerOfNoCopy(o)
	if ref == nil {
		return false, nil
	}
	var owner client.Object
	switch kind := berthController(o); {
	case kind != nil && kind.Kind == "App":
		owner = &v1alpha1.App{}
	case kind != nil && kind.Kind == "Domain":
		owner = &v1alpha1.Domain{}
	default:
		return true, nil
	}
	err := s.client.Get(ctx, client.ObjectKey{Namespace: o.GetNamespace(), Name: ref.Name}, owner, client.DisableReadYourWritesConsistency)
	return err == nil && owner.GetUID() == ref.UID && owner.GetDeletionTimestamp().IsZero(), client.IgnoreNotFound(err)
}

// writerOf returns the Certificate that cert-manager last wrote a Secret for, or nil if cert-manager would not create the Secret again for it. No other
// Certificate is considered, since the name of the Secret contains part of a UID. The cache does not hold which Secret a Certificate without an owner
// names, so it is assumed to name this one.
func (s sites) writerOf(ctx context.Context, secret *corev1.Secret) (*cmv1.Certificate, error) {
	name, written := secret.GetAnnotations()[cmv1.CertificateNameKey]
	if !written {
		return nil, nil //nolint:nilnil // A copy that is kept has none.
	}
	writer := &cmv1.Certificate{}
	if err := s.client.Get(ctx, client.ObjectKey{Namespace: secret.GetNamespace(), Name: name}, writer); err != nil {
		return nil, client.IgnoreNotFound(err)
	}
	if writes := writer.Spec.SecretName; writes != "" && writes != secret.GetName() {
		return nil, nil //nolint:nilnil // It writes another one by now.
	}
	return writer, nil
}

// keep copies the certificate of a site that was issued, whatever its host and issuer are, into a kept Secret, before the owner's own is deleted or
// written for another host or issuer. A certificate that cannot be kept is not an error: the next one is requested.
func (s sites) keep(ctx context.Context, owner metav1.Object, site desired.Site) error {
	have := &corev1.Secret{}
	key := client.ObjectKey{Namespace: site.Namespace, Name: site.TLSSecret}
	if err := s.client.Get(ctx, key, have); err != nil || !metav1.IsControlledBy(have, owner) {
		return client.IgnoreNotFound(err)
	}
	issued, ok := cachedIssue(have)
	if !ok || !issued.due.After(s.clock.Now()) {
		return nil
	}
	claim, err := s.claimOf(ctx, site.Namespace, issued.host)
	if err != nil || claim == nil {
		return err
	}
	if free, err := s.makeRoom(ctx, site.Namespace, claim, issued); err != nil || !free {
		return err
	}
	from, read, ok, err := s.readIssue(ctx, key)
	if err != nil || !ok || read.host != issued.host || read.issuer != issued.issuer {
		return err
	}
	err = s.client.Create(ctx, desired.KeptSecret(claim, from), client.FieldOwner(v1alpha1.FieldOwner))
	if apierrors.IsAlreadyExists(err) || apierrors.IsForbidden(err) { // A user has a Secret of this name, or the quota is used up.
		log.FromContext(ctx).Info("Cannot keep an issued certificate", "host", issued.host, "error", err.Error())
		return nil
	}
	return err
}

// makeRoom reports whether a certificate is to be kept for a claim: it isn't yet, and no Secret of anybody else has the name. What was kept of the same host
// and issuer before is deleted.
func (s sites) makeRoom(ctx context.Context, namespace string, claim *v1alpha1.HostClaim, issued issuedFor) (bool, error) {
	former := &corev1.Secret{}
	name := names.KeptSecret(claim.GetUID(), issued.issuer.Group, issued.issuer.Kind, issued.issuer.Name)
	err := s.client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, former)
	if err != nil {
		return apierrors.IsNotFound(err), client.IgnoreNotFound(err)
	}
	if kept, ok := cachedIssue(former); ok && kept.chain.Equal(issued.chain) {
		return false, nil
	}
	if ref := claimRef(former); ref == nil || ref.UID != claim.GetUID() {
		return false, nil
	}
	return true, client.IgnoreNotFound(s.client.Delete(ctx, former, client.Preconditions{UID: new(former.GetUID())}))
}
