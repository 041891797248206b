package sign_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/berth-dev/berth/hack/release/internal/sign"
	"github.com/berth-dev/berth/hack/release/internal/testsign"
)

// TestSign says that a signature holds for its content and its key alone, and is the same each time.
func TestSign(t *testing.T) {
	t.Parallel()
	private := testsign.Generate(t, elliptic.P256())
	key, err := sign.Load(testsign.WriteFile(t, testsign.PKCS8(t, private)))
	if err != nil {
		t.Fatal(err)
	}
	text, err := key.Sign([]byte("content"))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := key.Sign([]byte("content")); err != nil || again != text {
		t.Errorf("signed again, it is %s, error %v; want %s", again, err, text)
	}
	signature, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	holds := func(public *ecdsa.PublicKey, content string) bool {
		sum := sha256.Sum256([]byte(content))
		return ecdsa.VerifyASN1(public, sum[:], signature)
	}
	if !holds(&private.PublicKey, "content") || holds(&private.PublicKey, "contents") || holds(&testsign.Generate(t, elliptic.P256()).PublicKey, "content") {
		t.Error("the signature does not hold for its content, or holds for another one or of another key")
	}
}

// TestOpenSSL verifies as docs/guides/release.md says, with a key that openssl made.
func TestOpenSSL(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("this machine has no openssl")
	}
	dir := t.TempDir()
	shell := func(command string) ([]byte, error) {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", command)
		cmd.Dir = dir
		return cmd.CombinedOutput()
	}
	if out, err := shell("openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key && openssl pkey -in key -pubout -out pub"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	key, err := sign.Load(filepath.Join(dir, "key"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := key.Sign([]byte("content"))
	if err != nil {
		t.Fatal(err)
	}
	const verify = "base64 -d sig > raw && openssl dgst -sha256 -verify pub -signature raw checksums.txt"
	for content, holds := range map[string]bool{"content": true, "contents": false} {
		for name, text := range map[string]string{"sig": text + "\n", "checksums.txt": content} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if out, err := shell(verify); (err == nil) != holds {
			t.Errorf("openssl verifies %q: %v: %s", content, err, out)
		}
	}
}

func TestLoadErrors(t *testing.T) {
	t.Parallel()
	good := testsign.PKCS8(t, testsign.Generate(t, elliptic.P256()))
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string][]byte{
		"Empty":     nil,
		"Text":      []byte("secret-of-the-releaser"),
		"Curve":     testsign.PKCS8(t, testsign.Generate(t, elliptic.P384())),
		"RSA":       testsign.PKCS8(t, other),
		"Ed25519":   testsign.PKCS8(t, edwards),
		"Encrypted": pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED SIGSTORE PRIVATE KEY", Bytes: []byte("secret-of-the-releaser")}),
		"NoKey":     pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("secret-of-the-releaser")}),
		"Two":       append(good, good...),
	}
	for name, content := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := sign.Load(testsign.WriteFile(t, content))
			if err == nil || strings.Contains(err.Error(), "secret-of-the-releaser") {
				t.Errorf("got error %v, want one that does not have the content", err)
			}
		})
	}
	if _, err := sign.Load(filepath.Join(t.TempDir(), "missing")); err == nil {
		t.Error("a file that is not there: no error")
	}
}
