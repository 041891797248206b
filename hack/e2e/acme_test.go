package e2e

import (
	"crypto/x509"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	berthv1alpha1 "github.com/berth-dev/berth/api/v1alpha1"
)

// TestRenewal sees a certificate of three minutes renewed, with somebody visiting the host all the while. It is the longest of the tests, and
// stands first because Go begins the first of the parallel ones first.
func TestRenewal(t *testing.T) {
	t.Parallel()
	const org, host = "renewal-org", "www.renewal-app.test"
	mustAddHost(t, host)
	organization(t, org, "--allow-issuer", "Issuer/brief").deploy(t, "renewal-app", "Renewed")
	briefIssuer(t, org)

	applyDomain(t, org, "www", host, "renewal-app", "tls: {issuerRef: {kind: Issuer, name: brief}}")
	waitForDomain(t, org, "www")
	before := waitForCertificate(t, time.Minute, host, berth.Env.CAACME, "its first certificate", anyCertificate)
	visitor := visitWith(t, browser(t, berth.Env.CAACME), host, 20*time.Millisecond)
	after := waitForCertificate(t, 4*time.Minute, host, berth.Env.CAACME, "another one", func(c *x509.Certificate) bool {
		return c.SerialNumber.Cmp(before.SerialNumber) != 0
	})
	visitor.MustNotHaveNoticed(t)
	t.Logf("renewed %s before the end", before.NotAfter.Sub(after.NotBefore))
	if cmp.Equal(before.PublicKey, after.PublicKey) {
		t.Error("the renewed certificate has the key of the one before")
	}
	eventually(t, 20*time.Second, "the status tells of the renewed certificate", func() (bool, string) {
		c := getDomain(t, org, "www").Status.Certificate
		if c == nil || c.NotAfter == nil {
			return false, "no end"
		}
		return c.NotAfter.Equal(new(metav1.NewTime(after.NotAfter))), c.NotAfter.String()
	})
}

func TestCertificateOverACME(t *testing.T) {
	t.Parallel()
	const org, host = "acme-org", "www.acme-app.test"
	organization(t, org).deploy(t, "acme-app", "Proven")

	applyDomain(t, org, "www", host, "acme-app", "tls: {issuerRef: {name: "+berth.Env.ACMEIssuer+"}}")
	// Nobody can prove a name that does not exist.
	waitForWords(t, org, "www", berthv1alpha1.ConditionCertificateReady, "False", "no such host")
	mustAddHost(t, host)
	d := waitForDomain(t, org, "www")

	browser := browser(t, berth.Env.CAACME)
	waitForPageWith(t, browser, host, "Proven from sample v1")
	leaf := mustServe(t, host, berth.Env.CAACME)
	want := &berthv1alpha1.DomainCertificate{
		Type: berthv1alpha1.CertificateDefault, Issuer: leaf.Issuer.String(), NotAfter: new(metav1.NewTime(leaf.NotAfter.Local())),
	}
	if diff := cmp.Diff(want, d.Status.Certificate); diff != "" {
		t.Errorf("the certificate of the status: -want, +got:\n%s", diff)
	}
}

func mustAddHost(t *testing.T, name string) {
	t.Helper()
	if err := berth.AddHost(name); err != nil {
		t.Fatal(err)
	}
}

// briefIssuer makes an issuer of an organization's own that is the cluster's but for its profile, whose certificates hold for two minutes.
func briefIssuer(t *testing.T, namespace string) {
	t.Helper()
	var issuer struct {
		Spec struct {
			ACME map[string]any `json:"acme"`
		} `json:"spec"`
	}
	text := kubectl(t, "", "get", "clusterissuer", berth.Env.ACMEIssuer, "-o", "json")
	if err := json.NewDecoder(strings.NewReader(text)).Decode(&issuer); err != nil {
		t.Fatal(err)
	}
	issuer.Spec.ACME["profile"], issuer.Spec.ACME["privateKeySecretRef"] = "brief", map[string]string{"name": "brief-account"}
	brief, err := json.Marshal(map[string]any{
		"apiVersion": "cert-manager.io/v1", "kind": "Issuer",
		"metadata": map[string]string{"name": "brief", "namespace": namespace}, "spec": issuer.Spec,
	})
	if err != nil {
		t.Fatal(err)
	}
	kubectl(t, string(brief), "apply", "-f", "-")
}
