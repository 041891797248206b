package e2e

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	berthv1alpha1 "github.com/berth-dev/berth/api/v1alpha1"
)

// S2: a custom certificate that names a host of others is not served, be it uploaded or in a Secret.
func TestHostileCertificates(t *testing.T) {
	t.Parallel()
	const org, slug = "cert-rival", "evil"
	victim, attacker := strangers(t, "cert-victim", ""), strangers(t, org, "")
	victim.deploy(t, "cert-victim-app", "Victim")
	attacker.deploy(t, slug, "Attacker")
	applyDomain(t, "cert-victim", "www", "www.certvictim.test", "cert-victim-app", "")
	waitForDomain(t, "cert-victim", "www")
	own, base := slug+"."+berth.Env.BaseDomain, "."+berth.Env.BaseDomain
	waitForPage(t, own, "Attacker")
	ca, key := newAuthority(t, "Rival"), newKey(t)
	naming := func(names ...string) string {
		return ca.issue(t, own, key.Public(), func(c *x509.Certificate) { c.DNSNames = append([]string{own}, names...) })
	}
	for _, name := range []string{"cert-victim-app" + base, "*" + base, "berth-facade.berth-system.svc", berth.Env.BaseDomain} {
		var got refusal
		body := map[string]any{"ssl_certificate": naming(name), "ssl_certificate_key": keyPEM(t, key)}
		attacker.callDomains(t, http.MethodPut, slug+"/", body, http.StatusBadRequest, &got)
		if _, ok := got["ssl_certificate"]; !ok || !strings.Contains(got.detail(), name) {
			t.Errorf("%s: the answer is %v, want one that names ssl_certificate and the name", name, got)
		}
	}
	applyDomain(t, org, "evil", own, slug, "tls: {secretRef: {name: own}}")
	for i, name := range []string{"www.certvictim.test", "*.certvictim.test", "cert-victim-app" + base, "*" + base} {
		chain := naming(name)
		if i == 0 {
			createTLSSecret(t, org, chain, keyPEM(t, key))
		}
		replaceTLSSecret(t, org, chain, keyPEM(t, key)) // Which also labels it.
		waitForWords(t, org, "evil", berthv1alpha1.ConditionCertificateReady, "False", berthv1alpha1.ReasonCertificateInvalid)
		waitForWords(t, org, "evil", berthv1alpha1.ConditionCertificateReady, "False", name)
		for _, host := range []string{"www.certvictim.test", "cert-victim-app" + base} {
			mustServe(t, host, berth.Env.CAIngress)
		}
		mustServe(t, own, berth.Env.CAIngress) // Which never served the attacker's.
	}
}

// S2: when a host changes hands, the certificate of an organization that names it is withdrawn, and the new owner is served its own.
func TestHostileCertificateIsWithdrawn(t *testing.T) {
	t.Parallel()
	const org, slug, host, wanted = "withdrawn-rival", "withdrawn-app", "shop.withdrawn.test", "pay.withdrawn.test"
	attacker, victim := strangers(t, org, ""), strangers(t, "withdrawn-victim", "")
	attacker.deploy(t, slug, "Attacker")
	victim.deploy(t, "withdrawn-victim-app", "Victim")
	ca, key := newAuthority(t, "Multi"), newKey(t)
	chain := ca.issue(t, host, key.Public(), func(c *x509.Certificate) { c.DNSNames = []string{host, wanted} })
	createTLSSecret(t, org, chain, keyPEM(t, key))
	replaceTLSSecret(t, org, chain, keyPEM(t, key)) // Which also labels it.
	applyDomain(t, org, "shop", host, slug, "tls: {secretRef: {name: own}}")
	waitForDomain(t, org, "shop")
	waitForCertificate(t, time.Minute, host, ca.file, "the custom certificate", hasKey(key.Public()))

	victim.callDomains(t, http.MethodPost, "", map[string]any{"slug": "withdrawn-victim-app", "domain": wanted}, http.StatusCreated, nil)
	waitForWords(t, org, "shop", berthv1alpha1.ConditionCertificateReady, "False", berthv1alpha1.ReasonCertificateInvalid)
	waitForPage(t, wanted, "Victim") // Over TLS that is verified by the platform's authority.
	waitForPage(t, host, "Attacker") // So is the attacker's own host.
	mustNeverShow(t, wanted, "Victim", func(n int) {
		kubectl(t, "", "annotate", "domain", "shop", "-n", org, fmt.Sprintf("n=%d", n), "--overwrite")
	})
}

// S2 with a wildcard certificate of the platform: an uploaded one for all default hosts reaches no visitor.
func TestHostileWildcardMode(t *testing.T) {
	const org, slug = "wild-rival", "wild-evil"
	// They have no quota, which a cluster that has just been started counts late.
	victim, attacker := strangers(t, "wild-victim", "  trusted: true"), strangers(t, org, "  trusted: true")
	victim.deploy(t, "wild-victim-app", "Victim")
	attacker.deploy(t, slug, "Attacker")
	setDefaultCertificate(t)
	setWildcard(t, "true")
	defer setWildcard(t, "false")
	base := "." + berth.Env.BaseDomain
	awaitNames(t, "wild-victim-app"+base, "*"+base)

	ca, key := newAuthority(t, "Wild"), newKey(t)
	chain := ca.issue(t, slug+base, key.Public(), func(c *x509.Certificate) { c.DNSNames = []string{"*" + base} })
	createTLSSecret(t, org, chain, keyPEM(t, key))
	replaceTLSSecret(t, org, chain, keyPEM(t, key)) // Which also labels it.
	applyDomain(t, org, slug, slug+base, slug, "tls: {secretRef: {name: own}}")
	waitForWords(t, org, slug, berthv1alpha1.ConditionCertificateReady, "False", berthv1alpha1.ReasonCertificateInvalid)
	mustNeverShow(t, "wild-victim-app"+base, "Victim", func(n int) {
		kubectl(t, "", "annotate", "app", slug, "-n", org, fmt.Sprintf("berth.dev/restartedAt=%d", n), "--overwrite")
	})
}

// S2: a Secret that a tenant creates under the name of one of Berth's is served for no host, and cannot be created under the current policies.
func TestHostilePlantedSecret(t *testing.T) {
	t.Parallel()
	const org, slug = "plant-rival", "plant-evil"
	victim := strangers(t, "plant-victim", "")
	strangers(t, org, "")
	victim.deploy(t, "plant-victim-app", "Victim")
	own, other := slug+"."+berth.Env.BaseDomain, "plant-victim-app."+berth.Env.BaseDomain
	waitForPage(t, other, "Victim")
	// A custom certificate that does not exist keeps the host without one.
	applyDomain(t, org, "evil", own, slug, "tls: {secretRef: {name: nothing-here}}")
	uid := kubectl(t, fmt.Sprintf(`{apiVersion: berth.dev/v1alpha1, kind: App, metadata: {name: %s, namespace: %s}, spec: {image: %q}}`,
		slug, org, push(t, "plant:v1")), append(asManager(org), "apply", "-f", "-", "-o", "jsonpath={.metadata.uid}")...)
	ca, key := newAuthority(t, "Planted"), newKey(t)
	chain := ca.issue(t, other, key.Public(), func(c *x509.Certificate) { c.DNSNames = []string{other} })
	for _, kind := range []string{"tls", "custom"} {
		secret := corev1.Secret{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
			ObjectMeta: metav1.ObjectMeta{
				Name: slug + "-" + kind + "-" + uid[:8], Namespace: org, Labels: map[string]string{berthv1alpha1.LabelSecret: berthv1alpha1.SecretCertificate},
			},
			Type: corev1.SecretTypeTLS, StringData: map[string]string{corev1.TLSCertKey: chain, corev1.TLSPrivateKeyKey: keyPEM(t, key)},
		}
		if out, err := tryKubectl(t, manifestOf(t, secret), append(asManager(org), "create", "-f", "-")...); err == nil ||
			!strings.Contains(out, "metadata.name must not end in") {
			t.Errorf("a manager creates Secret %s: %v: %s", secret.Name, err, out)
		}
		secret.OwnerReferences = []metav1.OwnerReference{
			{APIVersion: "berth.dev/v1alpha1", Kind: "App", Name: slug, UID: types.UID(uid), Controller: new(true)},
		}
		kubectl(t, manifestOf(t, secret), "create", "-f", "-") // As before there was the policy.
	}
	mustNeverShow(t, other, "Victim", func(n int) {
		kubectl(t, "", "annotate", "app", slug, "-n", org, fmt.Sprintf("berth.dev/restartedAt=%d", n), "--overwrite")
	})
	if named := kubectl(t, "", "get", "ingress", "-n", org, "-o", "jsonpath={.items[*].spec.tls[*].secretName}"); named != "" {
		t.Errorf("the route names Secret %s", named)
	}
}

func manifestOf(t *testing.T, o any) string {
	t.Helper()
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// S7: a Domain names no issuer that its Organization does not allow.
func TestHostileIssuer(t *testing.T) {
	t.Parallel()
	const org, slug, host = "issuer-rival", "issuer-app", "db.issuer.test"
	strangers(t, org, "").deploy(t, slug, "Attacker")
	kubectl(t, `
apiVersion: cert-manager.io/v1
kind: ClusterIssuer
metadata: {name: internal-ca}
spec: {selfSigned: {}}
`, "apply", "-f", "-")
	kubectl(t, domainManifest(org, "db", host, slug, "tls: {issuerRef: {name: internal-ca}}"), append(asManager(org), "apply", "-f", "-")...)
	waitForWords(t, org, "db", berthv1alpha1.ConditionCertificateReady, "False", berthv1alpha1.ReasonIssuerNotAllowed)
	if got := kubectl(t, "", "get", "certificate", "-n", org, "-o", "jsonpath={.items[*].spec.issuerRef.name}"); strings.Contains(got, "internal-ca") {
		t.Errorf("there are certificates of %s", got)
	}
	kubectl(t, "", "patch", "organization", org, "--type=merge", "-p", `{"spec":{"allowedIssuers":[{"name":"internal-ca"}]}}`)
	waitForDomain(t, org, "db")
}

// S11: an organization uses up its own budget of new certificates, by making hosts anew as well, and no other's.
func TestHostileCertificateBudget(t *testing.T) {
	t.Parallel()
	const org = "budget-rival"
	attacker, other := strangers(t, org, "  limits: {newCertificatesPerHour: 3}"), strangers(t, "budget-other", "")
	image := push(t, "budget:v1")
	certificates := func() []string {
		return strings.Fields(kubectl(t, "", "get", "certificaterequests", "-n", org, "-o", "jsonpath={.items[*].metadata.uid}"))
	}
	var seen []string
	// A host that the organization has had before is served by the certificate that was kept.
	slug := ""
	for i := range 6 {
		slug = fmt.Sprintf("budget-app-%d", i)
		attacker.call(t, http.MethodPost, "", map[string]any{"slug": slug, "location": image}, http.StatusCreated, nil)
		eventually(t, time.Minute, "the App has a certificate or waits for one", func() (bool, string) {
			words := kubectl(t, "", "get", "app", slug, "-n", org, "-o", "jsonpath={.status.conditions[?(@.type=='CertificateReady')]}")
			return strings.Contains(words, `"True"`) || strings.Contains(words, berthv1alpha1.ReasonThrottled), words
		})
		for _, uid := range certificates() {
			if !slices.Contains(seen, uid) {
				seen = append(seen, uid)
			}
		}
		if i < 5 {
			attacker.call(t, http.MethodDelete, slug+"/", nil, http.StatusNoContent, nil)
		}
	}
	if len(seen) == 0 || len(seen) > 3 {
		t.Errorf("%d certificates were requested, want 1 to 3", len(seen))
	}
	waitForApp(t, org, slug, berthv1alpha1.ReasonThrottled)
	other.deploy(t, "budget-other-app", "Other")
	waitForPage(t, "budget-other-app."+berth.Env.BaseDomain, "Other")
}
