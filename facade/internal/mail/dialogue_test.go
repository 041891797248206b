package mail

import (
	"net/mail"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// at465 makes a sender take the port of a server for one of TLS.
func at465(s *Sender, server *server) { s.tlsPorts = []int{server.port} }

// hasty makes a sender take a silent server for one that waits for TLS at once.
func hasty(s *Sender, _ *server) { s.patience = 50 * time.Millisecond }

// dialogueCase is a dialogue with a strict server that ends with the message there.
type dialogueCase struct {
	reason string
	server serverOptions
	sender func(*Sender, *server)
	change func(*Settings)
	to     string
	// from and wantTo are the addresses of the envelope, and parameters those of MAIL.
	from, wantTo, parameters string
}

func (tc *dialogueCase) run(t *testing.T) *server {
	t.Helper()
	tc.server.strict = true
	s := startServer(t, tc.server)
	sender := newSender(t, s, loopback)
	if tc.sender != nil {
		tc.sender(sender, s)
	}
	all := settings(s)
	if tc.change != nil {
		tc.change(&all)
	}
	if tc.to == "" {
		tc.to = to
	}
	if err := sender.Test(t.Context(), "cowork", tc.to, all, domain); err != nil {
		t.Fatalf("%s: %v", tc.reason, err)
	}
	if len(s.messages()) != 1 {
		t.Fatalf("%s: %d messages arrived, want 1", tc.reason, len(s.messages()))
	}
	return s
}

// TestEnvelope says how addresses are written between angle brackets and in the header.
func TestEnvelope(t *testing.T) {
	t.Parallel()
	utf8 := serverOptions{dialogue: dialogue{extensions: []string{"8BITMIME", "SMTPUTF8", "SIZE 1000000", "PIPELINING"}}}
	from := func(address string) func(*Settings) { return func(s *Settings) { s.From = address } }
	support := mail.Address{Address: "support@example.com"}
	cases := map[string]struct {
		dialogueCase
		// header is the sender's name and address there.
		header mail.Address
	}{
		"Apostrophe": {dialogueCase{change: from("o'brien@example.com"), from: "o'brien@example.com"}, mail.Address{Address: "o'brien@example.com"}},
		"Brackets":   {dialogueCase{change: from("<a@example.com>"), from: "a@example.com"}, mail.Address{Address: "a@example.com"}},
		"Name": {
			dialogueCase{change: from("Djao Support <a@example.com>"), from: "a@example.com"}, mail.Address{Name: "Djao Support", Address: "a@example.com"},
		},
		"Umlauts": {dialogueCase{change: from("Größe <a@example.com>"), from: "a@example.com"}, mail.Address{Name: "Größe", Address: "a@example.com"}},
		"Comma": {
			dialogueCase{change: from(`"Djao, Inc." <a@example.com>`), from: "a@example.com"}, mail.Address{Name: "Djao, Inc.", Address: "a@example.com"},
		},
		"LongName": {
			dialogueCase{change: from(strings.Repeat("Größe ", 60) + "<a@example.com>"), from: "a@example.com"},
			mail.Address{Name: strings.TrimSpace(strings.Repeat("Größe ", 60)), Address: "a@example.com"},
		},
		"Quoted":   {dialogueCase{change: from(`"a b"@example.com`), from: `"a b"@example.com`}, mail.Address{Address: "a b@example.com"}},
		"QuotedTo": {dialogueCase{to: `"a b"@example.org`, from: "support@example.com", wantTo: `"a b"@example.org`}, support},
		"IDN": {
			dialogueCase{change: from("Größe <a@münchen.example>"), from: "a@xn--mnchen-3ya.example"},
			mail.Address{Name: "Größe", Address: "a@xn--mnchen-3ya.example"},
		},
		"IDNTo": {dialogueCase{to: "a@münchen.example", from: "support@example.com", wantTo: "a@xn--mnchen-3ya.example"}, support},
		"SMTPUTF8": {
			dialogueCase{server: utf8, change: from("größe@example.com"), from: "größe@example.com", parameters: "SMTPUTF8"}, mail.Address{Address: "größe@example.com"},
		},
		"UTF8To": {
			dialogueCase{server: utf8, to: "größe@example.org", from: "support@example.com", wantTo: "größe@example.org", parameters: "SMTPUTF8"}, support,
		},
		"Offered": {dialogueCase{server: utf8, from: "support@example.com"}, support},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tc.wantTo == "" {
				tc.wantTo = to
			}
			got := tc.run(t).messages()[0]
			if diff := cmp.Diff([]string{tc.from, tc.wantTo, tc.parameters}, []string{got.from, got.to, got.parameters}); diff != "" {
				t.Errorf("envelope: -want, +got:\n%s", diff)
			}
			message, err := mail.ReadMessage(strings.NewReader(got.text))
			if err != nil {
				t.Fatal(err)
			}
			list, err := message.Header.AddressList("From")
			if err != nil || len(list) != 1 {
				t.Fatalf("From: %q: %v", message.Header.Get("From"), err)
			}
			if diff := cmp.Diff(tc.header, *list[0]); diff != "" {
				t.Errorf("From: -want, +got:\n%s", diff)
			}
		})
	}
}

// TestUnsupportedAddress says that an address that a server can't take is told by the field that it comes from.
func TestUnsupportedAddress(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		from, to string
		fields   []string
	}{
		"From": {from: "größe@example.com", to: to, fields: []string{"from_email"}},
		"To":   {from: from, to: "größe@example.org"},
	} {
		for _, strict := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				s := startServer(t, serverOptions{strict: strict})
				err := newSender(t, s, loopback).Test(t.Context(), "cowork", tc.to, settings(s, func(s *Settings) { s.From = tc.from }), domain)
				want400(t, err, tc.fields, "SMTPUTF8")
				if len(s.messages()) > 0 {
					t.Error("a message arrived")
				}
			})
		}
	}
}

// TestWayIsFoundOut says that no port has to be known for what comes first there.
func TestWayIsFoundOut(t *testing.T) {
	t.Parallel()
	tlsFirst := serverOptions{implicitTLS: true}
	noUser := func(s *Settings) { s.User = "" }
	cases := map[string]dialogueCase{
		"TLSOnAnyPort":      {server: tlsFirst, sender: hasty},
		"TLSOneByOne":       {server: serverOptions{implicitTLS: true, dialogue: dialogue{oneByOne: true}}, sender: hasty},
		"TLSOnItsPort":      {server: tlsFirst, sender: at465},
		"STARTTLSOnTLSPort": {sender: at465},
		"OneByOne":          {server: serverOptions{dialogue: dialogue{oneByOne: true}}, sender: at465},
		"LongGreeting": {
			server: serverOptions{dialogue: dialogue{greeting: strings.Repeat("220-We are slow\r\n", 100) + "220 and polite"}},
		},
		"BareCode":  {server: serverOptions{dialogue: dialogue{greeting: "220"}}},
		"NoLogin":   {server: serverOptions{noLogin: true}, change: noUser},
		"NoTLS":     {server: serverOptions{noLogin: true, noTLS: true}, change: noUser},
		"IPv6":      {server: serverOptions{address: "::1"}, change: func(s *Settings) { s.Host, s.Platform = "::1", true }},
		"Localhost": {change: func(s *Settings) { s.Host, s.Platform = "localhost", true }},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.run(t)
		})
	}
}

// TestLateGreeting says that a server that greets late isn't taken for one that waits for TLS, however many connections it serves at once.
func TestLateGreeting(t *testing.T) {
	t.Parallel()
	for name, oneByOne := range map[string]bool{"Many": false, "OneByOne": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			held := make(chan struct{})
			tc := dialogueCase{server: serverOptions{dialogue: dialogue{held: held, oneByOne: oneByOne}}, sender: func(s *Sender, server *server) {
				s.patience = 50 * time.Millisecond
				go func() {
					defer close(held)
					for !oneByOne && server.connections.Load() < 2 { // Until the sender has lost its patience.
						time.Sleep(time.Millisecond)
					}
					if oneByOne {
						time.Sleep(200 * time.Millisecond)
					}
				}()
			}}
			tc.run(t)
		})
	}
}

// TestNothingWithoutTLS says that no way of a server, or of somebody before it, to fail TLS has anything sent without.
func TestNothingWithoutTLS(t *testing.T) {
	t.Parallel()
	noUser := func(s *Settings) { s.User = "" }
	cases := map[string]struct {
		server serverOptions
		sender func(*Sender, *server)
		change func(*Settings)
		fields []string
		words  string
	}{
		"TLSPortInTheClear": {
			server: serverOptions{noLogin: true, noTLS: true}, sender: at465, change: noUser, fields: []string{"email_host"}, words: "on a port that is for TLS",
		},
		"STARTTLSRefused": {
			server: serverOptions{noLogin: true, dialogue: dialogue{replies: map[string]string{"STARTTLS": "454 4.7.0 TLS not available"}}},
			change: noUser, words: "refuses it: 454 4.7.0 TLS not available",
		},
		"STARTTLSBreaks": {
			server: serverOptions{noLogin: true, dialogue: dialogue{replies: map[string]string{"STARTTLS": "220 Ready\r\n500 What?"}}},
			change: noUser, fields: []string{"email_host"}, words: "more than its answer to STARTTLS",
		},
		"Injected": {
			server: serverOptions{dialogue: dialogue{injects: "250-mail.example.com\r\n250 AUTH PLAIN\r\n"}},
			fields: []string{"email_host"}, words: "more than its answer to STARTTLS",
		},
		"OtherCertificate": {
			server: serverOptions{implicitTLS: true, names: []string{"other.example.com"}}, sender: hasty, change: noUser,
			fields: []string{"email_host"}, words: "certificate of the mail server",
		},
		"LoginInTheClear": {server: serverOptions{noTLS: true}, fields: []string{"email_host"}, words: "no TLS"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.server.strict = true
			s := startServer(t, tc.server)
			sender := newSender(t, s, loopback)
			if tc.sender != nil {
				tc.sender(sender, s)
			}
			all := settings(s)
			if tc.change != nil {
				tc.change(&all)
			}
			want400(t, sender.Test(t.Context(), "cowork", to, all, domain), tc.fields, tc.words)
			if len(s.messages()) > 0 || len(s.logins) > 0 {
				t.Errorf("%d messages arrived after the logins %v", len(s.messages()), s.logins)
			}
		})
	}
}
