package certificate

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// hasOpenSSL reports whether there is openssl, which writes what Go doesn't and judges chains by its own rules.
func hasOpenSSL() bool {
	_, err := exec.LookPath("openssl")
	return err == nil
}

// openSSL runs openssl in a folder and returns what it writes.
func openSSL(t *testing.T, dir string, args ...string) []byte {
	t.Helper()
	command := exec.CommandContext(t.Context(), "openssl", args...)
	command.Dir = dir
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		t.Fatalf("openssl %q: %v\n%s", args, err, stderr.Bytes())
	}
	return stdout.Bytes()
}

// verify fails the test unless a client that trusts some roots takes a chain for the host's.
func verify(t *testing.T, chain Chain, roots ...*x509.Certificate) {
	t.Helper()
	pool, middle := x509.NewCertPool(), x509.NewCertPool()
	for _, root := range roots {
		pool.AddCert(root)
	}
	for _, c := range chain[1:] {
		middle.AddCert(c)
	}
	options := x509.VerifyOptions{DNSName: host, Roots: pool, Intermediates: middle, CurrentTime: now}
	if _, err := chain.Leaf().Verify(options); err != nil {
		t.Errorf("Go's verifier: %v", err)
	}
	if !hasOpenSSL() {
		return
	}
	dir := t.TempDir()
	for name, certificates := range map[string]Chain{"leaf.pem": chain[:1], "chain.pem": chain, "roots.pem": roots} {
		if err := os.WriteFile(filepath.Join(dir, name), certificates.PEM(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	openSSL(t, dir, "verify", "-CAfile", "roots.pem", "-untrusted", "chain.pem", "-verify_hostname", host,
		"-attime", strconv.FormatInt(now.Unix(), 10), "leaf.pem")
}

// pemOf returns a block of PEM.
func pemOf(label string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der})
}

func pkcs8(t *testing.T, key crypto.Signer) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}
