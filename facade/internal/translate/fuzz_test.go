package translate

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/wire"
)

// FuzzDomainRoundTrip says that whatever a client writes of a domain, it reads; that what it read is no change; and that no secret is in the
// Domain.
func FuzzDomainRoundTrip(f *testing.F) {
	f.Add("cowork.example.com", "smtp.example.com", "587", "ann@example.com", "a-password-of-one's-own", "support@example.com", "1")
	f.Add("shop.apps.example.com", "", "", "", "", "", "0")
	f.Add("www.example.com", "::1", "465", "ann", "", "", "2")
	f.Add("WWW.Example.com.", "MAIL.example.com", "", "postmaster@example.com", "", "postmaster@example.com", "")
	mail := Mail{From: "hello@example.com", Host: "mail.example.com", Port: 587, User: "postmaster@example.com"}
	withMail := Platform{BaseDomain: "apps.example.com", Mail: mail}
	f.Fuzz(func(t *testing.T, host, server, port, user, password, from, login string) {
		members := map[string]any{
			"domain": host, "email_host": server, "email_port": port, "email_host_user": user, "email_host_password": password, "from_email": from,
			"authentication": login,
		}
		if login == "" {
			delete(members, "authentication")
		}
		body, err := wire.ParseDomain(members)
		if err != nil {
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
			checkDomain(t, body, ToDomain(platform, observed))
			if got, found := Password(observed); plan.NewDomain && (got != password || !found) {
				t.Errorf("the password is another, or %t", found)
			}
			checkHidden(t, plan, password)
			shown := ToDomain(platform, observed)
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
func checkDomain(t *testing.T, written wire.DomainBody, read wire.Domain) {
	t.Helper()
	want := read
	for _, field := range []struct {
		to      *string
		written *string
	}{{&want.Domain, written.Domain}, {&want.EmailHost, written.EmailHost}, {&want.EmailHostUser, written.EmailHostUser}, {&want.FromEmail, written.FromEmail}} {
		if field.written != nil && *field.written != "" {
			*field.to = *field.written
		}
	}
	if port := written.EmailPort; port != nil && *port != 0 {
		want.EmailPort = *port
	}
	if written.Authentication != nil {
		want.Authentication = *written.Authentication
	}
	if diff := cmp.Diff(want, read); diff != "" {
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
