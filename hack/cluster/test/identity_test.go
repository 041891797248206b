package test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
)

// redirect is where the identity provider sends browsers back to; nobody listens there.
const redirect = "https://127.0.0.1:1/signed-in"

// identityFlags make the identity provider know somebody.
var identityFlags = []string{"--oidc-redirect", redirect, "--oidc-person", "ann@example.test=berth:cowork:manager,staff"}

func testIdentity(t *testing.T, c *running) {
	t.Helper()
	c.mustSignIn(t)
	// Pods find it by the same URL.
	if out := c.kubectl("exec", "deployment/app", "--", "/app", "lookup", "dex.localhost"); strings.TrimSpace(out) != c.env["NODE_IP"] {
		t.Errorf("lookup of the identity provider: %q, want the node's address", out)
	}
}

// mustSignIn signs in as a browser does, and finds what the identity provider says of who did.
func (c *running) mustSignIn(t *testing.T) {
	t.Helper()
	browser := c.browser(t)
	const verifier = "a-verifier-that-is-long-enough-for-the-standard-to-take-it"
	challenge := sha256.Sum256([]byte(verifier))
	code := c.signIn(t, browser, url.Values{
		"client_id": {c.env["OIDC_CLIENT_ID"]}, "redirect_uri": {redirect}, "response_type": {"code"}, "state": {"some-state"},
		"scope": {"openid email groups"}, "code_challenge_method": {"S256"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])},
	})
	response, err := browser.PostForm(c.env["OIDC_ISSUER_URL"]+"/token", url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {redirect}, "code_verifier": {verifier},
		"client_id": {c.env["OIDC_CLIENT_ID"]}, "client_secret": {c.secret(t, "OIDC_CLIENT_SECRET_FILE")},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct {
		IDToken string `json:"id_token"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || strings.Count(answer.IDToken, ".") != 2 {
		t.Fatalf("the token's answer is %s: %v", response.Status, err)
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(answer.IDToken, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims struct {
		Issuer   string   `json:"iss"`
		Email    string   `json:"email"`
		Verified bool     `json:"email_verified"`
		Groups   []string `json:"groups"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	groups := strings.Join(claims.Groups, " ")
	if claims.Issuer != c.env["OIDC_ISSUER_URL"] || claims.Email != "ann@example.test" || !claims.Verified || groups != "berth:cowork:manager staff" {
		t.Errorf("the identity provider says %+v", claims)
	}
}

// signIn asks for an authorization, fills in the password and returns the code that the browser is sent back with.
func (c *running) signIn(t *testing.T, browser *http.Client, query url.Values) string {
	t.Helper()
	response, err := browser.Get(c.env["OIDC_ISSUER_URL"] + "/auth?" + query.Encode())
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	page, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	action := regexp.MustCompile(`<form[^>]* action="([^"]+)"`).FindSubmatch(page)
	if action == nil {
		t.Fatalf("%s: there is no form: %s", response.Status, page)
	}
	form, err := response.Request.URL.Parse(strings.ReplaceAll(string(action[1]), "&amp;", "&"))
	if err != nil {
		t.Fatal(err)
	}
	browser.CheckRedirect = func(request *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(request.URL.String(), redirect) {
			return http.ErrUseLastResponse
		}
		return nil
	}
	back, err := browser.PostForm(form.String(), url.Values{"login": {"ann@example.test"}, "password": {c.secret(t, "OIDC_PASSWORD_FILE")}})
	if err != nil {
		t.Fatal(err)
	}
	defer back.Body.Close()
	location, err := back.Location()
	if err != nil {
		t.Fatalf("%s: %v", back.Status, err)
	}
	if got := location.Query(); got.Get("state") != "some-state" || got.Get("code") == "" {
		t.Fatalf("sent back to %s", location)
	}
	return location.Query().Get("code")
}

// browser trusts the identity provider's certificate, and knows as browsers do that names below localhost are loopback.
func (c *running) browser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots(t, c.env["OIDC_CA"])}, DialContext: dial}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Jar: jar}
}

// secret reads a file that a variable of the env file names.
func (c *running) secret(t *testing.T, variable string) string {
	t.Helper()
	text, err := os.ReadFile(c.env[variable])
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
