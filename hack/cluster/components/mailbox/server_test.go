package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	netsmtp "net/smtp"
	"os"
	"path/filepath"
	"testing"
	"time"
)

const (
	testUser     = "somebody"
	testPassword = "some pass word"
)

// mailServer is a running mailbox.
type mailServer struct {
	submission, submissions, dir string
	trust                        *tls.Config
}

// start runs the command until the test ends.
func start(t *testing.T) mailServer {
	t.Helper()
	dir := t.TempDir()
	m := mailServer{submission: freePort(t), submissions: freePort(t), dir: filepath.Join(dir, "mail")}
	cert, key, password := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"), filepath.Join(dir, "password")
	m.trust = writePair(t, cert, key)
	if err := os.WriteFile(password, []byte(testPassword+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, []string{
			"-submission", m.submission, "-submissions", m.submissions, "-cert", cert, "-key", key,
			"-user", testUser, "-password-file", password, "-refuse-domain", "refused.test", "-dir", m.dir,
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	for {
		// The one that is opened last.
		conn, err := tls.Dial("tcp", m.submissions, m.trust)
		if err == nil {
			_ = conn.Close()
			return m
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatal("the server ended early")
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// writePair writes a certificate for loopback, and returns what trusts it.
func writePair(t *testing.T, cert, key string) *tls.Config {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	certText := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for file, text := range map[string][]byte{cert: certText, key: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})} {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(certText)
	return &tls.Config{RootCAs: roots, ServerName: "127.0.0.1"}
}

// connect returns a client of the standard library, with TLS begun in the way that the address is for.
func (m mailServer) connect(t *testing.T, address string) *netsmtp.Client {
	t.Helper()
	var conn net.Conn
	var err error
	if address == m.submissions {
		conn, err = tls.Dial("tcp", address, m.trust)
	} else {
		conn, err = net.Dial("tcp", address)
	}
	if err != nil {
		t.Fatal(err)
	}
	c, err := netsmtp.NewClient(conn, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if address == m.submission {
		if err := c.StartTLS(m.trust); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func (m mailServer) send(t *testing.T, address, message string) {
	t.Helper()
	c := m.connect(t, address)
	if err := c.Auth(netsmtp.PlainAuth("", testUser, testPassword, "127.0.0.1")); err != nil {
		t.Fatal(err)
	}
	if err := c.Mail("a@example.test"); err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{"b@example.test", "c@example.test"} {
		if err := c.Rcpt(to); err != nil {
			t.Fatal(err)
		}
	}
	w, err := c.Data()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(message)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.Quit(); err != nil {
		t.Fatal(err)
	}
}
