package wire

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/internal/host"
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

// field is a text that was read of a member.
type field struct {
	name string
	read *string
	// shows tells whether what was read is what was written, where null is "".
	shows func(written, read string) bool
	// nilIfEmpty says that "" is read as nothing.
	nilIfEmpty bool
}

// credentialShows reports whether a password was read: all of it but a line break at its end.
func credentialShows(written, read string) bool {
	rest, cut := strings.CutPrefix(written, read)
	return cut && (rest == "" && !strings.HasSuffix(read, "\n") || rest == "\n" && !strings.HasSuffix(read, "\r") || rest == "\r\n")
}

func trimmed(written, read string) bool { return read == strings.TrimSpace(written) }

// sameHost reports whether a host was read as package host does, whose own tests say what that is.
func sameHost(written, read string) bool {
	if strings.TrimSpace(written) == "" {
		return read == ""
	}
	want, err := host.Parse(written)
	return err == nil && read == want
}

// sameMailHost reports whether two mail servers are the same but for brackets and a dot at the end.
func sameMailHost(written, read string) bool {
	written = strings.TrimSpace(written)
	return read == strings.TrimSuffix(written, ".") || written == "["+read+"]"
}

// defaultDataset tells whether a dataset was read, null as the one that is the default.
func defaultDataset(written, read string) bool {
	return trimmed(written, read) || written == "" && read == "production"
}

// sameNumber tells whether a number was read, null and "" as 0.
func sameNumber(written, read string) bool {
	if strings.TrimSpace(written) == "" {
		return read == "0"
	}
	number, err := strconv.Atoi(strings.TrimSpace(written))
	return err == nil && read == strconv.Itoa(number)
}

// check fails the test unless the field is there if its member is, and shows what that says.
func (f field) check(t *testing.T, sent map[string]any) {
	t.Helper()
	member, named := sent[f.name]
	written, ok := said(member)
	switch {
	case !named && f.read == nil:
	case named && f.read == nil && f.nilIfEmpty && strings.TrimSpace(written) == "":
	case !named || f.read == nil || !ok || !f.shows(written, *f.read):
		t.Errorf("%s is %#v (%t), and was read as %s", f.name, member, named, quoted(f.read))
	}
}

func quoted(text *string) string {
	if text == nil {
		return "nothing"
	}
	return strconv.Quote(*text)
}

// said is the text that a member says; false of what can't be one.
func said(member any) (text string, ok bool) {
	switch m := member.(type) {
	case nil:
		return "", true
	case string:
		return m, true
	case json.Number:
		return m.String(), true
	default:
		return "", false
	}
}

// checkEnv fails the test unless an environment was read as it was written, each character of it.
func checkEnv(t *testing.T, sent map[string]any, read *[]EnvVar) {
	t.Helper()
	member, named := sent["env"]
	if named != (read != nil) {
		t.Fatalf("env is %#v (%t), and was read as %v", member, named, read)
	}
	if text, ok := member.(string); ok && strings.TrimSpace(text) != "" { // As forms have it.
		member = members(`{"env": ` + text + `}`)["env"]
	}
	written, _ := member.([]any)
	var want []EnvVar
	for _, item := range written {
		variable, _ := item.(map[string]any)
		name, nameOK := said(variable["name"])
		value, valueOK := said(variable["value"])
		if !nameOK || !valueOK || variable["value"] == nil {
			t.Errorf("%#v was read as a variable", item)
		}
		want = append(want, EnvVar{Name: name, Value: value})
	}
	if read != nil && !slices.Equal(want, *read) {
		t.Errorf("env is %#v, and was read as %v", member, *read)
	}
}

// again is the body that says what was read.
func again(fields []field) map[string]any {
	members := map[string]any{}
	for _, f := range fields {
		if f.read == nil {
			continue
		}
		members[f.name] = *f.read
		if (f.name == FieldPassword || f.name == FieldExternalID) && strings.HasSuffix(*f.read, "\n") {
			members[f.name] = *f.read + "\n" // One is dropped.
		}
	}
	return members
}

// FuzzParseApp says that what isn't refused of an app is read as it was written, and that what was read is read again as the same.
func FuzzParseApp(f *testing.F) {
	f.Add(`{"slug": "shop", "location": "https://example.com/a:v1", "env": [{"name": "A", "value": 1}], "dataset": null, "domain": "WWW.example.com."}`)
	f.Add(`{"role_name": "arn:aws:iam::123456789012:role/a", "external_id": null, "from_email": "a@b", "env": "[{\"name\": \"A\", \"value\": \" 1\\n\"}]"}`)
	f.Add(`{"slug": 1e2, "env": {"0": []}, "location": ["a"], "from_email": "A <a@b>", "domain": "0x7f.1"}`)
	f.Add(`{"role_name": "ann", "external_id": " p ", "dataset": " testing", "env": [{"name": "A", "value": " \t"}, {"name": "B", "value": ""}], "slug": "0"}`)
	f.Add(`{"domain": "\u0130.example.com"}`)
	f.Add(`{"domain": " HTTPS://M\u00fcnchen.Example./ ", "location": "http://example.com/a"}`)
	f.Add(`{"role_name": "ann", "external_id": "token\r\n"}`)
	f.Add(`{"domain": "."}`)
	f.Fuzz(func(t *testing.T, text string) {
		sent := members(text)
		body, err := ParseApp(sent)
		if err != nil {
			checkRefusal(t, err, sent)
			return
		}
		fields := []field{
			{name: FieldSlug, read: body.Slug, shows: trimmed},
			{name: "location", read: body.Location, shows: trimmed},
			{name: FieldRole, read: body.RoleName, shows: trimmed},
			{name: FieldExternalID, read: body.ExternalID, shows: credentialShows, nilIfEmpty: true},
			{name: "dataset", read: body.Dataset, shows: defaultDataset},
			{name: FieldDomain, read: body.Domain, shows: sameHost},
			{name: FieldFrom, read: body.FromEmail, shows: trimmed},
		}
		for _, f := range fields {
			f.check(t, sent)
		}
		checkEnv(t, sent, body.Env)
		read := again(fields)
		if body.Env != nil {
			list := []any{}
			for _, variable := range *body.Env {
				list = append(list, map[string]any{"name": variable.Name, "value": variable.Value})
			}
			read["env"] = list
		}
		got, err := ParseApp(read)
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
	f.Add(`{"email_host": "[::1]", "email_port": "0465", "email_host_user": "ann", "email_host_password": " p ", "authentication": null, "from_email": ""}`)
	f.Add(`{"ssl_certificate": "-----BEGIN CERTIFICATE-----", "ssl_certificate_key": "x", "email_port": 1e2, "authentication": -0, "domain": null}`)
	f.Add(`{"domain": "."}`)
	f.Fuzz(func(t *testing.T, text string) {
		sent := members(text)
		body, err := ParseDomain(sent)
		if err != nil {
			checkRefusal(t, err, sent)
			return
		}
		fields := []field{
			{name: FieldSlug, read: body.Slug, shows: trimmed, nilIfEmpty: true},
			{name: FieldDomain, read: body.Domain, shows: sameHost},
			{name: FieldFrom, read: body.FromEmail, shows: trimmed},
			{name: FieldHost, read: body.EmailHost, shows: sameMailHost},
			{name: FieldUser, read: body.EmailHostUser, shows: trimmed},
			{name: FieldPassword, read: body.EmailHostPassword, shows: credentialShows},
			{name: FieldPort, read: numberText(body.EmailPort), shows: sameNumber},
			{name: FieldLogin, read: numberText(body.Authentication), shows: sameNumber},
		}
		for _, f := range fields {
			f.check(t, sent)
		}
		read := again(fields)
		if body.EmailPort != nil && *body.EmailPort == 0 {
			read[FieldPort] = nil
		}
		got, err := ParseDomain(read)
		if err != nil {
			t.Fatalf("what was read is refused: %v", err)
		}
		body.Certificate, body.Key = nil, nil
		if diff := cmp.Diff(body, got); diff != "" {
			t.Errorf("-read, +read again:\n%s", diff)
		}
	})
}

// numberText is a number as text.
func numberText[T int | int32](number *T) *string {
	if number == nil {
		return nil
	}
	return new(strconv.Itoa(int(*number)))
}
