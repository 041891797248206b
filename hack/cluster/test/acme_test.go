package test

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// testACME asks for certificates with both profiles of the ACME server. While their names cannot be resolved, they wait.
func testACME(t *testing.T, c *running) {
	t.Helper()
	c.t = t
	names := map[string]struct {
		issuer   string
		lifetime time.Duration
	}{
		"default.example.test": {`{"kind": "ClusterIssuer", "name": "` + c.env["CLUSTER_ACME_ISSUER"] + `"}`, 90 * 24 * time.Hour},
		"brief.example.test":   {`{"name": "brief"}`, 3 * time.Minute},
	}
	c.mustApply(c.briefIssuer())
	for name, n := range names {
		c.mustApply(fmt.Sprintf(`{"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": {"name": %[1]q},
			"spec": {"dnsNames": [%[1]q], "secretName": %[1]q, "issuerRef": %s}}`, name, n.issuer))
	}
	for name := range names {
		eventually(t, 30*time.Second, func() error { return c.solverAnswers(name) })
		eventually(t, 30*time.Second, func() error { return c.challengeWaits(name, "no such host") })
	}
	c.addHosts("10.200.0.1 default.example.test brief.example.test\n")
	for name, n := range names {
		c.kubectl("wait", "--for=condition=Ready", "--timeout=60s", "certificate/"+name)
		c.mustVerify(name, n.lifetime)
	}
}

// briefIssuer is an issuer like the cluster's, with the brief profile.
func (c *running) briefIssuer() string {
	c.t.Helper()
	var issuer struct {
		Spec struct {
			ACME map[string]any `json:"acme"`
		} `json:"spec"`
	}
	text := c.kubectl("get", "clusterissuer", c.env["CLUSTER_ACME_ISSUER"], "--output=json")
	if err := json.Unmarshal([]byte(text), &issuer); err != nil {
		c.t.Fatal(err)
	}
	issuer.Spec.ACME["profile"], issuer.Spec.ACME["privateKeySecretRef"] = "brief", map[string]string{"name": "brief"}
	brief, err := json.Marshal(map[string]any{
		"apiVersion": "cert-manager.io/v1", "kind": "Issuer", "metadata": map[string]string{"name": "brief"}, "spec": issuer.Spec,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return string(brief)
}

// challenge returns a field of the challenge for a name; empty if there is no challenge yet.
func (c *running) challenge(name, field string) string {
	c.t.Helper()
	return c.kubectl("get", "challenges", `--output=jsonpath={.items[?(@.spec.dnsName=="`+name+`")]`+field+"}")
}

// solverAnswers expects the answer to a challenge over plain HTTP, though HTTP leads to HTTPS elsewhere.
func (c *running) solverAnswers(name string) error {
	token := c.challenge(name, ".spec.token")
	if token == "" {
		return fmt.Errorf("no challenge for %s", name)
	}
	const folder = "/.well-known/acme-challenge/"
	status, location, answer, err := c.plain(name, folder+token)
	if err != nil {
		return err
	}
	if want := c.challenge(name, ".spec.key"); status != http.StatusOK || answer != want {
		return fmt.Errorf("the solver of %s: status %d with Location %q and %q; want %q", name, status, location, answer, want)
	}
	for _, path := range []string{"/", folder + "other"} {
		if status, location, _, err = c.plain(name, path); err != nil || location != "https://"+name+path {
			return fmt.Errorf("%s%s: status %d with Location %q, %w; want HTTPS", name, path, status, location, err)
		}
	}
	return nil
}

// plain gets a page of a host from the ingress controller over HTTP, and follows nowhere.
func (c *running) plain(host, path string) (status int, location, body string, err error) {
	request, err := http.NewRequest(http.MethodGet, "http://"+c.env["HTTP_ADDR"]+path, http.NoBody)
	if err != nil {
		return 0, "", "", err
	}
	request.Host = host
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		return 0, "", "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, response.Header.Get("Location"), string(text), err
}

func (c *running) challengeWaits(name, why string) error {
	if reason := c.challenge(name, ".status.reason"); !strings.Contains(reason, why) {
		return fmt.Errorf("the challenge of %s gives the reason %q, want one with %q", name, reason, why)
	}
	return nil
}

// addHosts adds lines to what the cluster's DNS knows.
func (c *running) addHosts(lines string) {
	c.t.Helper()
	f, err := os.OpenFile(c.env["CLUSTER_HOSTS"], os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		c.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(lines); err != nil {
		c.t.Fatal(err)
	}
}

// mustVerify expects that what a Secret holds is a certificate for the name of its own, trusted for the ACME server's sake.
func (c *running) mustVerify(name string, lifetime time.Duration) {
	c.t.Helper()
	text, err := base64.StdEncoding.DecodeString(c.kubectl("get", "secret", name, `--output=jsonpath={.data.tls\.crt}`))
	if err != nil {
		c.t.Fatal(err)
	}
	block, rest := pem.Decode(text)
	if block == nil {
		c.t.Fatalf("no certificate in the Secret %s", name)
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		c.t.Fatal(err)
	}
	chain := x509.NewCertPool()
	chain.AppendCertsFromPEM(rest)
	options := x509.VerifyOptions{DNSName: name, Roots: roots(c.t, c.env["CLUSTER_CA_ACME"]), Intermediates: chain}
	if _, err := leaf.Verify(options); err != nil {
		c.t.Errorf("certificate of %s: %v", name, err)
	}
	// The last second counts.
	if got := leaf.NotAfter.Sub(leaf.NotBefore) + time.Second; got != lifetime {
		c.t.Errorf("the certificate of %s holds for %s, want %s", name, got, lifetime)
	}
}
