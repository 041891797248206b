package wire

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/internal/certificate"
)

func TestParseDomain(t *testing.T) {
	cases := map[string]struct {
		reason  string
		members map[string]any
		want    DomainBody
	}{
		"Nothing": {members: map[string]any{}},
		"AsRead": {
			reason:  "Clients send back what they read.",
			members: map[string]any{"url": "https://a.b", "state": "ready", "cert_type": 1, "billing": []any{}, "ssl_certificate": ""},
		},
		"Host":          {members: map[string]any{"domain": " WWW.Example.com. "}, want: DomainBody{Domain: new("www.example.com")}},
		"HostInUnicode": {members: map[string]any{"domain": "例え。テスト"}, want: DomainBody{Domain: new("xn--r8jz45g.xn--zckzah")}},
		"HostAsAddress": {members: map[string]any{"domain": "HTTP://münchen.example/"}, want: DomainBody{Domain: new("xn--mnchen-3ya.example")}},
		"HostOfEarlierVersion": {
			reason:  "Clients send back what they read. Whether a new host has invalid punycode is for who knows the present one.",
			members: map[string]any{"domain": "XN--a.example"}, want: DomainBody{Domain: new("xn--a.example")},
		},
		"NoSlug":  {reason: "The reference sends an empty one.", members: map[string]any{"slug": ""}},
		"Slug":    {members: map[string]any{"slug": "shop"}, want: DomainBody{Slug: new("shop")}},
		"NoPEM":   {members: map[string]any{"ssl_certificate": nil, "ssl_certificate_key": ""}},
		"NoFiles": {reason: "A form with no file chosen.", members: map[string]any{"ssl_certificate": Upload(""), "ssl_certificate_key": Upload{}}},
		"Numbers": {
			members: map[string]any{"email_port": json.Number("465"), "authentication": json.Number("2")},
			want:    DomainBody{EmailPort: new(int32(465)), Authentication: new(2)},
		},
		"NumbersAsText": {
			members: map[string]any{"email_port": " 465 ", "authentication": "1"},
			want:    DomainBody{EmailPort: new(int32(465)), Authentication: new(1)},
		},
		"Cleared": {
			members: map[string]any{
				"from_email": nil, "email_host": "", "email_port": nil, "email_host_user": "", "email_host_password": nil, "authentication": nil,
			},
			want: DomainBody{
				FromEmail: new(""), EmailHost: new(""), EmailPort: new(int32(0)), EmailHostUser: new(""), EmailHostPassword: new(""), Authentication: new(0),
			},
		},
		"PortCleared": {members: map[string]any{"email_port": ""}, want: DomainBody{EmailPort: new(int32(0))}},
		"Password": {
			reason:  "Space in a password is the client's.",
			members: map[string]any{"email_host_password": " p "}, want: DomainBody{EmailHostPassword: new(" p ")},
		},
		"PasswordOfAFile": {
			reason:  "Editors and echo end a file with a line break, which is no part of the password.",
			members: map[string]any{"email_host_password": " p \r\n"}, want: DomainBody{EmailHostPassword: new(" p ")},
		},
		"PasswordWithLineBreaks": {
			reason:  "One line break is the file's. Others are the password's.",
			members: map[string]any{"email_host_password": "\np\nq\n\n"}, want: DomainBody{EmailHostPassword: new("\np\nq\n")},
		},
		"NoPassword":       {members: map[string]any{"email_host_password": "\n"}, want: DomainBody{EmailHostPassword: new("")}},
		"MailHostIP":       {members: map[string]any{"email_host": "2001:db8::1"}, want: DomainBody{EmailHost: new("2001:db8::1")}},
		"MailHostBrackets": {members: map[string]any{"email_host": "[2001:db8::1]"}, want: DomainBody{EmailHost: new("2001:db8::1")}},
		"MailHostDot":      {members: map[string]any{"email_host": "smtp.example.com."}, want: DomainBody{EmailHost: new("smtp.example.com")}},
		"MailHostUnicode":  {members: map[string]any{"email_host": "smtp.münchen.example"}, want: DomainBody{EmailHost: new("smtp.münchen.example")}},
		"MailHostShort":    {members: map[string]any{"email_host": "Smtp"}, want: DomainBody{EmailHost: new("Smtp")}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := ParseDomain(tc.members)
			if err != nil {
				t.Fatalf("\n%s\nParseDomain(...): %v", tc.reason, err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("\n%s\nParseDomain(...): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestParseKey says that a key is read as text and as a file, and that none is taken without its certificate.
func TestParseKey(t *testing.T) {
	made, err := certificate.NewKey(certificate.ECDSA)
	if err != nil {
		t.Fatal(err)
	}
	text, err := certificate.EncodeKey(made)
	if err != nil {
		t.Fatal(err)
	}
	for name, member := range map[string]any{"Text": string(text), "File": Upload(text)} {
		t.Run(name, func(t *testing.T) {
			body, err := ParseDomain(map[string]any{"ssl_certificate_key": member})
			if body.Key == nil {
				t.Error("the key wasn't read")
			}
			if diff := cmp.Diff([]string{"ssl_certificate"}, fieldsOf(t, err)); diff != "" {
				t.Errorf("fields: -want, +got:\n%s", diff)
			}
		})
	}
}

// fieldsOf are the fields that a 400 names.
func fieldsOf(t *testing.T, err error) []string {
	t.Helper()
	e, ok := errors.AsType[*apierr.Error](err)
	if !ok {
		t.Fatalf("got %v, want a 400", err)
	}
	return slices.Sorted(maps.Keys(e.Fields))
}

func TestParseBadDomain(t *testing.T) {
	cases := map[string]struct {
		members map[string]any
		want    []string
	}{
		"HostNull":       {members: map[string]any{"domain": nil}, want: []string{"domain"}},
		"HostRoot":       {members: map[string]any{"domain": " . "}, want: []string{"domain"}},
		"HostPort":       {members: map[string]any{"domain": "https://www.example.com:8443/"}, want: []string{"domain"}},
		"HostPath":       {members: map[string]any{"domain": "www.example.com/shop"}, want: []string{"domain"}},
		"HostReversed":   {members: map[string]any{"domain": "www.\u202emoc.example"}, want: []string{"domain"}},
		"HostFile":       {members: map[string]any{"domain": Upload("a.b")}, want: []string{"domain"}},
		"Chain":          {members: map[string]any{"ssl_certificate": "..."}, want: []string{"ssl_certificate"}},
		"ChainFile":      {members: map[string]any{"ssl_certificate": Upload("\xff\x00")}, want: []string{"ssl_certificate"}},
		"ChainObject":    {members: map[string]any{"ssl_certificate": map[string]any{}}, want: []string{"ssl_certificate"}},
		"BothPEM":        {members: map[string]any{"ssl_certificate": "a", "ssl_certificate_key": "b"}, want: []string{"ssl_certificate", "ssl_certificate_key"}},
		"PortPlus":       {members: map[string]any{"email_port": json.Number("1e3")}, want: []string{"email_port"}},
		"PortHuge":       {members: map[string]any{"email_port": "99999999999999999999"}, want: []string{"email_port"}},
		"MailHostZone":   {members: map[string]any{"email_host": "fe80::1%eth0"}, want: []string{"email_host"}},
		"MailHostMapped": {members: map[string]any{"email_host": "::ffff:192.0.2.1"}, want: []string{"email_host"}},
		"MailHostDots":   {members: map[string]any{"email_host": "smtp..example"}, want: []string{"email_host"}},
		"MailHostIDN":    {members: map[string]any{"email_host": "smtp.-ü.example"}, want: []string{"email_host"}},
		"MailHostPort":   {members: map[string]any{"email_host": "smtp.example.com:587"}, want: []string{"email_host"}},
		"MailHostLong":   {members: map[string]any{"email_host": strings.Repeat("a.", 127)}, want: []string{"email_host"}},
		"UserTab":        {members: map[string]any{"email_host_user": "a\tb"}, want: []string{"email_host_user"}},
		"PasswordNUL":    {members: map[string]any{"email_host_password": "a\x00"}, want: []string{"email_host_password"}},
		"PasswordBool":   {members: map[string]any{"email_host_password": true}, want: []string{"email_host_password"}},
		"Authentication": {members: map[string]any{"authentication": json.Number("-1")}, want: []string{"authentication"}},
		"Several":        {members: map[string]any{"domain": 1, "email_port": "x", "slug": "A"}, want: []string{"domain", "email_port", "slug"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := ParseDomain(tc.members)
			if diff := cmp.Diff(tc.want, fieldsOf(t, err)); diff != "" {
				t.Errorf("ParseDomain(...): fields: -want, +got:\n%s", diff)
			}
		})
	}
}

func TestParseSlug(t *testing.T) {
	cases := map[string]struct {
		members map[string]any
		want    string
		fields  []string
	}{
		"None":  {members: map[string]any{"other": 1}},
		"Null":  {members: map[string]any{"slug": nil}},
		"Slug":  {members: map[string]any{"slug": "shop"}, want: "shop"},
		"Wrong": {members: map[string]any{"slug": "a.b"}, want: "a.b", fields: []string{"slug"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := ParseSlug(tc.members)
			if got != tc.want {
				t.Errorf("ParseSlug(...): got %q, want %q", got, tc.want)
			}
			var fields []string
			if err != nil {
				fields = fieldsOf(t, err)
			}
			if diff := cmp.Diff(tc.fields, fields, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("ParseSlug(...): fields: -want, +got:\n%s", diff)
			}
		})
	}
}
