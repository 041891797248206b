package facade

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// secretsOf are the Secrets of an organization that are there for a purpose, by name.
func secretsOf(t *testing.T, organization, purpose string) map[string]corev1.Secret {
	t.Helper()
	list := &corev1.SecretList{}
	if err := suite.cluster.List(t.Context(), list, client.InNamespace(organization), client.MatchingLabels{v1alpha1.LabelSecret: purpose}); err != nil {
		t.Fatal(err)
	}
	secrets := map[string]corev1.Secret{}
	for _, secret := range list.Items {
		secrets[secret.Name] = secret
	}
	return secrets
}

// TestUpload says what is kept of a certificate, however it is sent, and that it goes again.
func TestUpload(t *testing.T) {
	org, key, slug := newSite(t, "upload")
	path := domainPath(org, slug)
	sent := newAuthority(t).pair(t, slug+"."+baseDomain)
	form := url.Values{"ssl_certificate": {sent.chain}, "ssl_certificate_key": {sent.key}}
	var files bytes.Buffer
	parts := multipart.NewWriter(&files)
	for name, content := range map[string]string{"ssl_certificate": sent.chain, "ssl_certificate_key": sent.key} {
		part, err := parts.CreateFormFile(name, name+".pem")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := part.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := parts.Close(); err != nil {
		t.Fatal(err)
	}
	for name, upload := range map[string]func() answer{
		"JSON": func() answer { return call(t, key, http.MethodPut, path, sent.body()) },
		"Form": func() answer {
			return send(t, key, http.MethodPut, path, "application/x-www-form-urlencoded", []byte(form.Encode()))
		},
		"Files": func() answer { return send(t, key, http.MethodPut, path, parts.FormDataContentType(), files.Bytes()) },
		"FormThatIsNotEncoded": func() answer {
			body := "ssl_certificate=" + sent.chain + "&ssl_certificate_key=" + sent.key
			return send(t, key, http.MethodPut, path, "application/x-www-form-urlencoded", []byte(body))
		},
		"OneLine": func() answer {
			oneLine := strings.NewReplacer("\n", " ")
			return call(t, key, http.MethodPut, path, pair{chain: oneLine.Replace(sent.chain), key: oneLine.Replace(sent.key)}.body())
		},
		"Bundle": func() answer {
			return call(t, key, http.MethodPut, path, map[string]any{"ssl_certificate": "\ufeff" + sent.key + sent.chain})
		},
		"BundleAsKey": func() answer {
			return call(t, key, http.MethodPut, path, map[string]any{"ssl_certificate_key": sent.key + sent.chain})
		},
		"Swapped": func() answer {
			return call(t, key, http.MethodPut, path, pair{chain: sent.key, key: sent.chain}.body())
		},
		"Backward": func() answer {
			certificates := certificatesOf(sent.chain)
			return call(t, key, http.MethodPut, path, pair{chain: certificates[1] + certificates[0], key: sent.key}.body())
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := upload().want(t, http.StatusOK).json(t)
			if got["cert_type"] != "custom" || got["ssl_certificate"] != sent.chain {
				t.Errorf("got a certificate %v: %v", got["cert_type"], got["ssl_certificate"])
			}
			ref := domainOf(t, org, slug).Spec.TLS.SecretRef
			secret := secretsOf(t, org, v1alpha1.SecretCertificate)[ref.Name]
			want := map[string][]byte{corev1.TLSCertKey: []byte(sent.chain), corev1.TLSPrivateKeyKey: []byte(sent.key)}
			if diff := cmp.Diff(want, secret.Data); diff != "" {
				t.Error("the Secret doesn't hold what was sent")
			}
			if !*secret.Immutable || secret.Type != corev1.SecretTypeTLS || secret.Labels[v1alpha1.LabelApp] != slug || !strings.HasPrefix(ref.Name, slug+"-cert-") {
				t.Errorf("the Secret is not as it should be: %v, %s", secret.ObjectMeta, secret.Type)
			}
			if again := suite.requests.writes(org, func() { upload().want(t, http.StatusOK) }); len(again) > 0 {
				t.Errorf("the same pair again wrote %v", again)
			}
			for range 2 {
				call(t, key, http.MethodDelete, path+"certificates/", nil).want(t, http.StatusNoContent)
				got = call(t, key, http.MethodGet, path, nil).json(t)
				if got["cert_type"] != "default" || got["ssl_certificate"] != "" || domainOf(t, org, slug).Spec.TLS != nil {
					t.Errorf("after the deletion: %v", got)
				}
			}
		})
	}
	if writes := suite.requests.writes(org, func() { call(t, key, http.MethodDelete, path+"certificates/", nil).want(t, http.StatusNoContent) }); len(writes) > 0 {
		t.Errorf("the deletion of no certificate wrote %v", writes)
	}
}

// TestNewCert says that a key waits for its certificate without touching what is served, and that the certificate then needs no key to be sent.
func TestNewCert(t *testing.T) {
	org, key, slug := newSite(t, "newcert")
	path, authority := domainPath(org, slug), newAuthority(t)
	ask := func(query string) string {
		t.Helper()
		csr, ok := call(t, key, http.MethodPost, path+"newcert/"+query, nil).want(t, http.StatusCreated).json(t)["csr"].(string)
		if !ok {
			t.Fatal("there is no csr")
		}
		return csr
	}
	waiting := func() int { return len(secretsOf(t, org, v1alpha1.SecretNewCertKey)) }
	before := world(t, org)
	first, second := ask(""), ask("?algorithm=ecdsa")
	for csr, want := range map[string]x509.PublicKeyAlgorithm{first: x509.RSA, second: x509.ECDSA} {
		block, _ := pem.Decode([]byte(csr))
		request, err := x509.ParseCertificateRequest(block.Bytes)
		if err != nil || request.PublicKeyAlgorithm != want {
			t.Errorf("got a request by %s, want %s: %v", request.PublicKeyAlgorithm, want, err)
		}
	}
	after := world(t, org)
	if waiting() != 1 || len(after) != len(before)+1 {
		t.Fatalf("newcert wrote more than one key: -before, +after:\n%s", cmp.Diff(before, after))
	}
	for _, secret := range secretsOf(t, org, v1alpha1.SecretNewCertKey) {
		if owners := secret.OwnerReferences; len(owners) != 1 || owners[0].UID != appOf(t, org, slug).UID || owners[0].BlockOwnerDeletion != nil {
			t.Errorf("the key doesn't go with its App: %v", owners)
		}
	}

	refused := call(t, key, http.MethodPut, path, map[string]any{"ssl_certificate": authority.sign(t, first)}).want(t, http.StatusBadRequest).json(t)
	if refused["ssl_certificate_key"] == nil || waiting() != 1 {
		t.Errorf("a certificate for the key that was replaced: got %v", refused)
	}
	signed := authority.sign(t, second)
	got := call(t, key, http.MethodPut, path, map[string]any{"ssl_certificate": signed}).want(t, http.StatusOK).json(t)
	if got["ssl_certificate"] != signed || waiting() != 0 {
		t.Errorf("after the upload, %d keys wait, and it shows %v", waiting(), got)
	}

	// A renewal is for the key that is in use, while another one waits.
	block, _ := pem.Decode([]byte(signed))
	served, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	third := ask("")
	renewed := authority.chain(t, slug+"."+baseDomain, served.PublicKey)
	got = call(t, key, http.MethodPut, path, map[string]any{"ssl_certificate": renewed}).want(t, http.StatusOK).json(t)
	if got["ssl_certificate"] != renewed || waiting() != 1 {
		t.Errorf("after the renewal, %d keys wait, and it shows %v", waiting(), got)
	}
	signed = authority.sign(t, third)
	call(t, key, http.MethodPut, path, map[string]any{"ssl_certificate": signed, "ssl_certificate_key": ""}).want(t, http.StatusOK)
	ask("")

	call(t, key, http.MethodPost, path+"newcert/?algorithm=dsa", nil).want(t, http.StatusBadRequest)
	// What waited for an app that is gone doesn't wait for the next of its name: here, the cluster's collector doesn't run.
	call(t, key, http.MethodDelete, appPath(org, slug), nil).want(t, http.StatusNoContent)
	call(t, key, http.MethodPost, appsPath(org), map[string]any{"slug": slug, "location": "example.com/a"}).want(t, http.StatusCreated)
	call(t, key, http.MethodPut, path, map[string]any{"ssl_certificate": authority.sign(t, ask("?algorithm=ecdsa"))}).want(t, http.StatusOK)
}

// TestNewCertInTheWay says that a Secret of somebody else's is no place for a key.
func TestNewCertInTheWay(t *testing.T) {
	org, key, slug := newSite(t, "inway")
	mine := &corev1.Secret{Data: map[string][]byte{"mine": []byte("1")}}
	mine.Namespace, mine.Name = org, slug+".newcert"
	if err := suite.cluster.Create(t.Context(), mine); err != nil {
		t.Fatal(err)
	}
	before := world(t, org)
	got := call(t, key, http.MethodPost, domainPath(org, slug)+"newcert/", nil).want(t, http.StatusConflict).json(t)
	if diff := cmp.Diff(map[string]any{"detail": "There is a Secret " + mine.Name + " already, which is in the way."}, got); diff != "" {
		t.Errorf("-want, +got:\n%s", diff)
	}
	if diff := cmp.Diff(before, world(t, org)); diff != "" {
		t.Errorf("it wrote: -before, +after:\n%s", diff)
	}
}

// TestNewCertImmutable says that a key that somebody has made immutable is in the way of the next.
func TestNewCertImmutable(t *testing.T) {
	org, key, slug := newSite(t, "immutable")
	path := domainPath(org, slug) + "newcert/"
	call(t, key, http.MethodPost, path, nil).want(t, http.StatusCreated)
	waiting := secretsOf(t, org, v1alpha1.SecretNewCertKey)[slug+".newcert"]
	frozen := waiting.DeepCopy()
	frozen.Immutable = new(true)
	if err := suite.cluster.Patch(t.Context(), frozen, client.MergeFrom(&waiting)); err != nil {
		t.Fatal(err)
	}
	before := world(t, org)
	// Until the server knows, it says that somebody has changed the Secret.
	eventually(t, "the Secret is in the way", func() bool {
		got := call(t, key, http.MethodPost, path, nil).want(t, http.StatusConflict).json(t)
		return got["detail"] == "There is a Secret "+waiting.Name+" already, which is in the way."
	})
	if diff := cmp.Diff(before, world(t, org)); diff != "" {
		t.Errorf("it wrote: -before, +after:\n%s", diff)
	}
}

// TestHostWithoutCertificate says that a custom certificate is asked about before its host changes.
func TestHostWithoutCertificate(t *testing.T) {
	org, key, slug := newSite(t, "moves")
	host, authority := slug+".example.org", newAuthority(t)
	wildcard := authority.pair(t, "*.example.org")
	call(t, key, http.MethodPut, domainPath(org, slug), with(wildcard.body(), map[string]any{"domain": host})).want(t, http.StatusOK)
	call(t, key, http.MethodPut, domainPath(org, slug), map[string]any{"domain": "other-" + host}).want(t, http.StatusOK)

	elsewhere := slug + ".example.net"
	before := world(t, org)
	words := "The custom certificate does not cover " + elsewhere + ": send one that does in the same request, or delete it before."
	want := map[string]any{"detail": "domain: " + words, "domain": []any{words}}
	for path, body := range map[string]map[string]any{
		domainPath(org, slug):        {"domain": elsewhere, "ssl_certificate": wildcard.chain},
		appPath(org, slug):           {"domain": elsewhere, "location": "example.com/b"},
		domainPath(org, slug) + "?1": with(wildcard.body(), map[string]any{"domain": elsewhere}),
	} {
		if diff := cmp.Diff(want, call(t, key, http.MethodPut, path, body).want(t, http.StatusBadRequest).json(t)); diff != "" {
			t.Errorf("%s: -want, +got:\n%s", path, diff)
		}
	}
	if diff := cmp.Diff(before, world(t, org)); diff != "" {
		t.Errorf("it wrote: -before, +after:\n%s", diff)
	}
	fitting := authority.pair(t, elsewhere)
	got := call(t, key, http.MethodPut, domainPath(org, slug), with(fitting.body(), map[string]any{"domain": elsewhere})).want(t, http.StatusOK).json(t)
	if got["domain"] != elsewhere || got["ssl_certificate"] != fitting.chain {
		t.Errorf("host and certificate together: got %v", got)
	}
}
