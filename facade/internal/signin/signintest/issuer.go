// Package signintest is an identity provider in the process of a test, for what a real one doesn't do: be wrong.
package signintest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"time"
)

// Issuer is an identity provider. Whoever comes to it with a code that Authorize has made gets a token with the claims of that code.
type Issuer struct {
	*httptest.Server
	// ClientID is who tokens are for.
	ClientID string
	// Down has every request fail.
	Down bool

	key *rsa.PrivateKey

	mu    sync.Mutex
	codes map[string]grant
}

// grant is what a code stands for.
type grant struct {
	challenge string
	token     string
}

// Claims are what a token says.
type Claims map[string]any

// New starts an Issuer. Close ends it.
func New(clientID string) (*Issuer, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	i := &Issuer{ClientID: clientID, key: key, codes: map[string]grant{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", i.discovery)
	mux.HandleFunc("GET /keys", i.keys)
	mux.HandleFunc("POST /token", i.token)
	i.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if i.Down {
			http.Error(w, "down", http.StatusBadGateway)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	return i, nil
}

// Authority is the certificate that the Issuer's is signed by, PEM.
func (i *Issuer) Authority() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.Certificate().Raw})
}

// Person are the claims of somebody who can sign in, with these groups.
func Person(address string, groups ...string) Claims {
	return Claims{"sub": address, "email": address, "email_verified": true, "name": "Ann", "groups": groups}
}

// Authorize does what the provider's own page does: for the address that a browser was sent to, it returns the query that the browser comes back
// with. What is missing in the claims for a token to be valid is added.
func (i *Issuer) Authorize(location string, claims Claims) (string, error) {
	u, err := url.Parse(location)
	if err != nil {
		return "", err
	}
	query := u.Query()
	full := Claims{
		"iss": i.URL, "aud": i.ClientID, "nonce": query.Get("nonce"),
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	}
	maps.Copy(full, claims)
	token, err := i.sign(full)
	if err != nil {
		return "", err
	}
	code := rand.Text()
	i.mu.Lock()
	defer i.mu.Unlock()
	i.codes[code] = grant{challenge: query.Get("code_challenge"), token: token}
	return url.Values{"code": {code}, "state": {query.Get("state")}}.Encode(), nil
}

// Forge has later tokens signed with another key than the one that the provider says is its own.
func (i *Issuer) Forge() (undo func(), err error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	own := i.key
	i.key = key
	return func() { i.key = own }, nil
}

// sign makes a token, RS256.
func (i *Issuer) sign(claims Claims) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	signed := encode([]byte(`{"alg":"RS256","kid":"1"}`)) + "." + encode(payload)
	hash := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, i.key, crypto.SHA256, hash[:])
	return signed + "." + encode(signature), err
}

func (i *Issuer) discovery(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{
		"issuer": i.URL, "authorization_endpoint": i.URL + "/auth", "token_endpoint": i.URL + "/token", "jwks_uri": i.URL + "/keys",
		"id_token_signing_alg_values_supported": []string{"RS256"},
	})
}

func (i *Issuer) keys(w http.ResponseWriter, _ *http.Request) {
	public := i.key.PublicKey
	answer(w, http.StatusOK, map[string]any{"keys": []map[string]string{{
		"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "1",
		"n": encode(public.N.Bytes()), "e": encode(big.NewInt(int64(public.E)).Bytes()),
	}}})
}

// token trades a code in, once, for whoever knows what its challenge was made of.
func (i *Issuer) token(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	granted, ok := i.codes[r.FormValue("code")]
	delete(i.codes, r.FormValue("code"))
	i.mu.Unlock()
	challenge := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	if !ok || encode(challenge[:]) != granted.challenge {
		answer(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant"})
		return
	}
	answer(w, http.StatusOK, map[string]any{"access_token": "unused", "token_type": "Bearer", "id_token": granted.token})
}

func answer(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		status = http.StatusInternalServerError
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text) // Whoever would read it is gone.
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
