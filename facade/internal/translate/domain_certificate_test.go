package translate

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/wire"
	"github.com/berth-dev/berth/internal/certificate"
	"github.com/berth-dev/berth/internal/names"
)

// issue makes a private key and a certificate of it for a host, signed by itself.
func issue(t *testing.T, host string) (certificate.Chain, crypto.Signer) {
	t.Helper()
	key := mustKey(t)
	return issueFor(t, host, key), key
}

func issueFor(t *testing.T, host string, key crypto.Signer) certificate.Chain {
	t.Helper()
	return authority{key: key}.issue(t, host, key)
}

func mustKey(t *testing.T) crypto.Signer {
	t.Helper()
	key, err := certificate.NewKey(certificate.ECDSA)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// authority is a name that signs certificates with a key.
type authority struct {
	name pkix.Name
	key  crypto.Signer
}

func newAuthority(t *testing.T, name string) authority {
	t.Helper()
	return authority{name: pkix.Name{CommonName: name}, key: mustKey(t)}
}

// issue makes a certificate of a key for a host.
func (a authority) issue(t *testing.T, host string, key crypto.Signer, changes ...func(*x509.Certificate)) certificate.Chain {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{host}, NotBefore: fresh.Now, NotAfter: fresh.Now.Add(time.Hour),
	}
	for _, change := range changes {
		change(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, &x509.Certificate{Subject: a.name}, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate.Chain{made}
}

// tlsSecret holds a certificate with its key.
func tlsSecret(t *testing.T, purpose string, chain certificate.Chain, key crypto.Signer) *corev1.Secret {
	t.Helper()
	encoded, err := certificate.EncodeKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return secret(purpose, map[string]string{corev1.TLSCertKey: string(chain.PEM()), corev1.TLSPrivateKeyKey: string(encoded)})
}

// TestEarlierCertificate says that an answer from before a renewal, sent back, is no upload of a certificate.
func TestEarlierCertificate(t *testing.T) {
	const host = "shop.apps.example.com"
	authority := newAuthority(t, "platform")
	key := func() crypto.Signer { return mustKey(t) }
	waiting, sent := key(), key()
	shown := authority.issue(t, host, key())
	expired := func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = fresh.Now.Add(-2*time.Hour), fresh.Now.Add(-time.Hour)
	}
	secrets := map[string]*corev1.Secret{
		names.TLSSecret("shop", "uid-of-shop"): secret(v1alpha1.SecretTLS, map[string]string{corev1.TLSCertKey: string(shown.PEM())}),
		names.NewCertSecret("shop"):            tlsSecret(t, v1alpha1.SecretNewCertKey, shown, waiting),
	}
	secrets["shop.newcert"].OwnerReferences = []metav1.OwnerReference{{UID: "uid-of-shop"}}
	cases := map[string]struct {
		reason string
		body   wire.DomainBody
		// upload says that the certificate becomes the domain's own, and field is what a 400 names; else nothing changes.
		upload bool
		field  string
	}{
		"Earlier": {body: wire.DomainBody{Certificate: authority.issue(t, host, key())}},
		"Expired": {
			reason: "Nobody is to serve it.",
			body:   wire.DomainBody{Certificate: authority.issue(t, host, key(), expired)},
		},
		"OtherHost":   {body: wire.DomainBody{Certificate: authority.issue(t, "www.example.com", key())}, field: "ssl_certificate"},
		"OtherIssuer": {body: wire.DomainBody{Certificate: newAuthority(t, "other").issue(t, host, key())}, field: "ssl_certificate_key"},
		"Waiting": {
			reason: "Whoever asked for a certificate may get one of the platform's authority.",
			body:   wire.DomainBody{Certificate: authority.issue(t, host, waiting)}, upload: true,
		},
		"WithKey": {body: wire.DomainBody{Certificate: authority.issue(t, host, sent), Key: sent}, upload: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			observed := Observed{App: app("shop", v1alpha1.AppSpec{}), Secrets: secrets}
			observed.App.UID = "uid-of-shop"
			plan, err := ChangeDomain(platform, observed, tc.body, fresh)
			if tc.field != "" {
				if e, ok := errors.AsType[*apierr.Error](err); !ok || e.Fields[tc.field] == nil {
					t.Errorf("\n%s\nChangeDomain(...): got %v, want a 400 that names %s", tc.reason, err, tc.field)
				}
				return
			}
			if err != nil || plan.Empty() == tc.upload || len(plan.Secrets) > 0 != tc.upload {
				t.Errorf("\n%s\nChangeDomain(...): an upload: %t, want %t; %v", tc.reason, !plan.Empty(), tc.upload, err)
			}
		})
	}
}

// TestCertificateWithOtherNames says that a certificate is refused which names hosts of the platform's, and that others are the operator's to judge.
func TestCertificateWithOtherNames(t *testing.T) {
	const host = "shop.apps.example.com"
	cases := map[string]struct {
		names []string
		field string
	}{
		"Own":          {names: []string{"www.example.net", "*.example.net"}},
		"DefaultHosts": {names: []string{"*.apps.example.com"}, field: "ssl_certificate"},
		"DefaultHost":  {names: []string{"other.APPS.example.com."}, field: "ssl_certificate"},
		"Cluster":      {names: []string{"kubernetes.default.svc"}, field: "ssl_certificate"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			key := mustKey(t)
			chain := authority{key: key}.issue(t, host, key, func(c *x509.Certificate) { c.DNSNames = append(c.DNSNames, tc.names...) })
			_, err := ChangeDomain(platform, Observed{App: app("shop", v1alpha1.AppSpec{})}, wire.DomainBody{Certificate: chain, Key: key}, fresh)
			e, refused := errors.AsType[*apierr.Error](err)
			if refused != (tc.field != "") || refused && e.Fields[tc.field] == nil {
				t.Errorf("ChangeDomain(...): got %v, want a 400 that names %q", err, tc.field)
			}
		})
	}
}

// TestCreateDomainByKey says that the key which waits for the certificate of an App's only host is for no other.
func TestCreateDomainByKey(t *testing.T) {
	chain, key := issue(t, "www.example.com")
	spare := tlsSecret(t, v1alpha1.SecretNewCertKey, chain, key)
	for name, tc := range map[string]struct {
		domain string
		owner  types.UID
		want   bool
	}{
		"First":      {domain: "shop", owner: "uid-of-shop", want: true},
		"Second":     {domain: "www.example.com", owner: "uid-of-shop"},
		"OfEarliers": {domain: "shop", owner: "uid-of-an-earlier-shop"},
	} {
		t.Run(name, func(t *testing.T) {
			spare.OwnerReferences = []metav1.OwnerReference{{UID: tc.owner}}
			observed := Observed{App: app("shop", v1alpha1.AppSpec{}), Secrets: map[string]*corev1.Secret{"shop.newcert": spare}}
			observed.App.UID = "uid-of-shop"
			body := wire.DomainBody{Domain: new("www.example.com"), Certificate: chain}
			plan, err := CreateDomain(platform, observed, tc.domain, body, fresh)
			if taken := err == nil && plan.Spent == spare && *plan.Domain.Name == tc.domain; taken != tc.want {
				t.Errorf("CreateDomain(...): the key is taken: %t, want %t; %v", taken, tc.want, err)
			}
		})
	}
}
