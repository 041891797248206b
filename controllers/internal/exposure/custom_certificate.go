package exposure

import (
	"context"
	"crypto"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/cache"
	"github.com/berth-dev/berth/controllers/internal/conditions"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/controllers/internal/resources"
	"github.com/berth-dev/berth/controllers/internal/ssa"
	"github.com/berth-dev/berth/internal/certificate"
)

// copyCustom makes the copy of a site's custom certificate that is served, or brings it up to date, if the certificate is valid for the
// host. Thus what becomes of the user's Secret later touches nothing that is served. What the issuer has signed stays for now.
//
// The Secret is read past the cache, which has no private keys, only when there is something to copy.
func (s Exposures) copyCustom(ctx context.Context, owner conditions.Object, v *Rotation) error {
	if err := s.adoptRenewed(ctx, owner, v.Site); err != nil {
		return err
	}
	if copied, err := s.copied(ctx, owner, owner, v); err != nil || copied {
		return err
	}
	return s.renewCopy(ctx, owner, v)
}

// copied reports whether the owner's copy of a site's custom certificate holds what the user's Secret does, if that is valid for the host.
// The Secret is waited for on behalf of the object that asks for it.
func (s Exposures) copied(ctx context.Context, asks, owner conditions.Object, v *Rotation) (bool, error) {
	source, err := s.source(ctx, s.Client, asks, v.Site)
	if err != nil {
		return false, err
	}
	chain, key, err := s.checked(ctx, asks, source, v)
	if err != nil {
		return false, err
	}
	have := &corev1.Secret{}
	have.Namespace, have.Name = v.Site.Namespace, v.Site.CustomSecret
	want := resources.CustomCertificate(v.Site, chain.PEM(), certificate.KeepKey(key))
	return ssa.Applied(ctx, s.Client, owner, want, have, corev1ac.ExtractSecret)
}

// renewCopy copies what the user's Secret holds now.
func (s Exposures) renewCopy(ctx context.Context, owner conditions.Object, v *Rotation) error {
	source, err := s.source(ctx, s.Live, owner, v.Site)
	if err != nil {
		return err
	}
	pair, pairErr := certificate.ParsePair(source.Data[corev1.TLSCertKey], source.Data[corev1.TLSPrivateKeyKey])
	cache.Strip(source)
	chain, _, err := s.checked(ctx, owner, source, v)
	if err != nil {
		return err
	}
	if pairErr != nil { // Such as of a Secret with what the cache keeps of a key.
		return invalid(v.Site, pairErr)
	}
	text, err := certificate.EncodeKey(pair.Private)
	if err != nil {
		return err
	}
	want := resources.CustomCertificate(v.Site, chain.PEM(), text)
	if err := ssa.Apply(ctx, s.Client, owner, want, &corev1.Secret{}, corev1ac.ExtractSecret); err != nil {
		return err
	}
	v.custom = candidate{chain: chain, since: s.Clock.Now(), good: true}
	return nil
}

// source reads the Secret with a site's custom certificate.
func (s Exposures) source(ctx context.Context, from client.Reader, owner conditions.Object, site resources.Site) (*corev1.Secret, error) {
	secret := &corev1.Secret{}
	err := from.Get(ctx, types.NamespacedName{Namespace: site.Namespace, Name: site.Source}, secret)
	if apierrors.IsNotFound(err) || err == nil && secret.GetLabels()[v1alpha1.LabelSecret] != v1alpha1.SecretCertificate {
		return nil, s.MissingDependency(owner, v1alpha1.ReasonSecretNotFound, "There is no Secret %s with the label %s=%s in the Namespace.",
			site.Source, v1alpha1.LabelSecret, v1alpha1.SecretCertificate)
	}
	return secret, err
}

// checked returns the chain that a site can serve of what a Secret holds, as the cache keeps it, and the public half of its key. It notes when that may
// change.
func (s Exposures) checked(ctx context.Context, asks client.Object, source *corev1.Secret, v *Rotation) (certificate.Chain, crypto.PublicKey, error) {
	pair, err := KeptPair(source)
	if err != nil {
		return nil, nil, invalid(v.Site, err)
	}
	now := s.Clock.Now()
	if next := pair.Certificates.NextChange(now); !next.IsZero() {
		v.Recheck = phase.Sooner(v.Recheck, next.Sub(now)+time.Second)
	}
	chain, err := pair.Certificates.Arrange(v.Site.Host, pair.Public, now)
	if err != nil {
		return nil, nil, invalid(v.Site, err)
	}
	return chain, pair.Public, s.requireOwnNames(ctx, asks, v, chain)
}

func invalid(site resources.Site, problem error) error {
	return phase.Stall(v1alpha1.ReasonCertificateInvalid, "Secret %s: %s", site.Source, problem)
}

// KeptPair returns what the cache keeps of a Secret, if that is certificates and the key of one of them. The error is a certificate.Problem.
func KeptPair(secret *corev1.Secret) (certificate.Parts, error) {
	pair, err := certificate.Kept(secret.Data[corev1.TLSCertKey])
	if err != nil {
		return certificate.Parts{}, certificate.Problem(corev1.TLSCertKey + ": " + err.Error())
	}
	key, err := certificate.Kept(secret.Data[corev1.TLSPrivateKeyKey])
	if err == nil {
		pair, err = pair.Join(key)
	}
	if err == nil {
		err = pair.RequireKey()
	}
	if err != nil {
		return certificate.Parts{}, certificate.Problem(corev1.TLSPrivateKeyKey + ": " + err.Error())
	}
	if err := pair.RequireCertificate(); err != nil {
		return certificate.Parts{}, certificate.Problem(corev1.TLSCertKey + ": " + err.Error())
	}
	if !pair.Certificates.Has(pair.Public) {
		return certificate.Parts{}, certificate.Problem("The private key is not the certificate's.")
	}
	return pair, nil
}
