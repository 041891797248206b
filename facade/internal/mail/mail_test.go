package mail

import (
	"errors"
	"maps"
	"net"
	"net/http"
	"net/mail"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/berth-dev/berth/facade/internal/apierr"
)

const (
	loopback = "127.0.0.0/8"
	from     = "support@example.com"
	to       = "ann@example.org"
	domain   = "www.example.com"
)

func settings(s *server, changes ...func(*Settings)) Settings {
	all := Settings{Host: "127.0.0.1", Port: s.port, User: "ann", Password: password, From: from}
	for _, change := range changes {
		change(&all)
	}
	return all
}

// onBothServers has each case at the lenient server and at the strict one.
func onBothServers[T any](cases map[string]T, server func(*T) *serverOptions) map[string]T {
	both := map[string]T{}
	for name, tc := range cases {
		both[name] = tc
		server(&tc).strict = true
		both[name+"/Strict"] = tc
	}
	return both
}

// messageCase is how a message gets to a server.
type messageCase struct {
	server   serverOptions
	settings func(*Settings)
	want     received
}

func TestMessageArrives(t *testing.T) {
	t.Parallel()
	cases := map[string]messageCase{
		"STARTTLS":    {settings: func(*Settings) {}, want: received{from: from, to: to, user: "ann", encrypted: true}},
		"ImplicitTLS": {server: serverOptions{implicitTLS: true}, settings: func(*Settings) {}, want: received{from: from, to: to, user: "ann", encrypted: true}},
		"NoLogin":     {server: serverOptions{noLogin: true}, settings: func(s *Settings) { s.User = "" }, want: received{from: from, to: to, encrypted: true}},
		"NoTLS":       {server: serverOptions{noLogin: true, noTLS: true}, settings: func(s *Settings) { s.User = "" }, want: received{from: from, to: to}},
	}
	for name, tc := range onBothServers(cases, func(c *messageCase) *serverOptions { return &c.server }) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, tc.server)
			sender := newSender(t, s, loopback)
			if tc.server.implicitTLS {
				sender.tlsPorts = []int{s.port}
			}
			if err := sender.Test(t.Context(), "cowork", to, settings(s, tc.settings), domain); err != nil {
				t.Fatal(err)
			}
			got := s.messages()
			if len(got) != 1 {
				t.Fatalf("%d messages arrived, want 1", len(got))
			}
			wantMessage(t, got[0].text)
			got[0].text = ""
			if diff := cmp.Diff(tc.want, got[0], cmp.AllowUnexported(received{})); diff != "" {
				t.Errorf("-want, +got:\n%s", diff)
			}
		})
	}
}

// wantMessage fails the test unless a text is the message that Test sends.
func wantMessage(t *testing.T, text string) {
	t.Helper()
	message, err := mail.ReadMessage(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"From": "<" + from + ">", "To": "<" + to + ">", "Subject": "Test e-mail for " + domain, "Auto-Submitted": "auto-generated"}
	got := map[string]string{}
	for name := range want {
		got[name] = message.Header.Get(name)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("headers: -want, +got:\n%s", diff)
	}
	if sent, err := message.Header.Date(); err != nil || time.Since(sent) > time.Minute {
		t.Errorf("Date: got %v, %v", sent, err)
	}
	if id := message.Header.Get("Message-ID"); !strings.HasSuffix(id, "@"+domain+">") {
		t.Errorf("Message-ID: got %s", id)
	}
}

// refusalCase is why a message doesn't get to a server.
type refusalCase struct {
	reason   string
	server   serverOptions
	networks []string
	to       string
	settings func(*Settings)
	// fields and words are what the 400 names and says.
	fields []string
	words  string
	// untouched says that no connection was made.
	untouched bool
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	host := func(host string) func(*Settings) { return func(s *Settings) { s.Host = host } }
	mine, inside := []string{loopback}, "with a public address"
	emailHost, fromEmail := []string{"email_host"}, []string{"from_email"}
	cases := map[string]refusalCase{
		"Recipient":     {to: "nobody@example.com", networks: mine, words: "550 Nobody lives here"},
		"WrongPassword": {settings: func(s *Settings) { s.Password = "guess" }, networks: mine, words: "535"},
		"LoginWanted":   {settings: func(s *Settings) { s.User = "" }, networks: mine, words: "502"},
		"NoTLSForPassword": {
			reason: "A password that goes in the clear is everybody's.",
			server: serverOptions{noTLS: true}, networks: mine, fields: emailHost, words: "no TLS",
		},
		"PlatformsLogin": {
			reason:   "The client can't change it either.",
			server:   serverOptions{noTLS: true},
			settings: func(s *Settings) { s.Platform = true }, words: "no TLS",
		},
		"NoLoginOffered": {server: serverOptions{noLogin: true}, networks: mine, fields: emailHost, words: "no login"},
		"UnknownAuthority": {
			server: serverOptions{names: []string{"other.example.com"}}, networks: mine,
			fields: emailHost, words: "certificate of the mail server 127.0.0.1:",
		},
		"Loopback":      {fields: emailHost, words: inside, untouched: true},
		"OtherNetwork":  {networks: []string{"10.0.0.0/8", "fd00::/8"}, fields: emailHost, words: inside, untouched: true},
		"LoopbackName":  {settings: host("localhost"), fields: emailHost, words: "localhost", untouched: true},
		"Metadata":      {settings: host("169.254.169.254"), fields: emailHost, words: inside, untouched: true},
		"IPv6Loopback":  {settings: host("::1"), fields: emailHost, words: inside, untouched: true},
		"IPv4InIPv6":    {settings: host("::ffff:127.0.0.1"), fields: emailHost, words: inside, untouched: true},
		"Unspecified":   {settings: host("0.0.0.0"), fields: emailHost, words: inside, untouched: true},
		"NobodyListens": {settings: func(s *Settings) { s.Port = 1 }, networks: mine, fields: emailHost, words: "connection refused", untouched: true},
		"PlatformsFault": {
			reason:   "The client can't change it.",
			settings: func(s *Settings) { s.Port, s.Platform = 1, true }, words: "connection refused", untouched: true,
		},
		"FromIsNoAddress":   {settings: func(s *Settings) { s.From = "a@@b" }, networks: mine, fields: fromEmail, words: "a@@b", untouched: true},
		"OwnerIsNoAddress":  {to: "ann", networks: mine, words: `"ann"`, untouched: true},
		"HeaderInjection":   {to: "ann@example.org>\r\nRCPT TO:<x@example.org", networks: mine, words: "control characters", untouched: true},
		"AddressHasNoName":  {settings: func(s *Settings) { s.From = "" }, networks: mine, fields: fromEmail, untouched: true},
		"ProhibitedWithTLS": {server: serverOptions{implicitTLS: true}, fields: emailHost, words: inside, untouched: true},
	}
	for name, tc := range onBothServers(cases, func(c *refusalCase) *serverOptions { return &c.server }) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, tc.server)
			all := settings(s)
			if tc.settings != nil {
				tc.settings(&all)
			}
			recipient := to
			if tc.to != "" {
				recipient = tc.to
			}
			err := newSender(t, s, tc.networks...).Test(t.Context(), "cowork", recipient, all, domain)
			want400(t, err, tc.fields, tc.words)
			if len(s.messages()) > 0 || tc.untouched && s.connections.Load() > 0 {
				t.Errorf("%s: %d messages arrived over %d connections", tc.reason, len(s.messages()), s.connections.Load())
			}
		})
	}
}

// want400 fails the test unless err is a 400 that names the fields and says the words, and no password.
func want400(t *testing.T, err error, fields []string, words string) {
	t.Helper()
	e, ok := errors.AsType[*apierr.Error](err)
	if !ok || e.Status != http.StatusBadRequest {
		t.Fatalf("got %v, want a 400", err)
	}
	if diff := cmp.Diff(fields, slices.Sorted(maps.Keys(e.Fields))); diff != "" {
		t.Errorf("fields: -want, +got:\n%s", diff)
	}
	if !strings.Contains(e.Detail, words) || strings.ContainsAny(e.Detail, "\r\n") || strings.Contains(e.Detail, password) {
		t.Errorf("got %q, want it to say %q, in a line", e.Detail, words)
	}
}

// TestNamesAreResolvedOnce says that what is checked is what is connected to: a name that means something else a moment later changes nothing.
func TestNamesAreResolvedOnce(t *testing.T) {
	t.Parallel()
	allowed, inside := netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("127.0.0.1")
	s := startServer(t, serverOptions{address: allowed.String(), names: []string{"mail.example.com"}})
	dns := &rebindingDNS{answers: []netip.Addr{allowed, inside}}
	sender := newSender(t, s, allowed.String()+"/32")
	sender.resolver = dns.start(t)
	named := settings(s, func(s *Settings) { s.Host = "mail.example.com" })
	if err := sender.Test(t.Context(), "cowork", to, named, domain); err != nil {
		t.Fatal(err)
	}
	if asked := dns.asked.Load(); asked != 1 || len(s.messages()) != 1 {
		t.Errorf("DNS was asked %d times and %d messages arrived, want 1 and 1", asked, len(s.messages()))
	}
	want400(t, sender.Test(t.Context(), "cowork", to, named, domain), []string{"email_host"}, "with a public address")
}

// TestInternationalizedHost says that DNS and the server's certificate are asked for the name as punycode.
func TestInternationalizedHost(t *testing.T) {
	t.Parallel()
	s := startServer(t, serverOptions{strict: true, names: []string{"smtp.xn--mnchen-3ya.example"}})
	sender := newSender(t, s, loopback)
	sender.resolver = (&rebindingDNS{answers: []netip.Addr{netip.MustParseAddr("127.0.0.1")}}).start(t)
	if err := sender.Test(t.Context(), "cowork", to, settings(s, func(s *Settings) { s.Host = "smtp.münchen.example" }), domain); err != nil {
		t.Fatal(err)
	}
	if len(s.messages()) != 1 {
		t.Errorf("%d messages arrived, want 1", len(s.messages()))
	}
}

func TestUnknownHost(t *testing.T) {
	t.Parallel()
	s := startServer(t, serverOptions{})
	sender := newSender(t, s)
	sender.resolver = &net.Resolver{PreferGo: true, Dial: noNetwork}
	named := settings(s, func(s *Settings) { s.Host = "mail.example.com" })
	want400(t, sender.Test(t.Context(), "cowork", to, named, domain), []string{"email_host"}, "could not be looked up")
}

// TestEndlessServer says that a server can't fill the facade's memory by talking on and on.
func TestEndlessServer(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]string{"OneLine": "220-", "ManyLines": "220-more\r\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, serverOptions{endless: begin})
			err := newSender(t, s, loopback).Test(t.Context(), "cowork", to, settings(s), domain)
			want400(t, err, []string{"email_host"}, "far too much")
			if sent := s.sent.Load(); sent > 16<<20 { // Some of it lies in the buffers of the two sockets.
				t.Errorf("the server got rid of %d bytes", sent)
			}
		})
	}
}

func TestSilentServer(t *testing.T) {
	t.Parallel()
	s := startServer(t, serverOptions{silent: true})
	sender := newSender(t, s, loopback)
	sender.timeout, sender.patience = 200*time.Millisecond, 100*time.Millisecond
	err := sender.Test(t.Context(), "cowork", to, settings(s), domain)
	want400(t, err, []string{"email_host"}, "within 200ms, waiting for the greeting")
}

func TestPrivateNetworksOfThePlatform(t *testing.T) {
	t.Parallel()
	s := startServer(t, serverOptions{})
	own := settings(s, func(s *Settings) { s.Platform = true })
	if err := newSender(t, s).Test(t.Context(), "cowork", to, own, domain); err != nil {
		t.Error(err)
	}
}

func TestAuthorities(t *testing.T) {
	t.Parallel()
	if _, err := New(Options{Authorities: []byte("no PEM")}); err == nil {
		t.Error("New took authorities that are none")
	}
}
