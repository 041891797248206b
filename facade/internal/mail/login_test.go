package mail

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestLogin says by which mechanisms a login is tried, and that one that fails isn't the last.
func TestLogin(t *testing.T) {
	t.Parallel()
	offer := func(lines string, accepts ...string) dialogue {
		return dialogue{auth: strings.Split(lines, "\n"), accepts: accepts}
	}
	closing := func(d dialogue) dialogue {
		d.closes = true
		return d
	}
	answering := func(d dialogue, reply string) dialogue {
		d.authReply = reply
		return d
	}
	cases := map[string]struct {
		reason   string
		dialogue dialogue
		want     []string
	}{
		"PLAIN":         {dialogue: offer("AUTH PLAIN", "PLAIN"), want: []string{"PLAIN"}},
		"LOGIN":         {dialogue: offer("AUTH LOGIN", "LOGIN"), want: []string{"LOGIN"}},
		"CRAM-MD5":      {dialogue: offer("AUTH CRAM-MD5", "CRAM-MD5"), want: []string{"CRAM-MD5"}},
		"SCRAM-SHA-256": {dialogue: offer("AUTH PLAIN LOGIN SCRAM-SHA-256", "SCRAM-SHA-256"), want: []string{"SCRAM-SHA-256"}},
		"EqualsSign":    {dialogue: offer("AUTH=LOGIN", "LOGIN"), want: []string{"LOGIN"}},
		"EqualsSigns":   {dialogue: offer("AUTH=LOGIN PLAIN", "PLAIN"), want: []string{"PLAIN"}},
		"BothForms":     {dialogue: offer("AUTH LOGIN\nAUTH=LOGIN", "LOGIN"), want: []string{"LOGIN"}},
		"BesideUnknown": {dialogue: offer("AUTH XOAUTH2 GSSAPI LOGIN", "LOGIN"), want: []string{"LOGIN"}},
		"NextOfTwo":     {dialogue: offer("AUTH PLAIN LOGIN", "LOGIN"), want: []string{"PLAIN", "LOGIN"}},
		"AfterSCRAM":    {dialogue: offer("AUTH SCRAM-SHA-256 PLAIN LOGIN", "PLAIN"), want: []string{"SCRAM-SHA-256", "PLAIN"}},
		"Third":         {dialogue: offer("AUTH SCRAM-SHA-256 PLAIN LOGIN", "LOGIN"), want: []string{"SCRAM-SHA-256", "PLAIN", "LOGIN"}},
		"Last": {
			dialogue: offer("AUTH CRAM-MD5 LOGIN PLAIN SCRAM-SHA-256", "CRAM-MD5"), want: []string{"SCRAM-SHA-256", "PLAIN", "LOGIN", "CRAM-MD5"},
		},
		"UnknownTheNext": {dialogue: answering(offer("AUTH SCRAM-SHA-1 LOGIN", "LOGIN"), "504 5.5.4 Unrecognized"), want: []string{"SCRAM-SHA-1", "LOGIN"}},
		"Transition": {
			reason:   "The server asks for another mechanism.",
			dialogue: answering(offer("AUTH SCRAM-SHA-256 PLAIN", "PLAIN"), "432 4.7.12 A password transition is needed"), want: []string{"SCRAM-SHA-256", "PLAIN"},
		},
		"ClosesAfterFailure": {dialogue: closing(offer("AUTH PLAIN LOGIN", "LOGIN")), want: []string{"PLAIN", "LOGIN"}},
		"ClosesWithNotice": {
			dialogue: closing(answering(offer("AUTH PLAIN LOGIN", "LOGIN"), "535 5.7.8 Failed\r\n421 4.7.0 Closing")), want: []string{"PLAIN", "LOGIN"},
		},
	}
	for name, tc := range cases {
		for way, implicit := range map[string]bool{"STARTTLS": false, "TLS": true} {
			t.Run(name+"/"+way, func(t *testing.T) {
				t.Parallel()
				c := dialogueCase{reason: tc.reason, server: serverOptions{implicitTLS: implicit, dialogue: tc.dialogue}, sender: hasty}
				s := c.run(t)
				if diff := cmp.Diff(tc.want, s.logins); diff != "" {
					t.Errorf("mechanisms: -want, +got:\n%s", diff)
				}
			})
		}
	}
}

// TestLoginFails says that all that was tried is named, that no account is locked by it, and that what may pass is told from a wrong password.
func TestLoginFails(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		dialogue dialogue
		fields   []string
		words    string
		want     []string
	}{
		"One": {
			dialogue: dialogue{auth: []string{"AUTH PLAIN"}}, words: "refused the login by PLAIN: 535 5.7.8 Authentication failed", want: []string{"PLAIN"},
		},
		"SameAnswer": {
			dialogue: dialogue{auth: []string{"AUTH PLAIN LOGIN SCRAM-SHA-256"}},
			words:    "refused the login by SCRAM-SHA-256, PLAIN, LOGIN: 535 5.7.8 Authentication failed", want: []string{"SCRAM-SHA-256", "PLAIN", "LOGIN"},
		},
		"OtherAnswer": {
			dialogue: dialogue{auth: []string{"AUTH PLAIN LOGIN"}, replies: map[string]string{"AUTH PLAIN": "504 5.5.4 Unrecognized"}},
			words:    "refused the login by PLAIN: 504 5.5.4 Unrecognized; by LOGIN: 535 5.7.8 Authentication failed", want: []string{"LOGIN"},
		},
		"NotMoreThanFour": {
			dialogue: dialogue{auth: []string{"AUTH PLAIN LOGIN SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5"}},
			words:    "535", want: []string{"SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", "LOGIN"},
		},
		"Temporary": {
			dialogue: dialogue{auth: []string{"AUTH PLAIN LOGIN"}, authReply: "454 4.7.0 Temporary authentication failure"},
			words:    "cannot check the password at the moment: 454 4.7.0", want: []string{"PLAIN"},
		},
		"Unavailable": {
			dialogue: dialogue{auth: []string{"AUTH PLAIN LOGIN"}, authReply: "421 4.3.2 Shutting down", closes: true},
			words:    "not available at the moment: 421", want: []string{"PLAIN"},
		},
		"ClosesSilently": {
			dialogue: dialogue{auth: []string{"AUTH PLAIN LOGIN"}, silently: true},
			words:    "refused the login by PLAIN, LOGIN: it closed the connection", want: []string{"PLAIN", "LOGIN"},
		},
		"TooMuchWork": {
			dialogue: dialogue{auth: []string{"AUTH SCRAM-SHA-256 LOGIN"}, iterations: 2_000_000_000, accepts: []string{"SCRAM-SHA-256"}},
			words:    "SCRAM-SHA-256: it asks for something else than the mechanism has; by LOGIN: 535", want: []string{"SCRAM-SHA-256", "LOGIN"},
		},
		"OnlyTokens": {dialogue: dialogue{auth: []string{"AUTH XOAUTH2"}}, fields: []string{"email_host"}, words: "only the login by XOAUTH2;"},
		"OnlyOthers": {dialogue: dialogue{auth: []string{"AUTH GSSAPI NTLM"}}, fields: []string{"email_host"}, words: "only the login by GSSAPI, NTLM;"},
		"Echo": {
			dialogue: dialogue{auth: []string{"AUTH PLAIN"}, authReply: "535 AUTH PLAIN AGFubgBjb3JyZWN0IGhvcnNl: ann/" + password + "?"},
			words:    "535 AUTH PLAIN …: ann/…?", want: []string{"PLAIN"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, serverOptions{strict: true, dialogue: tc.dialogue})
			err := newSender(t, s, loopback).Test(t.Context(), "cowork", to, settings(s), domain)
			want400(t, err, tc.fields, tc.words)
			if diff := cmp.Diff(tc.want, s.logins); diff != "" {
				t.Errorf("mechanisms: -want, +got:\n%s", diff)
			}
		})
	}
}

// TestReplies says what is made of what servers say at each step.
func TestReplies(t *testing.T) {
	t.Parallel()
	at := func(command, reply string) dialogue { return dialogue{replies: map[string]string{command: reply}} }
	cases := map[string]struct {
		dialogue dialogue
		fields   []string
		words    string
	}{
		"GreetsWith554":  {dialogue: dialogue{greeting: "554 5.7.1 No service for you"}, words: "takes no mail from here: 554 5.7.1 No service for you"},
		"GreetsWith421":  {dialogue: dialogue{greeting: "421 4.3.2 Too busy"}, words: "not available at the moment: 421 4.3.2 Too busy. Try again later."},
		"NoSMTP":         {dialogue: dialogue{greeting: "HTTP/1.1 400 Bad Request"}, fields: []string{"email_host"}, words: "not possible to speak SMTP"},
		"Hello":          {dialogue: dialogue{replies: map[string]string{"EHLO": "550 5.7.1 Bad name", "HELO": "550 5.7.1 Bad name"}}, words: "550 5.7.1 Bad name"},
		"Greylisting":    {dialogue: at("RCPT", "451 4.7.1 Greylisted, come back"), words: "for now: 451 4.7.1 Greylisted, come back. Try again in some minutes"},
		"MailboxBusy":    {dialogue: at("MAIL", "450 4.2.1 Later"), words: "for now: 450 4.2.1 Later."},
		"Sender":         {dialogue: at("MAIL", "553 5.7.1 Not your address"), words: "refused the message: 553 5.7.1 Not your address"},
		"NoData":         {dialogue: at("DATA", "554 5.5.1 No valid recipients"), words: "refused the message: 554"},
		"Leaves":         {dialogue: at("RCPT", "421 4.4.2 Timeout"), words: "not available at the moment: 421 4.4.2 Timeout"},
		"EnhancedLines":  {dialogue: at("RCPT", "550-5.1.1 Nobody\r\n550-5.1.1 lives\r\n550 5.1.1 here"), words: "550 5.1.1 Nobody lives here"},
		"Long":           {dialogue: at("RCPT", "550 "+strings.Repeat("x", 5000)), words: strings.Repeat("x", maxWords) + "…"},
		"Controls":       {dialogue: at("RCPT", "550 a\tb\x1b[31mc\x00d\u202ee\u0085f"), words: "550 a b [31mc d e f"},
		"NotUTF8":        {dialogue: at("RCPT", "550 gr\xfc\xdfe"), words: "550 gr\ufffde"},
		"OtherCodes":     {dialogue: at("RCPT", "250-a\r\n550 b"), fields: []string{"email_host"}, words: "not possible to speak SMTP"},
		"CodeOutOfRange": {dialogue: at("RCPT", "999 b"), fields: []string{"email_host"}, words: "not possible to speak SMTP"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, serverOptions{strict: true, dialogue: tc.dialogue})
			want400(t, newSender(t, s, loopback).Test(t.Context(), "cowork", to, settings(s), domain), tc.fields, tc.words)
			if len(s.messages()) > 0 {
				t.Error("a message arrived")
			}
		})
	}
}
