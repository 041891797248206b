package e2e

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"os"
	"testing"
	"time"
)

// browser is a client that trusts the authorities of these files alone, and shakes hands anew at each visit.
func browser(t *testing.T, authorities ...string) *http.Client {
	t.Helper()
	b, err := berth.HTTPClient(authorities...)
	if err != nil {
		t.Fatal(err)
	}
	transport, ok := b.Transport.(*http.Transport)
	if !ok {
		t.Fatalf("the transport is a %T", b.Transport)
	}
	transport.DisableKeepAlives = true
	return b
}

// roots are the certificates of a file.
func roots(t *testing.T, file string) *x509.CertPool {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		t.Fatalf("%s holds no certificate", file)
	}
	return pool
}

// handshake shakes hands with the ingress controller for a host, as one who trusts these authorities alone, and returns the host's
// certificate.
func handshake(ctx context.Context, host string, authorities *x509.CertPool) (*x509.Certificate, error) {
	plain, err := (&net.Dialer{}).DialContext(ctx, "tcp", berth.Env.HTTPSAddr)
	if err != nil {
		return nil, err
	}
	conn := tls.Client(plain, &tls.Config{RootCAs: authorities, ServerName: host, MinVersion: tls.VersionTLS12})
	defer func() { _ = conn.Close() }()
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	return conn.ConnectionState().PeerCertificates[0], nil
}

// mustServe returns the certificate that a host serves to whom trusts the authorities of a file alone.
func mustServe(t *testing.T, host, authority string) *x509.Certificate {
	t.Helper()
	leaf, err := handshake(t.Context(), host, roots(t, authority))
	if err != nil {
		t.Fatalf("%s: %v", host, err)
	}
	return leaf
}

// waitForCertificate waits until a host serves a certificate that is trusted for the sake of a file's authority and fulfils a condition,
// and returns it.
func waitForCertificate(t *testing.T, timeout time.Duration, host, authority, what string, is condition) *x509.Certificate {
	t.Helper()
	pool := roots(t, authority)
	var leaf *x509.Certificate
	eventually(t, timeout, host+" serves "+what, func() (bool, string) {
		var err error
		if leaf, err = handshake(t.Context(), host, pool); err != nil {
			return false, err.Error()
		}
		return is(leaf), "serial number " + leaf.SerialNumber.String() + ", until " + leaf.NotAfter.String()
	})
	return leaf
}

// condition is what is asked of a certificate.
type condition func(*x509.Certificate) bool

// anyCertificate is fulfilled by any.
func anyCertificate(*x509.Certificate) bool { return true }

// mustStay fails the test if a host serves another certificate than this one, at once or within the time in which the operator would have
// followed a change.
func mustStay(t *testing.T, host, authority string, leaf *x509.Certificate) {
	t.Helper()
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if now := mustServe(t, host, authority); !now.Equal(leaf) {
			t.Fatalf("%s serves the certificate %s, no longer %s", host, now.SerialNumber, leaf.SerialNumber)
		}
	}
}
