package e2e

import (
	"crypto/x509"
	"strings"
	"testing"
	"time"
)

// TestCertificateIsUsedAgain deletes and makes again what has a certificate: the authority is asked once. That an administrator deletes the claim of a host
// that is served costs nothing either.
func TestCertificateIsUsedAgain(t *testing.T) {
	t.Parallel()
	const org, slug, host = "again-org", "again-app", "www.again-app.test"
	const acme = "again.acme-again-app.test"
	mustAddHost(t, acme)
	manager := organization(t, org)
	manager.deploy(t, slug, "Again")
	waitForPage(t, slug+".apps.test", "Again from sample v1")
	applyDomain(t, org, "www", host, slug, "")
	waitForDomain(t, org, "www")
	applyDomain(t, org, "acme", acme, slug, "tls: {issuerRef: {name: "+berth.Env.ACMEIssuer+"}}")
	waitForDomain(t, org, "acme")
	authorities := map[string]string{slug + ".apps.test": berth.Env.CAIngress, host: berth.Env.CAIngress, acme: berth.Env.CAACME}
	before := map[string]*x509.Certificate{}
	for name, authority := range authorities {
		before[name] = waitForCertificate(t, time.Minute, name, authority, "its first certificate", anyCertificate)
	}
	requested := requests(t, org)

	kubectl(t, "", "delete", "hostclaim", host)
	kubectl(t, "", "delete", "app", slug, "-n", org)
	kubectl(t, "", "delete", "domain", "acme", "-n", org, "--cascade=foreground")
	manager.deploy(t, slug, "Again")
	applyDomain(t, org, "other", acme, slug, "tls: {issuerRef: {name: "+berth.Env.ACMEIssuer+"}}")
	waitForDomain(t, org, "other")
	waitForDomain(t, org, "www")
	waitForPage(t, slug+".apps.test", "Again from sample v1")
	for name, authority := range authorities {
		waitForCertificate(t, time.Minute, name, authority, "the certificate that it had before", func(c *x509.Certificate) bool {
			return c.Equal(before[name])
		})
	}
	mustRequestNothing(t, org, requested)

	applyDomain(t, org, "other", acme, slug, "")
	waitForCertificate(t, time.Minute, acme, berth.Env.CAIngress, "another issuer's certificate", anyCertificate)
	waitForDomain(t, org, "other")
	requested = requests(t, org)
	applyDomain(t, org, "other", acme, slug, "tls: {issuerRef: {name: "+berth.Env.ACMEIssuer+"}}")
	waitForCertificate(t, time.Minute, acme, berth.Env.CAACME, "the first issuer's certificate", func(c *x509.Certificate) bool {
		return c.Equal(before[acme])
	})
	waitForDomain(t, org, "other")
	mustRequestNothing(t, org, requested)
}

// requests returns the UIDs of what cert-manager has requested in a Namespace and not deleted.
func requests(t *testing.T, namespace string) string {
	t.Helper()
	return kubectl(t, "", "get", "certificaterequests,orders", "-n", namespace, "-o", `jsonpath={range .items[*]}{.metadata.uid}{"\n"}{end}`)
}

// mustRequestNothing says that no certificate was requested since.
func mustRequestNothing(t *testing.T, namespace, before string) {
	t.Helper()
	for uid := range strings.FieldsSeq(requests(t, namespace)) {
		if !strings.Contains(before, uid) {
			t.Errorf("cert-manager has requested another certificate: %s", kubectl(t, "", "get", "certificaterequests,orders", "-n", namespace))
			return
		}
	}
}
