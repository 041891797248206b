package wire

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/mail"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/internal/registry"
)

// members are those of a JSON object; nil of anything else.
func members(text string) map[string]any {
	var object map[string]any
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	if !utf8.ValidString(text) || decoder.Decode(&object) != nil {
		return nil
	}
	return object
}

// checkRefusal fails the test unless an error is a 400 that names fields of the body, each with a reason.
func checkRefusal(t *testing.T, err error, sent map[string]any) {
	t.Helper()
	e, ok := errors.AsType[*apierr.Error](err)
	if !ok || e.Status != http.StatusBadRequest || len(e.Fields) == 0 {
		t.Fatalf("got %v, want a 400 that names fields", err)
	}
	for name, reasons := range e.Fields {
		// A key without its certificate is told of the certificate.
		if _, named := sent[name]; !named && name != FieldCertificate || len(reasons) == 0 {
			t.Errorf("%s is said to be wrong by %q and isn't in the body", name, reasons)
		}
	}
}

// FuzzParseApp says that what isn't refused of an app can be held by one, and that what was read is read again as the same.
func FuzzParseApp(f *testing.F) {
	f.Add(`{"slug": "shop", "location": "https://example.com/a:v1", "env": [{"name": "A", "value": 1}], "dataset": null, "domain": "WWW.example.com."}`)
	f.Add(`{"role_name": "arn:aws:iam::123456789012:role/a", "external_id": null, "from_email": "a@b", "env": "[{\"name\": \"A\", \"value\": \"1\"}]"}`)
	f.Add(`{"slug": 1e2, "env": {"0": []}, "location": ["a"], "from_email": "A <a@b>", "domain": "0x7f.1"}`)
	f.Fuzz(func(t *testing.T, text string) {
		sent := members(text)
		body, err := ParseApp(sent)
		if err != nil {
			checkRefusal(t, err, sent)
			return
		}
		again := map[string]any{}
		for name, value := range map[string]*string{
			FieldSlug: body.Slug, "location": body.Location, FieldRole: body.RoleName, FieldExternalID: body.ExternalID,
			"dataset": body.Dataset, FieldDomain: body.Domain, FieldFrom: body.FromEmail,
		} {
			if value != nil {
				again[name] = *value
			}
		}
		if body.Env != nil {
			list := []any{}
			for _, variable := range *body.Env {
				list = append(list, map[string]any{"name": variable.Name, "value": variable.Value})
			}
			again["env"] = list
		}
		got, err := ParseApp(again)
		if err != nil {
			t.Fatalf("what was read is refused: %v", err)
		}
		if diff := cmp.Diff(body, got); diff != "" {
			t.Errorf("-read, +read again:\n%s", diff)
		}
	})
}

// FuzzParseDomain says the same of a domain, without its certificate.
func FuzzParseDomain(f *testing.F) {
	f.Add(`{"slug": "shop", "domain": "WWW.example.com.", "email_host": "smtp.example.com", "email_port": 587, "authentication": "2"}`)
	f.Add(`{"email_host": "::1", "email_port": "0465", "email_host_user": "ann", "email_host_password": " p ", "authentication": null, "from_email": ""}`)
	f.Add(`{"ssl_certificate": "-----BEGIN CERTIFICATE-----", "ssl_certificate_key": "x", "email_port": 1e2, "authentication": -0, "domain": null}`)
	f.Fuzz(func(t *testing.T, text string) {
		sent := members(text)
		body, err := ParseDomain(sent)
		if err != nil {
			checkRefusal(t, err, sent)
			return
		}
		again := map[string]any{}
		for name, value := range map[string]*string{
			FieldSlug: body.Slug, FieldDomain: body.Domain, FieldFrom: body.FromEmail, FieldHost: body.EmailHost, FieldUser: body.EmailHostUser,
			FieldPassword: body.EmailHostPassword,
		} {
			if value != nil {
				again[name] = *value
			}
		}
		if body.EmailPort != nil {
			again[FieldPort] = json.Number(portText(*body.EmailPort))
		}
		if body.Authentication != nil {
			again[FieldLogin] = json.Number(portText(int32(*body.Authentication)))
		}
		if body.EmailPort != nil && *body.EmailPort == 0 {
			again[FieldPort] = nil
		}
		got, err := ParseDomain(again)
		if err != nil {
			t.Fatalf("what was read is refused: %v", err)
		}
		body.Certificate, body.Key = nil, nil
		if diff := cmp.Diff(body, got); diff != "" {
			t.Errorf("-read, +read again:\n%s", diff)
		}
	})
}

func portText(number int32) string {
	encoded, err := json.Marshal(number)
	if err != nil {
		panic(err) // A number can be written.
	}
	return string(encoded)
}

// FuzzLocation says that an image is told from what stands in front of it, and its registry and repository from the rest.
func FuzzLocation(f *testing.F) {
	f.Add("https://123456789012.dkr.ecr.us-west-2.amazonaws.com/cowork:master")
	f.Add("HTTPS://localhost:5000/a/b__c@sha256:0123456789abcdef0123456789abcdef")
	f.Add("shop:v1")
	f.Add("Registry/shop")
	f.Add("a:5/b:c")
	f.Fuzz(func(t *testing.T, location string) {
		prefix, image := SplitLocation(location)
		if prefix+image != location || !strings.EqualFold(prefix, schemePrefix) && prefix != "" {
			t.Fatalf("%q is parted into %q and %q", location, prefix, image)
		}
		if !validLocation(location) {
			return
		}
		host, repository := registry.Of(image), registry.Repository(image)
		rest := strings.TrimPrefix(image, repository)
		if !strings.HasPrefix(image, repository) || rest != "" && rest[0] != ':' && rest[0] != '@' || strings.Contains(rest, "/") {
			t.Errorf("%q has the repository %q", image, repository)
		}
		if strings.Contains(repository, "@") || registry.Repository(repository) != repository || registry.Of(repository) != host {
			t.Errorf("%q has the repository %q, which has %q in %q", image, repository, registry.Repository(repository), registry.Of(repository))
		}
		if host != "docker.io" && !strings.HasPrefix(image, host+"/") {
			t.Errorf("%q is in the registry %q", image, host)
		}
		if !validLocation(repository) {
			t.Errorf("the repository %q of %q is none", repository, image)
		}
	})
}

// FuzzRoleName says that a role name is a role's or a user's, or refused.
func FuzzRoleName(f *testing.F) {
	f.Add("arn:aws:iam::123456789012:role/cowork-deploy")
	f.Add("arn:aws-us-gov:iam::1:a@b")
	f.Add("robot$pull")
	f.Add("a:b")
	f.Fuzz(func(t *testing.T, name string) {
		if IsRole(name) && !validRoleName(name) {
			t.Errorf("%q is a role and refused", name)
		}
		if validRoleName(name) && !IsRole(name) && strings.ContainsAny(name, ":\n\x00") {
			t.Errorf("%q is taken for a user", name)
		}
		if IsRole(name) && (len(strings.Split(name, ":")) < 6 || strings.ContainsAny(name, " \n")) {
			t.Errorf("%q is taken for a role", name)
		}
	})
}

// FuzzAddress says that an address is one that a mail can come from, on one line of its header.
func FuzzAddress(f *testing.F) {
	for _, text := range []string{"ann@example.com", `"a b"@c`, "a@[127.0.0.1]", "a@b\r\nBcc: c@d", "Ann <a@b>", "é@例え.jp", "a@b(c)"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !IsAddress(text) {
			return
		}
		if address := (&mail.Address{Address: text}).String(); strings.ContainsAny(address+text, "\r\n\x00") {
			t.Errorf("%q goes over lines", text)
		}
	})
}
