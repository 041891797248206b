package translate

import (
	"bytes"
	"crypto"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	ac "github.com/berth-dev/berth/api/v1alpha1/applyconfiguration/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/wire"
	"github.com/berth-dev/berth/internal/certificate"
)

// setCertificate takes over the certificate of the body, in a Secret of its own, or looks whether the one that there is fits the new host.
func (c *domainChange) setCertificate(body wire.DomainBody) error {
	chain := body.Certificate
	if chain == nil || chain.Equal(c.chain) && (body.Key == nil || c.isPair(chain, body.Key)) || body.Key == nil && c.isEarlier(chain) {
		return c.keepCertificate()
	}
	key, err := c.keyFor(chain, body.Key)
	chain, problem := chain.Arrange(c.host, publicOf(key), c.fresh.Now)
	if problem != nil { // What is wrong with the certificate comes before whose key it is for.
		return apierr.Field(wire.FieldCertificate, problem.Error())
	}
	// Whose the other names are, the operator knows.
	names := certificate.NamePolicy{Host: c.host, App: c.observed.App.Name, Rules: c.platform.Hosts, IsNamespace: c.platform.IsNamespace}
	if err := names.Check(chain.Leaf()); err != nil {
		return apierr.Field(wire.FieldCertificate, err.Error())
	}
	if err != nil {
		return err
	}
	if chain.Equal(c.chain) && c.isPair(chain, key) {
		return c.keepCertificate() // It is there, in another order or beside what has expired.
	}
	if err := c.others.refuse(tlsPath); err != nil {
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

// keepCertificate is the 400 about a new host that the custom certificate isn't for. One that isn't there or is damaged is for none, and
// the controllers say so.
func (c *domainChange) keepCertificate() error {
	if c.plan.Host == "" || customSecretOf(c.observed.Domain) == nil || c.chain == nil || c.chain.Covers(c.host) {
		return nil
	}
	const format = "The custom certificate does not cover %s: send one that does in the same request, or delete it before."
	return apierr.Field(wire.FieldDomain, fmt.Sprintf(format, c.host))
}

// keyFor returns the private key of a certificate: the one that came with it, that waits for it, or that of the certificate before.
func (c *domainChange) keyFor(chain certificate.Chain, sent crypto.Signer) (crypto.Signer, error) {
	if sent != nil {
		if !chain.Has(sent.Public()) {
			return nil, apierr.Field(wire.FieldKey, "The private key is not the one of the certificate.")
		}
		return sent, nil
	}
	if key := c.waitingKey(chain); key != nil {
		c.plan.Spent = WaitingKey(c.waitingFor())
		return key, nil
	}
	if key := c.currentKey(); key != nil && chain.Has(key.Public()) {
		return key, nil
	}
	const unknown = "The certificate is neither for the key of the last newcert nor for the one in use; send its private key too."
	return nil, apierr.Field(wire.FieldKey, unknown)
}

// waitingKey is the private key that waits for this certificate; nil if none does.
func (c *domainChange) waitingKey(chain certificate.Chain) crypto.Signer {
	if key := keyIn(WaitingKey(c.waitingFor())); key != nil && chain.Has(key.Public()) {
		return key
	}
	return nil
}

// isEarlier tells whether a certificate is one that the platform had for the host before the one that is shown: an answer from before a
// renewal, sent back. Of the platform's certificates the facade knows no key; one that a key waits for is none of them.
func (c *domainChange) isEarlier(chain certificate.Chain) bool {
	if customSecretOf(c.observed.Domain) != nil || c.chain == nil || c.waitingKey(chain) != nil {
		return false
	}
	return chain.Covers(c.platform.hostOf(c.observed)) && bytes.Equal(chain.Leaf().RawIssuer, c.chain.Leaf().RawIssuer)
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

// WaitingKey is the Secret with the private key that waits for a certificate of the Domain, or of an App's default host; nil if there is
// none. One that belongs to an App of the same name that is gone doesn't count.
func WaitingKey(o Observed) *corev1.Secret {
	secret := o.secret(waitingSecretOf(o), v1alpha1.SecretNewCertKey)
	if secret == nil || !Owns(o.App, secret) {
		return nil
	}
	return secret
}

// NewKey is the Secret that lets a private key wait for a certificate of the Domain, in place of the one that waits there. It goes with the
// App.
func NewKey(o Observed, key []byte) *corev1ac.SecretApplyConfiguration {
	return corev1ac.Secret(waitingSecretOf(o), o.App.Namespace).
		WithLabels(map[string]string{v1alpha1.LabelSecret: v1alpha1.SecretNewCertKey, v1alpha1.LabelApp: o.App.Name}).
		WithOwnerReferences(OwnerOf(o.App)).
		WithType(corev1.SecretTypeOpaque).
		WithData(map[string][]byte{corev1.TLSPrivateKeyKey: key})
}
