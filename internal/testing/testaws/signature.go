package testaws

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// maxSkew is how far the time of a signature may be from the server's.
const maxSkew = 5 * time.Minute

// authorization is the header of a request that is signed by version 4: key, date, region, service, signed headers, signature.
var authorization = regexp.MustCompile(
	`^AWS4-HMAC-SHA256 Credential=([^/]+)/([0-9]{8})/([^/]+)/([^/]+)/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$`)

// signed is who has signed a request, and for what.
type signed struct {
	region, service string
	// session is empty if it was the platform itself.
	session session
}

// verify computes the signature of a request anew.
func (s *Server) verify(r *http.Request, body []byte) (signed, *answer) {
	m := authorization.FindStringSubmatch(r.Header.Get("Authorization"))
	if m == nil {
		return signed{}, new(refuse(http.StatusForbidden, "MissingAuthenticationToken", "The request is not signed."))
	}
	key, region, service, headers, signature := m[1], m[3], m[4], m[5], m[6]
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil || at.Format("20060102") != m[2] || at.Sub(s.now()).Abs() > maxSkew {
		return signed{}, new(refuse(http.StatusForbidden, "SignatureDoesNotMatch", "The signature is not of now."))
	}
	credentials, by, problem := s.signer(r, key)
	if problem != nil {
		return signed{}, problem
	}
	want := sign(r, body, credentials, headers, region, service, at)
	if subtle.ConstantTimeCompare([]byte(want), []byte(signature)) != 1 {
		return signed{}, new(refuse(http.StatusForbidden, "SignatureDoesNotMatch", "The signature does not match."))
	}
	return signed{region: region, service: service, session: by}, nil
}

// signer returns the credentials that belong to a key, and the session that has them.
func (s *Server) signer(r *http.Request, key string) (aws.Credentials, session, *answer) {
	if key == AccessKeyID {
		return aws.Credentials{AccessKeyID: key, SecretAccessKey: SecretAccessKey}, session{}, nil
	}
	s.mu.Lock()
	by, ok := s.sessions[key]
	s.mu.Unlock()
	switch {
	case !ok || r.Header.Get("X-Amz-Security-Token") != by.token:
		return aws.Credentials{}, session{}, new(refuse(http.StatusForbidden, "UnrecognizedClientException", "The security token is invalid."))
	case !s.now().Before(by.ends):
		return aws.Credentials{}, session{}, new(refuse(http.StatusForbidden, "ExpiredTokenException", "The security token has expired."))
	}
	return aws.Credentials{AccessKeyID: key, SecretAccessKey: by.secret, SessionToken: by.token}, by, nil
}

// sign returns the signature that a request must have. Only the headers that were signed are taken along.
func sign(r *http.Request, body []byte, credentials aws.Credentials, headers, region, service string, at time.Time) string {
	again := &http.Request{Method: r.Method, URL: r.URL, Host: r.Host, Header: http.Header{}}
	for name := range strings.SplitSeq(headers, ";") {
		switch name {
		case "host":
		case "content-length":
			again.ContentLength = r.ContentLength
		default:
			again.Header[http.CanonicalHeaderKey(name)] = r.Header.Values(name)
		}
	}
	hash := sha256.Sum256(body)
	err := v4.NewSigner().SignHTTP(context.WithoutCancel(r.Context()), credentials, again, hex.EncodeToString(hash[:]), service, region, at)
	if err != nil {
		return ""
	}
	return authorization.FindStringSubmatch(again.Header.Get("Authorization"))[6]
}
