package translate

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	gocmp "github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/wire"
	"github.com/berth-dev/berth/internal/credential"
	"github.com/berth-dev/berth/internal/envport"
	"github.com/berth-dev/berth/internal/host"
)

// FuzzRoundTrip says that whatever a client may write of an app, it reads.
func FuzzRoundTrip(f *testing.F) {
	f.Add("https://01.dk.ecr.us-west-2.amazon.com/cowork:master", "arn:aws:iam::01:cowork-deploy", "id", "DEBUG", "0", "cowork.example.com", "a@b", "testing")
	f.Add("a", "", "", "A", "", "", "", "production")
	f.Add("example.com:5000/a/b__c@sha256:"+"0123456789abcdef0123456789abcdef", "robot$pull", "t", "_a1", "é\n \"$(X) ", "WWW.example.com.", "x@y", "production")
	f.Add("a", "", "", "PORT", "3000", "", "", "")
	f.Add("a", "", "", "PORT", "abc", "", "", "")
	f.Add(" a", " ann ", " t ", "A", " \t", " a.b", " x@y ", " testing")
	f.Fuzz(func(t *testing.T, location, role, token, name, value, host, from, dataset string) {
		if !utf8.ValidString(location + role + token + name + value + host + from + dataset) {
			return // No body has other text.
		}
		body, err := wire.ParseApp(map[string]any{
			"slug": "shop", "location": location, "role_name": role, "external_id": token, "domain": host, "from_email": from, "dataset": dataset,
			"env": []any{map[string]any{"name": "FIRST", "value": "1"}, map[string]any{"name": name, "value": value}},
		})
		if err != nil {
			checkRefusal(t, err, map[string]bool{"slug": true, "env": plainName.MatchString(name) && plainText(value)})
			return
		}
		plan, err := Create(platform, "cowork", body, Observed{ExternalID: "id"}, fresh)
		if e, ok := errors.AsType[*apierr.Error](err); ok && (e.Fields[wire.FieldRole] != nil || e.Fields[wire.FieldExternalID] != nil) {
			return // A user without a password, or the other way round.
		}
		if e, ok := errors.AsType[*apierr.Error](err); ok && name == envport.Variable && e.Fields["env"] != nil {
			return // No port.
		}
		if err != nil {
			t.Fatal(err)
		}
		observed := applied(t, plan)
		observed.ExternalID = "id"
		want := wire.App{
			Slug: "shop", Dataset: strings.TrimSpace(dataset), Location: strings.TrimSpace(location), RoleName: strings.TrimSpace(role),
			Env:        []wire.EnvVar{{Name: "FIRST", Value: "1"}, {Name: name, Value: value}},
			ExternalID: "id", Domain: cmp.Or(hostOf(host), "shop.apps.example.com"), FromEmail: cmp.Or(strings.TrimSpace(from), "hello@example.com"),
		}
		if diff := gocmp.Diff(want, ToWire(platform, observed)); diff != "" {
			t.Errorf("-written, +read:\n%s", diff)
		}
		for _, secret := range plan.Secrets {
			if password, isLogin := secret.Data[corev1.BasicAuthPasswordKey]; isLogin && string(password) != token {
				t.Errorf("the password is %q, want %q", password, token)
			}
		}
		body.ExternalID = new("id") // As it is read.
		again, err := Change(platform, observed, body, false, fresh)
		if err != nil || !again.Empty() {
			t.Errorf("writing the same again: got %v and %+v, want nothing to do", err, again)
		}
		observed.ValuesHidden = true
		body.Env = new(ToWire(platform, observed).Env)
		again, err = Change(platform, observed, body, false, fresh)
		if err != nil || !again.Empty() {
			t.Errorf("writing what is read without values: got %v and %+v, want nothing to do", err, again)
		}
	})
}

// plainName is of variables that nothing is wrong with.
var plainName = regexp.MustCompile(`^[A-EG-Z_][A-Za-z0-9_]{0,99}$`)

// plainText tells whether nothing is wrong with a text, as a value or a password.
func plainText(text string) bool { return len(text) <= 4096 && !strings.Contains(text, "\x00") }

// hostOf is how a host is read.
func hostOf(written string) string {
	return strings.ToLower(strings.TrimSuffix(strings.TrimSpace(written), "."))
}

// checkRefusal fails the test unless an error is a 400 that names fields, none of them one that is known to be right.
func checkRefusal(t *testing.T, err error, right map[string]bool) {
	t.Helper()
	e, ok := errors.AsType[*apierr.Error](err)
	if !ok || e.Status != http.StatusBadRequest || len(e.Fields) == 0 {
		t.Fatalf("got %v, want a 400 that names fields", err)
	}
	for name, reasons := range e.Fields {
		if right[name] {
			t.Errorf("%s is right and refused: %q", name, reasons)
		}
	}
}

// FuzzDomainRoundTrip says that whatever a client writes of a domain, it reads; that what it read is no change; and that no secret is in the
// Domain.
func FuzzDomainRoundTrip(f *testing.F) {
	f.Add("cowork.example.com", "smtp.example.com", "587", "ann@example.com", "a-password-of-one's-own", "support@example.com", "1")
	f.Add("shop.apps.example.com", "", "", "", "", "", "0")
	f.Add("www.example.com", "::1", "465", "ann", "", "", "2")
	f.Add("a.b", "smtp.a.b", " 25 ", " ann ", " a password with space around it ", " x@y ", " 1")
	f.Add("WWW.Example.com.", "MAIL.example.com", "", "postmaster@example.com", "", "postmaster@example.com", "")
	mail := Mail{From: "hello@example.com", Host: "mail.example.com", Port: 587, User: "postmaster@example.com"}
	withMail := Platform{Hosts: host.Rules{BaseDomain: "apps.example.com"}, Mail: mail}
	f.Fuzz(func(t *testing.T, host, server, port, user, password, from, login string) {
		if !utf8.ValidString(host + server + port + user + password + from + login) {
			return // No body has other text.
		}
		members := map[string]any{
			"domain": host, "email_host": server, "email_port": port, "email_host_user": user, "email_host_password": password, "from_email": from,
			"authentication": login,
		}
		if login == "" {
			delete(members, "authentication")
		}
		body, err := wire.ParseDomain(members)
		if err != nil {
			checkRefusal(t, err, map[string]bool{"email_host_password": plainText(password)})
			return
		}
		for _, platform := range []Platform{platform, withMail} {
			observed := Observed{App: app("shop", v1alpha1.AppSpec{Image: "a"})}
			plan, err := ChangeDomain(platform, observed, body, fresh)
			if err != nil {
				if e, ok := errors.AsType[*apierr.Error](err); !ok || e.Status != http.StatusBadRequest {
					t.Fatalf("got %v, want a 400", err)
				}
				continue
			}
			observed = withPlan(t, observed, plan)
			shown := ToDomain(platform, observed)
			checkDomain(t, platform, members, shown)
			if got, found := Password(observed); plan.NewDomain && (got != credential.TrimLineBreak(password) || !found) {
				t.Errorf("the password is another, or %t", found)
			}
			checkHidden(t, plan, password)
			again, err := ChangeDomain(platform, observed, asRead(t, shown), fresh)
			if err != nil || !again.Empty() {
				t.Errorf("writing what was read: got %v and %+v, want nothing to do", err, again)
			}
		}
	})
}

// withPlan is what there is after a plan about a Domain.
func withPlan(t *testing.T, observed Observed, plan Plan) Observed {
	t.Helper()
	observed.Secrets = map[string]*corev1.Secret{}
	for _, secret := range plan.Secrets {
		observed.Secrets[secret.Name] = secret
	}
	if plan.Domain == nil {
		return observed
	}
	encoded, err := json.Marshal(plan.Domain)
	if err != nil {
		t.Fatal(err)
	}
	observed.Domain = &v1alpha1.Domain{}
	if err := json.Unmarshal(encoded, observed.Domain); err != nil {
		t.Fatal(err)
	}
	return observed
}

// checkDomain fails the test if what a client wrote reads differently; what it left empty is the platform's.
func checkDomain(t *testing.T, platform Platform, written map[string]any, read wire.Domain) {
	t.Helper()
	said := func(name string) string {
		text, _ := written[name].(string)
		return strings.TrimSpace(text)
	}
	number := func(name string) int {
		n, err := strconv.Atoi(cmp.Or(said(name), "0"))
		if err != nil {
			t.Errorf("%s is %q, and was taken for a number", name, said(name))
		}
		return n
	}
	want := read
	want.Domain, want.URL = hostOf(said("domain")), "https://"+hostOf(said("domain"))
	server := strings.TrimSuffix(said("email_host"), ".")
	if strings.HasPrefix(server, "[") {
		server = strings.Trim(server, "[]")
	}
	want.EmailHost = cmp.Or(server, platform.Mail.Host)
	want.EmailPort = int32(cmp.Or(number("email_port"), int(platform.Mail.Port), defaultMailPort))
	want.EmailHostUser = cmp.Or(said("email_host_user"), want.EmailHostUser)
	want.FromEmail = cmp.Or(said("from_email"), want.FromEmail)
	want.Authentication = number("authentication")
	if diff := gocmp.Diff(want, read); diff != "" {
		t.Errorf("-written, +read:\n%s", diff)
	}
}

// checkHidden fails the test if a Domain holds a password. One that is too short to be one's alone may be there by chance.
func checkHidden(t *testing.T, plan Plan, password string) {
	t.Helper()
	encoded, err := json.Marshal(plan.Domain)
	if err != nil {
		t.Fatal(err)
	}
	quoted, err := json.Marshal(password)
	if err != nil {
		t.Fatal(err)
	}
	if len(password) >= 20 && bytes.Contains(encoded, bytes.Trim(quoted, `"`)) {
		t.Error("the password is in the Domain")
	}
}

// asRead is what a client says that sends back what it read.
func asRead(t *testing.T, shown wire.Domain) wire.DomainBody {
	t.Helper()
	encoded, err := json.Marshal(shown)
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]any
	decoder := json.NewDecoder(bytes.NewReader(encoded))
	decoder.UseNumber()
	if err := decoder.Decode(&members); err != nil {
		t.Fatal(err)
	}
	body, err := wire.ParseDomain(members)
	if err != nil {
		t.Fatalf("what was read is refused: %v", err)
	}
	return body
}
