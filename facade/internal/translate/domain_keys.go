package translate

import (
	"crypto"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/certificate"
)

// WaitingKey is the Secret with the private key that waits for a certificate of the Domain, or of an App's default host; nil if there is
// none. One that belongs to an App of the same name that is gone doesn't count.
func WaitingKey(o Observed) *corev1.Secret {
	secret := o.secret(waitingSecretOf(o), v1alpha1.SecretNewCertKey)
	if secret == nil || !Owns(o.App, secret) {
		return nil
	}
	return secret
}

// NewKey is the Secret that lets a private key wait for a certificate of these hosts, the first of which is the Domain's, in place of the one that waits
// there. It goes with the App, and not with one of its Domains.
func NewKey(o Observed, key []byte, hosts []string) *corev1ac.SecretApplyConfiguration {
	return corev1ac.Secret(waitingSecretOf(o), o.App.Namespace).
		WithLabels(map[string]string{v1alpha1.LabelSecret: v1alpha1.SecretNewCertKey, v1alpha1.LabelApp: o.App.Name}).
		WithAnnotations(map[string]string{v1alpha1.AnnotationKeyHosts: strings.Join(hosts, ",")}).
		WithOwnerReferences(OwnerOf(o.App)).
		WithType(corev1.SecretTypeOpaque).
		WithData(map[string][]byte{corev1.TLSPrivateKeyKey: key})
}

// KeyNames are the names of the Secrets with the private keys of an App's Domains beside the one that is changed.
func KeyNames(o Observed) []string {
	var all []string
	for _, sibling := range o.Siblings {
		if ref := customSecretOf(sibling); ref != nil {
			all = append(all, ref.Name)
		}
	}
	return all
}

// HasHost reports whether a host is one that the App is served at, or is to be: its default host, or that of one of its Domains.
func HasHost(platform Platform, o Observed, host string) bool {
	return host == platform.DefaultHost(o.App.Name) || host == platform.hostOf(o) || siblingOf(o, host) != nil
}

func siblingOf(o Observed, host string) *v1alpha1.Domain {
	at := slices.IndexFunc(o.Siblings, func(d *v1alpha1.Domain) bool { return d.Spec.Host == host })
	if at < 0 {
		return nil
	}
	return o.Siblings[at]
}

// sharedKey is the private key of a certificate that waits for another Domain of the App, or is in use there; nil if there is none.
func (c *domainChange) sharedKey(chain certificate.Chain) crypto.Signer {
	for _, secret := range c.observed.Keys {
		if !isKeyOf(secret, chain) {
			continue
		}
		if secret.Labels[v1alpha1.LabelSecret] == v1alpha1.SecretNewCertKey && Owns(c.observed.App, secret) {
			c.spend(secret)
			return keyIn(secret)
		}
		if secret.Labels[v1alpha1.LabelSecret] == v1alpha1.SecretCertificate {
			return keyIn(secret)
		}
	}
	return nil
}

// spend plans the deletion of a private key that waited, unless another host is still to get a certificate of it.
func (c *domainChange) spend(secret *corev1.Secret) {
	if !c.isAwaited(secret) {
		c.plan.Spent = secret
	}
}

// isAwaited reports whether a private key waits for a certificate of another host of the App, which has none of it yet.
func (c *domainChange) isAwaited(secret *corev1.Secret) bool {
	named, ok := secret.Annotations[v1alpha1.AnnotationKeyHosts]
	if !ok { // An earlier version has made it, for one host.
		own := WaitingKey(c.waitingFor())
		return own == nil || own.Name != secret.Name
	}
	key := keyIn(secret)
	return slices.ContainsFunc(strings.Split(named, ","), func(host string) bool {
		return host != c.host && key != nil && c.awaits(host, key)
	})
}

// awaits reports whether a host of the App has no certificate for a key yet. A host that the App has no longer awaits none.
func (c *domainChange) awaits(host string, key crypto.Signer) bool {
	sibling := siblingOf(c.observed, host)
	if sibling == nil {
		return host == c.platform.DefaultHost(c.observed.App.Name)
	}
	ref := customSecretOf(sibling)
	if ref == nil {
		return true
	}
	at := slices.IndexFunc(c.observed.Keys, func(s *corev1.Secret) bool { return s.Name == ref.Name })
	if at < 0 {
		return true
	}
	used := keyIn(c.observed.Keys[at])
	return used == nil || !certificate.EqualKeys(key.Public(), used.Public())
}

// isKeyOf reports whether a Secret, which may be nil, holds the private key of a certificate.
func isKeyOf(secret *corev1.Secret, chain certificate.Chain) bool {
	key := keyIn(secret)
	return key != nil && chain.Has(key.Public())
}
