package test

import (
	"crypto/tls"
	"net/smtp"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// testMail sends a mail from outside of the node.
func testMail(t *testing.T, c *running) {
	t.Helper()
	c.mustDeliver(t, c.env["FORWARD_MAIL"])
}

// mustDeliver sends a mail by way of an address of the mail server, as the env file says, and finds it delivered.
func (c *running) mustDeliver(t *testing.T, address string) {
	t.Helper()
	password, err := os.ReadFile(c.env["SMTP_PASSWORD_FILE"])
	if err != nil {
		t.Fatal(err)
	}
	client, err := smtp.Dial(address)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	host := c.env["SMTP_HOST"]
	if err := client.StartTLS(&tls.Config{RootCAs: roots(t, c.env["SMTP_CA"]), ServerName: host}); err != nil {
		t.Fatal(err)
	}
	// The library sends no password to a server whose name it was not told, and the address may be a forwarded one.
	dialed, _, _ := strings.Cut(address, ":")
	if err := client.Auth(smtp.PlainAuth("", c.env["SMTP_USER"], string(password), dialed)); err != nil {
		t.Fatal(err)
	}
	if err := client.Mail("from@example.test"); err != nil {
		t.Fatal(err)
	}
	if err := client.Rcpt("to@refused.test"); err == nil || !strings.Contains(err.Error(), "Nobody at refused.test takes mail from here") {
		t.Errorf("a recipient at refused.test: error %v, want a refusal in words", err)
	}
	if err := client.Rcpt("to@example.test"); err != nil {
		t.Fatal(err)
	}
	body, err := client.Data()
	if err != nil {
		t.Fatal(err)
	}
	const message = "Subject: hello\r\n\r\nHello.\r\n"
	if _, err := body.Write([]byte(message)); err != nil {
		t.Fatal(err)
	}
	if err := body.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(c.env["MAIL_DIR"], "000001.eml"))
	if err != nil {
		t.Fatal(err)
	}
	if want := "X-Envelope-From: <from@example.test>\r\nX-Envelope-To: <to@example.test>\r\n" + message; string(got) != want {
		t.Errorf("what arrived is %q, want %q", got, want)
	}
}
