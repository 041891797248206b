package exposure

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
	"github.com/berth-dev/berth/controllers/internal/objects"
	"github.com/berth-dev/berth/controllers/internal/resources"
	"github.com/berth-dev/berth/internal/certificate"
	"github.com/berth-dev/berth/internal/names"
)

// A kept Secret holds an issued certificate that no App or Domain uses, so that the next one of the same host and issuer can. The HostClaim of the host
// owns it: it goes with the claim, and never leaves the Namespace of the organization that has the host.

// IssuedFor is what a certificate was issued for, and until when it can be used instead of a new one.
type IssuedFor struct {
	Host   string
	issuer resources.Issuer
	chain  certificate.Chain
	// Due is when cert-manager would renew the certificate.
	Due time.Time
}

// renewalDue returns when cert-manager renews a certificate by default.
func renewalDue(leaf *x509.Certificate) time.Time {
	return leaf.NotAfter.Add(-leaf.NotAfter.Sub(leaf.NotBefore) / renewsAfter)
}

// issuedForOf returns what the certificate in a Secret was issued for, if cert-manager would request exactly that one. Its names must be those of one host
// alone, since an ingress controller may serve it for each of them.
func issuedForOf(secret *corev1.Secret, pair certificate.Parts) (IssuedFor, bool) {
	chain := pair.Certificates
	if len(chain) == 0 || !chain.IsFor(pair.Public) || !isOfKeyKind(pair) {
		return IssuedFor{}, false
	}
	leaf := chain.Leaf()
	hosts := certificate.Names(leaf)
	if len(hosts) != 1 || !slices.Equal(hosts, leaf.DNSNames) || len(leaf.EmailAddresses)+len(leaf.URIs) > 0 {
		return IssuedFor{}, false
	}
	issuer := resources.IssuerOf(secret)
	return IssuedFor{Host: hosts[0], issuer: issuer, chain: chain, Due: renewalDue(leaf)}, issuer.Name != ""
}

// isOfKeyKind reports whether a key is of the kind that Berth asks for, since cert-manager replaces any other at once.
func isOfKeyKind(pair certificate.Parts) bool {
	key, ok := pair.Public.(*ecdsa.PublicKey)
	return ok && key.Curve == elliptic.P256()
}

// isFor reports whether the certificate can be used for a site.
func (i IssuedFor) isFor(site resources.Site, now time.Time) bool {
	return i.Host == site.Host && i.issuer == site.Issuer && i.Due.After(now) && i.chain.Serves(site.Host, now)
}

// CachedIssue returns what the certificate in a Secret of the cache was issued for.
func CachedIssue(secret *corev1.Secret) (IssuedFor, bool) {
	pair, err := KeptPair(secret)
	if err != nil {
		return IssuedFor{}, false
	}
	return issuedForOf(secret, pair)
}

// readIssue reads a Secret with its private key, which the cache doesn't have, and returns what its certificate was issued for.
func (s Exposures) readIssue(ctx context.Context, key client.ObjectKey) (*corev1.Secret, IssuedFor, bool, error) {
	secret := &corev1.Secret{}
	if err := s.Live.Get(ctx, key, secret); err != nil {
		return nil, IssuedFor{}, false, client.IgnoreNotFound(err)
	}
	pair, err := certificate.ParsePair(secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey])
	if err != nil || pair.Private == nil {
		return nil, IssuedFor{}, false, nil //nolint:nilerr // What can't be read is as good as not there.
	}
	issued, ok := issuedForOf(secret, pair)
	return secret, issued, ok, nil
}

// ClaimOf returns the claim of a host if an organization has the host, and nil otherwise.
func (s Exposures) ClaimOf(ctx context.Context, organization, host string) (*v1alpha1.HostClaim, error) {
	claim, err := GetClaim(ctx, s.Client, host)
	if err != nil || claim == nil || claim.Spec.Organization != organization || !claim.GetDeletionTimestamp().IsZero() {
		return nil, err
	}
	return claim, nil
}

// ClaimRef returns the reference of an object to the HostClaim that keeps it, or nil.
func ClaimRef(o metav1.Object) *metav1.OwnerReference {
	refs := o.GetOwnerReferences()
	for i := range refs {
		if refs[i].Kind == resources.KindHostClaim && refs[i].APIVersion == v1alpha1.GroupVersion.String() {
			return &refs[i]
		}
	}
	return nil
}

// IsIssuedSecret reports whether a Secret has the labels of those with an issued certificate.
func IsIssuedSecret(secret *corev1.Secret) bool {
	labels := secret.GetLabels()
	return labels[v1alpha1.LabelSecret] == v1alpha1.SecretTLS && labels[resources.LabelManagedBy] == resources.ManagedBy
}

// controllerLives reports whether what controls an object exists and stays. The garbage collector takes a moment to remove the reference to one that is
// gone.
func (s Exposures) controllerLives(ctx context.Context, o client.Object) (bool, error) {
	ref := metav1.GetControllerOfNoCopy(o)
	if ref == nil {
		return false, nil
	}
	var owner client.Object
	switch kind := objects.BerthController(o); {
	case kind != nil && kind.Kind == "App":
		owner = &v1alpha1.App{}
	case kind != nil && kind.Kind == "Domain":
		owner = &v1alpha1.Domain{}
	default:
		return true, nil
	}
	err := s.Client.Get(ctx, client.ObjectKey{Namespace: o.GetNamespace(), Name: ref.Name}, owner, client.DisableReadYourWritesConsistency)
	return err == nil && owner.GetUID() == ref.UID && owner.GetDeletionTimestamp().IsZero(), client.IgnoreNotFound(err)
}

// WriterOf returns the Certificate that cert-manager last wrote a Secret for, or nil if cert-manager would not create the Secret again for it. No other
// Certificate is considered, since the name of the Secret contains part of a UID. The cache does not hold which Secret a Certificate without an owner
// names, so it is assumed to name this one.
func (s Exposures) WriterOf(ctx context.Context, secret *corev1.Secret) (*cmv1.Certificate, error) {
	name, written := secret.GetAnnotations()[cmv1.CertificateNameKey]
	if !written {
		return nil, nil //nolint:nilnil // A copy that is kept has none.
	}
	writer := &cmv1.Certificate{}
	if err := s.Client.Get(ctx, client.ObjectKey{Namespace: secret.GetNamespace(), Name: name}, writer); err != nil {
		return nil, client.IgnoreNotFound(err)
	}
	if writes := writer.Spec.SecretName; writes != "" && writes != secret.GetName() {
		return nil, nil //nolint:nilnil // It writes another one by now.
	}
	return writer, nil
}

// keep copies the certificate of a site that was issued, whatever its host and issuer are, into a kept Secret, before the owner's own is deleted or
// written for another host or issuer. A certificate that cannot be kept is not an error: the next one is requested.
func (s Exposures) keep(ctx context.Context, owner metav1.Object, site resources.Site) error {
	have := &corev1.Secret{}
	key := client.ObjectKey{Namespace: site.Namespace, Name: site.TLSSecret}
	if err := s.Client.Get(ctx, key, have); err != nil || !metav1.IsControlledBy(have, owner) {
		return client.IgnoreNotFound(err)
	}
	issued, ok := CachedIssue(have)
	if !ok || !issued.Due.After(s.Clock.Now()) {
		return nil
	}
	claim, err := s.ClaimOf(ctx, site.Namespace, issued.Host)
	if err != nil || claim == nil {
		return err
	}
	if free, err := s.makeRoom(ctx, site.Namespace, claim, issued); err != nil || !free {
		return err
	}
	from, read, ok, err := s.readIssue(ctx, key)
	if err != nil || !ok || read.Host != issued.Host || read.issuer != issued.issuer {
		return err
	}
	err = s.Client.Create(ctx, resources.KeptSecret(claim, from), client.FieldOwner(v1alpha1.FieldOwner))
	if apierrors.IsAlreadyExists(err) || apierrors.IsForbidden(err) { // A user has a Secret of this name, or the quota is used up.
		log.FromContext(ctx).Info("Cannot keep an issued certificate", "host", issued.Host, "error", err.Error())
		return nil
	}
	return err
}

// makeRoom reports whether a certificate is to be kept for a claim: it isn't yet, and no Secret of anybody else has the name. What was kept of the same host
// and issuer before is deleted.
func (s Exposures) makeRoom(ctx context.Context, namespace string, claim *v1alpha1.HostClaim, issued IssuedFor) (bool, error) {
	former := &corev1.Secret{}
	name := names.KeptSecret(claim.GetUID(), issued.issuer.Group, issued.issuer.Kind, issued.issuer.Name)
	err := s.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, former)
	if err != nil {
		return apierrors.IsNotFound(err), client.IgnoreNotFound(err)
	}
	if kept, ok := CachedIssue(former); ok && kept.chain.Equal(issued.chain) {
		return false, nil
	}
	if ref := ClaimRef(former); ref == nil || ref.UID != claim.GetUID() {
		return false, nil
	}
	return true, s.delete(ctx, claim, "Secret", former, "a newer certificate of the same host and issuer is kept")
}
