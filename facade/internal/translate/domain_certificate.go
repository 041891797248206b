package translate

import (
	"crypto"
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	ac "github.com/berth-dev/berth/api/v1alpha1/applyconfiguration/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/wire"
	"github.com/berth-dev/berth/internal/certificate"
)

// setCertificate takes over the certificate of the body, in a Secret of its own, or looks whether the one that there is fits the new host. What the client
// was shown, sent back without a key, is no upload.
func (c *domainChange) setCertificate(body wire.DomainBody) error {
	chain := body.Certificate
	if chain == nil || chain.Equal(c.chain) && (body.Key == nil || c.isPair(chain, body.Key)) {
		return c.keepCertificate()
	}
	chain, key, err := c.checked(chain, body.Key)
	if err != nil {
		return err
	}
	if chain.Equal(c.chain) && c.isPair(chain, key) {
		return c.keepCertificate() // It is there, in another order or beside what has expired.
	}
	if err := c.others.replace(tlsPath); err != nil {
		return err
	}
	encoded, err := certificate.EncodeKey(key)
	if err != nil {
		return err
	}
	name := c.observed.App.Name + "-cert-" + c.fresh.Suffix
	data := map[string][]byte{corev1.TLSCertKey: chain.PEM(), corev1.TLSPrivateKeyKey: encoded}
	c.plan.Secrets = append(c.plan.Secrets, newSecret(c.observed.App, name, v1alpha1.SecretCertificate, corev1.SecretTypeTLS, data))
	c.spec().TLS = ac.DomainTLS().WithSecretRef(ac.SecretRef().WithName(name))
	c.changed = true
	return nil
}

// checked returns a certificate that the host can serve, with its chain in order, and its private key. The error is a 400 that names the certificate or,
// if that is as it should be, the key.
func (c *domainChange) checked(chain certificate.Chain, sent crypto.Signer) (certificate.Chain, crypto.Signer, error) {
	key, keyErr := c.keyFor(chain, sent)
	chain, err := chain.Arrange(c.host, publicOf(key), c.fresh.Now)
	if err != nil {
		return nil, nil, apierr.Field(wire.FieldCertificate, err.Error())
	}
	// Whose the other names are, the operator knows.
	names := certificate.NamePolicy{Host: c.host, App: c.observed.App.Name, Rules: c.platform.Hosts, IsNamespace: c.platform.IsNamespace}
	if err := names.Check(chain.Leaf()); err != nil {
		return nil, nil, apierr.Field(wire.FieldCertificate, err.Error())
	}
	return chain, key, keyErr
}

// keepCertificate is the 400 about a new host that the custom certificate isn't for. One that isn't there or is damaged is for none, and
// the controllers say so.
func (c *domainChange) keepCertificate() error {
	if c.plan.Host == "" || customSecretOf(c.observed.Domain) == nil || c.chain == nil || c.chain.Covers(c.host) {
		return nil
	}
	const format = "The custom certificate does not cover %s: send one that does in the same request, or delete it before."
	return apierr.Field(wire.FieldDomain, fmt.Sprintf(format, c.host))
}

// keyFor returns the private key of a certificate: the one that came with it, that waits for it, that of the certificate before, or
// one of another Domain of the App, as one certificate may be for several of its hosts.
func (c *domainChange) keyFor(chain certificate.Chain, sent crypto.Signer) (crypto.Signer, error) {
	if sent != nil {
		if !chain.Has(sent.Public()) {
			return nil, apierr.Field(wire.FieldKey, "The private key is not the one of the certificate.")
		}
		return sent, nil
	}
	if secret := WaitingKey(c.waitingFor()); isKeyOf(secret, chain) {
		c.spend(secret)
		return keyIn(secret), nil
	}
	if key := c.currentKey(); key != nil && chain.Has(key.Public()) {
		return key, nil
	}
	if key := c.sharedKey(chain); key != nil {
		return key, nil
	}
	const unknown = "The certificate is neither for the key of the last newcert nor for the one in use; send its private key too."
	return nil, apierr.Field(wire.FieldKey, unknown)
}

// waitingFor is what there is, as seen from the Domain that is changed. A new one that isn't named like the App is none that was waited
// for.
func (c *domainChange) waitingFor() Observed {
	o := c.observed
	if o.Domain == nil && c.name != o.App.Name {
		o.Secrets = nil
	}
	return o
}

// currentKey is the private key of the custom certificate; nil if there is none.
func (c *domainChange) currentKey() crypto.Signer {
	ref := customSecretOf(c.observed.Domain)
	if ref == nil {
		return nil
	}
	return keyIn(c.observed.secret(ref.Name, v1alpha1.SecretCertificate))
}

// isPair tells whether a key is the one in use, and the one of the chain.
func (c *domainChange) isPair(chain certificate.Chain, key crypto.Signer) bool {
	current := c.currentKey()
	return current != nil && chain.Has(current.Public()) && chain.Has(key.Public())
}

// keyIn is the private key that a Secret holds; nil if it holds none.
func keyIn(secret *corev1.Secret) crypto.Signer {
	if secret == nil {
		return nil
	}
	pair, err := certificate.ParsePair(secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey])
	if err != nil {
		return nil
	}
	return pair.Private
}

// publicOf is the public half of a private key; nil of none.
func publicOf(key crypto.Signer) crypto.PublicKey {
	if key == nil {
		return nil
	}
	return key.Public()
}
