package e2e

import (
	"crypto"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	berthv1alpha1 "github.com/berth-dev/berth/api/v1alpha1"
)

// TestCustomCertificateOverREST leads a host from its default certificate to one of its own and back, with somebody visiting it all the
// while who trusts both authorities.
func TestCustomCertificateOverREST(t *testing.T) {
	t.Parallel()
	const org, slug, host = "custom-org", "custom-app", "www.custom-app.test"
	manager, own := organization(t, org), newAuthority(t, "A customer's choice")
	manager.deploy(t, slug, "Own")
	manager.callDomains(t, http.MethodPut, slug+"/", map[string]any{"domain": host}, http.StatusOK, nil)
	waitForPage(t, host, "Own from sample v1")
	visitor := visitWith(t, browser(t, berth.Env.CAIngress, own.file), host, 10*time.Millisecond)

	before := mustServe(t, host, berth.Env.CAIngress)
	var asked struct {
		CSR string `json:"csr"`
	}
	manager.callDomains(t, http.MethodPost, slug+"/newcert/", nil, http.StatusCreated, &asked)
	chain, public := own.answer(t, asked.CSR)
	mustStay(t, host, berth.Env.CAIngress, before) // Nothing is served that has no certificate yet.

	manager.upload(t, slug, chain, "")
	leaf := waitForCertificate(t, time.Minute, host, own.file, "what was uploaded", hasKey(public))
	manager.mustRefuseBadUploads(t, slug, host, own, public)
	mustStay(t, host, own.file, leaf)

	key := newKey(t)
	chain = own.issue(t, host, key.Public(), nil)
	manager.upload(t, slug, chain, keyPEM(t, key))
	waitForCertificate(t, time.Minute, host, own.file, "what was uploaded with a key", hasKey(key.Public()))

	manager.callDomains(t, http.MethodDelete, slug+"/certificates/", nil, http.StatusNoContent, nil)
	waitForCertificate(t, time.Minute, host, berth.Env.CAIngress, "the default certificate", anyCertificate)
	var got domain
	manager.callDomains(t, http.MethodGet, slug+"/", nil, http.StatusOK, &got)
	if got.CertType != "default" {
		t.Errorf("after the end of the custom certificate: %+v", got)
	}
	visitor.MustNotHaveNoticed(t)
}

// upload uploads a certificate, with its key unless that is empty.
func (c *restClient) upload(t *testing.T, slug, chain, key string) {
	t.Helper()
	body := map[string]any{"ssl_certificate": chain}
	if key != "" {
		body["ssl_certificate_key"] = key
	}
	var raw json.RawMessage
	c.callDomains(t, http.MethodPut, slug+"/", body, http.StatusOK, &raw)
	if strings.Contains(string(raw), "PRIVATE KEY") {
		t.Error("the answer has a private key in it")
	}
	var got domain
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	if got.CertType != "custom" || strings.TrimSpace(got.SSLCertificate) != strings.TrimSpace(chain) {
		t.Errorf("cert_type %q with ssl_certificate %q, want what was uploaded", got.CertType, got.SSLCertificate)
	}
}

// hasKey is fulfilled by a certificate for a public key.
func hasKey(public crypto.PublicKey) condition {
	return func(leaf *x509.Certificate) bool {
		key, ok := public.(interface{ Equal(crypto.PublicKey) bool })
		return ok && key.Equal(leaf.PublicKey)
	}
}

// mustRefuseBadUploads uploads certificates that are for the host, and for the key in use, but for one mistake each.
func (c *restClient) mustRefuseBadUploads(t *testing.T, slug, host string, own *authority, public crypto.PublicKey) {
	t.Helper()
	key := newKey(t)
	cases := map[string]struct {
		body  map[string]any
		field string
	}{
		"OtherKey": {
			body:  map[string]any{"ssl_certificate": own.issue(t, host, key.Public(), nil)},
			field: "ssl_certificate_key", // It could be sent as well.
		},
		"OtherKeyBesideIt": {
			body:  map[string]any{"ssl_certificate": own.issue(t, host, public, nil), "ssl_certificate_key": keyPEM(t, key)},
			field: "ssl_certificate_key",
		},
		"OtherName": {
			body:  map[string]any{"ssl_certificate": own.issue(t, "www.other.test", public, nil)},
			field: "ssl_certificate",
		},
		"Expired": {
			body: map[string]any{"ssl_certificate": own.issue(t, host, public, func(c *x509.Certificate) {
				c.NotAfter = time.Now().Add(-time.Minute)
			})},
			field: "ssl_certificate",
		},
		"NoPEM": {
			body:  map[string]any{"ssl_certificate": "a certificate"},
			field: "ssl_certificate",
		},
	}
	for name, tc := range cases {
		var got refusal
		c.callDomains(t, http.MethodPut, slug+"/", tc.body, http.StatusBadRequest, &got)
		if _, ok := got[tc.field]; !ok || got.detail() == "" {
			t.Errorf("%s: the answer is %v, want one that names %s", name, got, tc.field)
		}
	}
}

// TestCertificateFromASecret has a Secret made with kubectl served, and what was served go on when the Secret breaks.
func TestCertificateFromASecret(t *testing.T) {
	t.Parallel()
	const org, host = "secret-org", "www.secret-app.test"
	own, first, second := newAuthority(t, "Somebody's own"), newKey(t), newKey(t)
	organization(t, org).deploy(t, "secret-app", "Kept")
	createTLSSecret(t, org, own.issue(t, host, first.Public(), nil), keyPEM(t, first))
	applyDomain(t, org, "www", host, "secret-app", "tls: {secretRef: {name: own}}")
	waitForWords(t, org, "www", berthv1alpha1.ConditionReady, "False", berthv1alpha1.ReasonSecretNotFound)
	kubectl(t, "", "label", "secret", "own", "-n", org, berthv1alpha1.LabelSecret+"="+berthv1alpha1.SecretCertificate)
	waitForDomain(t, org, "www")
	leaf := waitForCertificate(t, time.Minute, host, own.file, "the Secret's certificate", anyCertificate)
	visitor := visitWith(t, browser(t, own.file), host, 10*time.Millisecond)

	replaceTLSSecret(t, org, own.issue(t, host, second.Public(), nil), keyPEM(t, first))
	waitForWords(t, org, "www", berthv1alpha1.ConditionCertificateReady, "False", berthv1alpha1.ReasonCertificateInvalid+": ")
	mustStay(t, host, own.file, leaf)

	replaceTLSSecret(t, org, own.issue(t, host, second.Public(), nil), keyPEM(t, second))
	waitForCertificate(t, time.Minute, host, own.file, "the repaired Secret's certificate", hasKey(second.Public()))
	waitForDomain(t, org, "www")
	visitor.MustNotHaveNoticed(t)
}

// createTLSSecret makes the Secret own as its owner would: kubectl sees to it that the key is the certificate's.
func createTLSSecret(t *testing.T, namespace, chain, key string) {
	t.Helper()
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	for file, text := range map[string]string{certFile: chain, keyFile: key} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	kubectl(t, "", "create", "secret", "tls", "own", "-n", namespace, "--cert="+certFile, "--key="+keyFile)
}

// replaceTLSSecret replaces the Secret own by whatever this is.
func replaceTLSSecret(t *testing.T, namespace, chain, key string) {
	t.Helper()
	kubectl(t, manifestOf(t, &corev1.Secret{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: metav1.ObjectMeta{
			Name: "own", Namespace: namespace, Labels: map[string]string{berthv1alpha1.LabelSecret: berthv1alpha1.SecretCertificate},
		},
		Type:       corev1.SecretTypeTLS,
		StringData: map[string]string{corev1.TLSCertKey: chain, corev1.TLSPrivateKeyKey: key},
	}), "replace", "-f", "-")
}
