package mailbox

import (
	"net/mail"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", maxAddress-len("@example.org"))
	cases := map[string]struct {
		text string
		want Mailbox
		// address is what SMTP has. Default: the local part and the domain.
		address string
		utf8    bool
	}{
		"Address":          {text: "support@example.org", want: Mailbox{Local: "support", Domain: "example.org"}},
		"Apostrophe":       {text: "o'brien@example.org", want: Mailbox{Local: "o'brien", Domain: "example.org"}},
		"Plus":             {text: "a+b@example.org", want: Mailbox{Local: "a+b", Domain: "example.org"}},
		"OneLabel":         {text: "a@b", want: Mailbox{Local: "a", Domain: "b"}},
		"Literal":          {text: "a@[192.0.2.1]", want: Mailbox{Local: "a", Domain: "[192.0.2.1]"}},
		"Space":            {text: " support@example.org ", want: Mailbox{Local: "support", Domain: "example.org"}},
		"Brackets":         {text: "<support@example.org>", want: Mailbox{Local: "support", Domain: "example.org"}},
		"SpaceInBrackets":  {text: "Djao < support@example.org >", want: Mailbox{Name: "Djao", Local: "support", Domain: "example.org"}},
		"Name":             {text: "Djao Support <support@example.org>", want: Mailbox{Name: "Djao Support", Local: "support", Domain: "example.org"}},
		"NoSpace":          {text: "Djao<support@example.org>", want: Mailbox{Name: "Djao", Local: "support", Domain: "example.org"}},
		"Unicode":          {text: "Größe <support@example.org>", want: Mailbox{Name: "Größe", Local: "support", Domain: "example.org"}},
		"Encoded":          {text: "=?utf-8?q?Gr=C3=B6=C3=9Fe?= <a@example.org>", want: Mailbox{Name: "Größe", Local: "a", Domain: "example.org"}},
		"Quoted":           {text: `"Djao, Inc." <support@example.org>`, want: Mailbox{Name: "Djao, Inc.", Local: "support", Domain: "example.org"}},
		"QuotesInQuotes":   {text: `"The \"Djao\"" <a@example.org>`, want: Mailbox{Name: `The "Djao"`, Local: "a", Domain: "example.org"}},
		"BracketsInQuotes": {text: `"a <b@c>" <a@example.org>`, want: Mailbox{Name: "a <b@c>", Local: "a", Domain: "example.org"}},
		"UnquotedComma":    {text: "Djao, Inc. <a@example.org>", want: Mailbox{Name: "Djao, Inc.", Local: "a", Domain: "example.org"}},
		"UnquotedColon":    {text: "Djao: Support <a@example.org>", want: Mailbox{Name: "Djao: Support", Local: "a", Domain: "example.org"}},
		"QuotedLocal":      {text: `"a b"@example.org`, want: Mailbox{Local: "a b", Domain: "example.org"}, address: `"a b"@example.org`},
		"QuotedQuote":      {text: `"a\"b"@example.org`, want: Mailbox{Local: `a"b`, Domain: "example.org"}, address: `"a\"b"@example.org`},
		"QuotedAt":         {text: `N <"a@b"@example.org>`, want: Mailbox{Name: "N", Local: "a@b", Domain: "example.org"}, address: `"a@b"@example.org`},
		"QuotedDots":       {text: `"a..b"@example.org`, want: Mailbox{Local: "a..b", Domain: "example.org"}, address: `"a..b"@example.org`},
		"NeedlesslyQuoted": {text: `"a"@example.org`, want: Mailbox{Local: "a", Domain: "example.org"}},
		"IDN":              {text: "Größe <a@münchen.example>", want: Mailbox{Name: "Größe", Local: "a", Domain: "xn--mnchen-3ya.example"}},
		"UnicodeLocal":     {text: "größe@münchen.example", want: Mailbox{Local: "größe", Domain: "xn--mnchen-3ya.example"}, utf8: true},
		"Longest":          {text: long + "@example.org", want: Mailbox{Local: long, Domain: "example.org"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Parse(tc.text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("Parse(%q): -want, +got:\n%s", tc.text, diff)
			}
			if tc.address == "" {
				tc.address = tc.want.Local + "@" + tc.want.Domain
			}
			if got.Address() != tc.address || got.NeedsUTF8() != tc.utf8 {
				t.Errorf("Parse(%q): got the address %s (UTF-8: %t), want %s", tc.text, got.Address(), got.NeedsUTF8(), tc.address)
			}
			wantHeader(t, got)
		})
	}
}

// wantHeader fails the test unless the header of a message can be read as it was meant.
func wantHeader(t *testing.T, m Mailbox) {
	t.Helper()
	header := m.Header().String()
	read, err := mail.ParseAddress(header)
	if err != nil {
		t.Fatalf("header %q: %v", header, err)
	}
	if diff := cmp.Diff(m.Header(), read); diff != "" {
		t.Errorf("header: -want, +got:\n%s", diff)
	}
}

func TestParseMistakes(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		text string
		want error
	}{
		"Empty":           {text: "", want: errSyntax},
		"NoAt":            {text: "support", want: errSyntax},
		"TwoAts":          {text: "a@b@c", want: errSyntax},
		"SpaceInAddress":  {text: "a b@example.org", want: errSyntax},
		"List":            {text: "a@b, c@d", want: errSyntax},
		"ListWithName":    {text: "a@b, Djao <c@d>", want: errSyntax},
		"Group":           {text: "Team: a@b;", want: errSyntax},
		"GroupNoSpace":    {text: "Team:a@b;", want: errSyntax},
		"Comment":         {text: "a@b(c)", want: errSyntax},
		"EmptyComment":    {text: "a@b()", want: errSyntax},
		"NoAddress":       {text: "Djao <>", want: errSyntax},
		"Unclosed":        {text: "Djao <a@b", want: errSyntax},
		"EmptyLocal":      {text: "@b", want: errSyntax},
		"EmptyQuotes":     {text: `""@b`, want: errSyntax},
		"LineBreak":       {text: "Djao\r\n Support <a@b>", want: errControl},
		"Injection":       {text: "a@b>\r\nRCPT TO:<c@d", want: errControl},
		"InjectionLF":     {text: "Djao\nBcc: c@d <a@b>", want: errControl},
		"NUL":             {text: "Dj\x00ao <a@b>", want: errControl},
		"Escape":          {text: "\"Dj\\\rao\" <a@b>", want: errControl},
		"EncodedInject":   {text: "=?utf-8?q?Djao=0D=0ABcc:_c@d?= <a@b>", want: errSyntax},
		"EncodedControls": {text: "=?utf-8?q?Djao=0D=0ABcc?= <a@b>", want: errControl},
		"NotUTF8":         {text: "Gr\xf6\xdfe <a@b>", want: errControl},
		"BadIDN":          {text: "a@-ü.example", want: errDomain},
		"AddressTooLong":  {text: "a@" + strings.Repeat("b", maxAddress-1), want: errLength},
		"NameTooLong":     {text: strings.Repeat("é", maxText-5) + " <a@b>", want: errLength},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := Parse(tc.text); err != tc.want { //nolint:errorlint // They are never wrapped.
				t.Errorf("Parse(%q): got %+v, %v, want %v", tc.text, got, err, tc.want)
			}
		})
	}
}

func TestIsAddress(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"ann@example.org": true, `"a b"@c`: true, "größe@münchen.example": true, "a@[127.0.0.1]": true,
		"": false, "ann": false, "<a@b>": false, "Ann <a@b>": false, "a@b (Ann)": false, "a@b()": false, " a@b": false, "<a@b": false, "a@b\n": false,
	} {
		if got := IsAddress(text); got != want {
			t.Errorf("IsAddress(%q): got %t", text, got)
		}
	}
}

func TestHost(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"smtp.example.com": "smtp.example.com", "MAIL": "MAIL", "192.0.2.1": "192.0.2.1", "2001:db8::1": "2001:db8::1",
		"smtp.münchen.example": "smtp.xn--mnchen-3ya.example", "メール.例え.jp": "xn--4dkua4c.xn--r8jz45g.jp",
		"smtp.xn--mnchen-3ya.example": "smtp.xn--mnchen-3ya.example",
		"हिन्दी.example":              "xn--j2bd4cyah0f.example", "r3---sn.example.com": "r3---sn.example.com",
		"": "", "smtp.example.com:25": "", "smtp://smtp.example.com": "", "a b": "", "-ü.example": "", "fe80::1%eth0": "", "::ffff:127.0.0.1": "",
		"a\n.example": "", strings.Repeat("日é本ü語", 12) + ".example": "",
	} {
		if got, err := Host(text); got != want || (err == nil) != (want != "") {
			t.Errorf("Host(%q): got %q, %v, want %q", text, got, err, want)
		}
	}
}

// FuzzParse says that whatever is accepted goes into one line of a command and of a header, which says the same.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"ann@example.com", `"a b"@c`, "a@[127.0.0.1]", "a@b\r\nBcc: c@d", "Ann <a@b>", "é@例え.jp", "a@b(c)", "Djao, Inc. <a@b>", `"\<"@b`, "=?utf-8?b?Cg==?= <a@b>",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		m, err := Parse(text)
		if err != nil {
			return
		}
		if command := m.Address(); strings.ContainsAny(command+m.Header().String(), "\r\n\x00") {
			t.Errorf("%q goes over lines", text)
		}
		again, err := Parse("<" + m.Address() + ">")
		if err != nil || again.Local != m.Local || again.Domain != m.Domain {
			t.Errorf("%q is written as %s, and read as %+v, %v", text, m.Address(), again, err)
		}
	})
}
