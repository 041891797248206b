package pki

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func load(t *testing.T, dir, name string) *x509.Certificate {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key"))
	if err != nil {
		t.Fatal(err)
	}
	return pair.Leaf
}

func TestIssue(t *testing.T) {
	dir := t.TempDir()
	ca, err := OpenAuthority(dir, "ca")
	if err != nil {
		t.Fatal(err)
	}
	subject := Subject{User: "someone", Groups: []string{"some"}, Hosts: []string{"10.0.0.1", "some.host"}}
	if err := ca.Issue("leaf", subject); err != nil {
		t.Fatal(err)
	}
	leaf := load(t, dir, "leaf")
	roots := x509.NewCertPool()
	roots.AddCert(load(t, dir, "ca"))
	for _, host := range subject.Hosts {
		for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth} {
			if _, err := leaf.Verify(x509.VerifyOptions{DNSName: host, Roots: roots, KeyUsages: []x509.ExtKeyUsage{usage}}); err != nil {
				t.Errorf("verify for %s: %v", host, err)
			}
		}
	}
	if diff := cmp.Diff(subject.Groups, leaf.Subject.Organization); diff != "" {
		t.Errorf("groups: -want +got:\n%s", diff)
	}
	if leaf.Subject.CommonName != subject.User {
		t.Errorf("user: %q, want %q", leaf.Subject.CommonName, subject.User)
	}
}

func TestOpenAuthorityAgain(t *testing.T) {
	dir := t.TempDir()
	if _, err := OpenAuthority(dir, "ca"); err != nil {
		t.Fatal(err)
	}
	before := load(t, dir, "ca")
	ca, err := OpenAuthority(dir, "ca")
	if err != nil {
		t.Fatal(err)
	}
	if err := ca.Issue("leaf", Subject{User: "u"}); err != nil {
		t.Fatal(err)
	}
	if err := load(t, dir, "leaf").CheckSignatureFrom(before); err != nil {
		t.Errorf("an authority that is opened again does not sign as before: %v", err)
	}
}

func TestOpenAuthorityBroken(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"ca.crt", "ca.key"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("no PEM"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := OpenAuthority(dir, "ca"); err == nil {
		t.Error("no error for files that are no certificate; want one rather than a new authority")
	}
}

func TestKubeconfig(t *testing.T) {
	dir := t.TempDir()
	ca, err := OpenAuthority(dir, "ca")
	if err != nil {
		t.Fatal(err)
	}
	file, err := ca.Kubeconfig("admin", "https://127.0.0.1:6443", Subject{User: "admin"})
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %o, want 600: it holds a key", info.Mode().Perm())
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(filepath.Join(dir, "admin.key"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"server: https://127.0.0.1:6443\n", "client-key-data: " + base64.StdEncoding.EncodeToString(key) + "\n"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in the kubeconfig", want)
		}
	}
}

func TestNewKeyKeeps(t *testing.T) {
	dir := t.TempDir()
	var texts [2]string
	for i := range texts {
		if err := NewKey(dir, "sa"); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(dir, "sa.key"))
		if err != nil {
			t.Fatal(err)
		}
		texts[i] = string(text)
	}
	if texts[0] != texts[1] {
		t.Error("a key that is there was replaced")
	}
}
