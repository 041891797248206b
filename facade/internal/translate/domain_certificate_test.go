package translate

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"maps"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
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

// TestCertificateWithoutKey says which certificates are taken without their key: those for the key that waits or that is in use, whoever has issued
// them. What is shown already, sent back, changes nothing.
func TestCertificateWithoutKey(t *testing.T) {
	const host = "www.example.com"
	ca, namesake := newAuthority(t, "local-ca"), newAuthority(t, "local-ca")
	first, second, platforms, own := mustKey(t), mustKey(t), mustKey(t), mustKey(t)
	shown := ca.issue(t, host, platforms)
	cert1, cert2 := ca.issue(t, host, first), ca.issue(t, host, second)
	custom := ca.issue(t, host, own)
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	expired := func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = fresh.Now.Add(-2*time.Hour), fresh.Now.Add(-time.Hour)
	}
	upload, unknown, faulty := []string(nil), []string{"ssl_certificate_key"}, []string{"ssl_certificate"}
	cases := map[string]struct {
		reason string
		body   wire.DomainBody
		// custom is the certificate that is in use, waiting the key that waits; nil for the platform's, and for none.
		custom  certificate.Chain
		waiting crypto.Signer
		// onDefault is about the App's default host, which has no Domain.
		onDefault bool
		unchanged bool
		fields    []string
	}{
		"Shown":        {body: wire.DomainBody{Certificate: shown}, waiting: second, unchanged: true},
		"ShownAnew":    {reason: "The text differs, the certificate does not.", body: wire.DomainBody{Certificate: reread(t, shown)}, unchanged: true},
		"ShownCustom":  {body: wire.DomainBody{Certificate: custom}, custom: custom, unchanged: true},
		"EarlierCSR":   {body: wire.DomainBody{Certificate: cert1}, waiting: second, fields: unknown},
		"Namesake":     {body: wire.DomainBody{Certificate: namesake.issue(t, host, first)}, waiting: second, fields: unknown},
		"NamesakeWeak": {body: wire.DomainBody{Certificate: namesake.issue(t, host, weak, expired)}, waiting: second, fields: faulty},
		"Expired":      {body: wire.DomainBody{Certificate: ca.issue(t, host, first, expired)}, waiting: second, fields: faulty},
		"OtherHost":    {body: wire.DomainBody{Certificate: ca.issue(t, "www.example.net", first)}, waiting: second, fields: faulty},
		"WithMail": {
			reason: "Nothing else is taken from the body.",
			body:   wire.DomainBody{Certificate: cert1, FromEmail: new("ops@example.com")}, waiting: second, fields: unknown,
		},
		"Spent":       {reason: "The custom one was deleted, and its key with it.", body: wire.DomainBody{Certificate: cert2}, fields: unknown},
		"OnDefault":   {body: wire.DomainBody{Certificate: ca.issue(t, "shop.apps.example.com", first)}, onDefault: true, fields: unknown},
		"OtherCA":     {body: wire.DomainBody{Certificate: newAuthority(t, "Other CA").issue(t, host, first)}, waiting: second, fields: unknown},
		"LastCSR":     {body: wire.DomainBody{Certificate: cert2}, waiting: second, fields: upload},
		"AfterLatest": {body: wire.DomainBody{Certificate: cert1}, custom: cert2, fields: unknown},
		"WithKey":     {body: wire.DomainBody{Certificate: cert1, Key: first}, custom: cert2, fields: upload},
		"CurrentKey":  {reason: "It was renewed.", body: wire.DomainBody{Certificate: ca.issue(t, host, own)}, custom: custom, fields: upload},
		"WrongKey":    {body: wire.DomainBody{Certificate: cert1, Key: second}, waiting: second, fields: unknown},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			observed := Observed{App: app("shop", v1alpha1.AppSpec{}), Secrets: map[string]*corev1.Secret{}}
			observed.App.UID = "uid-of-shop"
			platforms := names.TLSSecret("shop", "uid-of-shop")
			if !tc.onDefault {
				observed.Domain = domain("shop", time.Hour, v1alpha1.DomainSpec{Host: host})
				platforms = names.DomainTLSSecret("shop", observed.Domain.UID)
			}
			observed.Secrets[platforms] = secret(v1alpha1.SecretTLS, map[string]string{corev1.TLSCertKey: string(shown.PEM())})
			if tc.custom != nil {
				key := own
				if tc.custom.Equal(cert2) {
					key = second
				}
				observed.Domain.Spec.TLS = &v1alpha1.DomainTLS{SecretRef: &v1alpha1.SecretRef{Name: "custom"}}
				observed.Secrets["custom"] = tlsSecret(t, v1alpha1.SecretCertificate, tc.custom, key)
			}
			if tc.waiting != nil {
				waiting := tlsSecret(t, v1alpha1.SecretNewCertKey, shown, tc.waiting)
				waiting.OwnerReferences = []metav1.OwnerReference{{UID: "uid-of-shop"}}
				observed.Secrets[names.NewCertSecret("shop")] = waiting
			}
			plan, err := ChangeDomain(platform, observed, tc.body, fresh)
			var fields []string
			if e, refused := errors.AsType[*apierr.Error](err); refused {
				fields = slices.Sorted(maps.Keys(e.Fields))
			} else if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.fields, fields); diff != "" {
				t.Errorf("\n%s\nChangeDomain(...): wrong fields (-want +got):\n%s", tc.reason, diff)
			}
			uploads := !tc.unchanged && len(tc.fields) == 0
			if plan.Empty() == uploads || len(plan.Secrets) > 0 != uploads {
				t.Errorf("\n%s\nChangeDomain(...): an upload: %t, want %t", tc.reason, !plan.Empty(), uploads)
			}
		})
	}
}

// reread returns a chain as it is read from another text.
func reread(t *testing.T, chain certificate.Chain) certificate.Chain {
	t.Helper()
	again, err := certificate.ParseChain(bytes.ReplaceAll(append([]byte("Certificate:\n"), chain.PEM()...), []byte("\n"), []byte("\r\n")))
	if err != nil {
		t.Fatal(err)
	}
	return again
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

// TestCreateDomainByKey says that the key which waits for the certificate of an App's only host may also be for a new one, and then waits on.
func TestCreateDomainByKey(t *testing.T) {
	chain, key := issue(t, "www.example.com")
	spare := tlsSecret(t, v1alpha1.SecretNewCertKey, chain, key)
	spare.Name = "shop.newcert"
	for name, tc := range map[string]struct {
		domain      string
		owner       types.UID
		want, spent bool
	}{
		"First":      {domain: "shop", owner: "uid-of-shop", want: true, spent: true},
		"Second":     {domain: "www.example.com", owner: "uid-of-shop", want: true},
		"OfEarliers": {domain: "shop", owner: "uid-of-an-earlier-shop"},
	} {
		t.Run(name, func(t *testing.T) {
			spare.OwnerReferences = []metav1.OwnerReference{{UID: tc.owner}}
			observed := Observed{App: app("shop", v1alpha1.AppSpec{}), Secrets: map[string]*corev1.Secret{"shop.newcert": spare}, Keys: []*corev1.Secret{spare}}
			observed.App.UID = "uid-of-shop"
			body := wire.DomainBody{Domain: new("www.example.com"), Certificate: chain}
			plan, err := CreateDomain(platform, observed, tc.domain, body, fresh)
			if taken := err == nil && len(plan.Secrets) == 1 && *plan.Domain.Name == tc.domain; taken != tc.want || (plan.Spent == spare) != tc.spent {
				t.Errorf("CreateDomain(...): the key is taken: %t, want %t; spent: %t, want %t; %v", taken, tc.want, plan.Spent != nil, tc.spent, err)
			}
		})
	}
}
