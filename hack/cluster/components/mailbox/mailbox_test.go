package main

import (
	"errors"
	"fmt"
	netsmtp "net/smtp"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

func TestMailsArriveAsTheyWereSent(t *testing.T) {
	m := start(t)
	const envelope = "X-Envelope-From: <a@example.test>\r\nX-Envelope-To: <b@example.test>\r\nX-Envelope-To: <c@example.test>\r\n"
	const message = "From: a@example.test\r\nSubject: dots\r\n\r\n.\r\n..two\r\nä, no line break at the end"
	const want = envelope + message + "\r\n"
	for i, address := range []string{m.submission, m.submissions} {
		m.send(t, address, message)
		file := fmt.Sprintf("%06d.eml", i+1)
		got, err := os.ReadFile(filepath.Join(m.dir, file))
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want {
			t.Errorf("%s is %q, want %q", file, got, want)
		}
	}
	entries, err := os.ReadDir(m.dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 2 {
		t.Errorf("the folder holds %v, want the two mails alone", entries)
	}
}

func TestRefusals(t *testing.T) {
	m := start(t)
	logIn := func(c *netsmtp.Client, password string) error {
		return c.Auth(netsmtp.PlainAuth("", testUser, password, "127.0.0.1"))
	}
	cases := map[string]struct {
		reason string
		do     func(c *netsmtp.Client) error
		code   int
		text   string
	}{
		"NoLogin": {
			reason: "It is no open relay.",
			do:     func(c *netsmtp.Client) error { return c.Mail("a@example.test") },
			code:   530, text: "Log in first",
		},
		"WrongPassword": {
			reason: "A wrong password lets nobody in, whatever the user.",
			do:     func(c *netsmtp.Client) error { return logIn(c, testPassword+"x") },
			code:   535, text: "Authentication failed",
		},
		"OtherIdentity": {
			reason: "Nobody acts for another.",
			do: func(c *netsmtp.Client) error {
				return c.Auth(netsmtp.PlainAuth("other", testUser, testPassword, "127.0.0.1"))
			},
			code: 535, text: "Authentication failed",
		},
		"Recipient": {
			reason: "Whoever sends mail wants to see how a refusal is told.",
			do: func(c *netsmtp.Client) error {
				return errors.Join(logIn(c, testPassword), c.Mail("a@example.test"), c.Rcpt("b@Refused.Test"))
			},
			code: 550, text: "Nobody at refused.test takes mail from here",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			err := tc.do(m.connect(t, m.submission))
			told, ok := errors.AsType[*textproto.Error](err)
			if !ok || told.Code != tc.code || !strings.Contains(told.Msg, tc.text) {
				t.Errorf("%s got %v, want %d %s", tc.reason, err, tc.code, tc.text)
			}
		})
	}
}

func TestNoLoginWithoutTLS(t *testing.T) {
	m := start(t)
	c, err := netsmtp.Dial(m.submission)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if ok, mechanisms := c.Extension("AUTH"); ok {
		t.Errorf("AUTH %s is offered in the clear", mechanisms)
	}
}

func TestLoginMechanism(t *testing.T) {
	m := start(t)
	for password, want := range map[string]bool{testPassword: true, "other": false, "": false} {
		c, err := smtp.DialTLS(m.submissions, m.trust)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Auth(sasl.NewLoginClient(testUser, password)); (err == nil) != want {
			t.Errorf("AUTH LOGIN with %q: error %v, want success: %t", password, err, want)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestLoginServerAsks says that a client need not begin with its name.
func TestLoginServerAsks(t *testing.T) {
	var got [2]string
	server := &loginServer{logIn: func(user, password string) error { got = [2]string{user, password}; return nil }}
	for _, step := range []struct {
		response  []byte
		challenge string
		done      bool
	}{{nil, "Username:", false}, {[]byte("u"), "Password:", false}, {[]byte("p"), "", true}} {
		challenge, done, err := server.Next(step.response)
		if err != nil || string(challenge) != step.challenge || done != step.done {
			t.Errorf("Next(%q) is %q, %t, %v; want %q, %t", step.response, challenge, done, err, step.challenge, step.done)
		}
	}
	if got != [2]string{"u", "p"} {
		t.Errorf("logged in with %q", got)
	}
	if _, _, err := server.Next([]byte("again")); err == nil {
		t.Error("no error for a response after the end")
	}
}

func TestNumbersGoOn(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"000007.eml", "000003.eml", "notes.txt", partial + "1"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f, err := openFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.put("", []string{"b@example.test"}, strings.NewReader("text")); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "000008.eml"))
	if err != nil {
		t.Fatal(err)
	}
	if want := "X-Envelope-From: <>\r\nX-Envelope-To: <b@example.test>\r\ntext"; string(got) != want {
		t.Errorf("the mail is %q, want %q", got, want)
	}
	if _, err := os.Stat(filepath.Join(dir, partial+"1")); !os.IsNotExist(err) {
		t.Errorf("a mail that never arrived is still there: %v", err)
	}
}

func TestMissingFlag(t *testing.T) {
	if _, err := parse([]string{"-submission", "127.0.0.1:0"}); err == nil || !strings.Contains(err.Error(), "-submissions is needed") {
		t.Errorf("parse: %v, want what is missing", err)
	}
}
