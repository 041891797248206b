package facade

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/translate"
	"github.com/berth-dev/berth/internal/apikey"
	"github.com/berth-dev/berth/internal/host"
)

// TestTestEmail says by which server, as whom and from where a test e-mail goes, whose arrival the caller is told of.
func TestTestEmail(t *testing.T) {
	custom := map[string]any{"email_host": mailHost, "email_port": suite.custom.port}
	cases := map[string]struct {
		body   map[string]any
		server *mailServer
		want   received
	}{
		"Platform": {server: suite.mail, want: received{from: fromEmail, user: mailUser, password: mailPassword}},
		"OwnFrom":  {body: map[string]any{"from_email": "a@b"}, server: suite.mail, want: received{from: "a@b", user: mailUser, password: mailPassword}},
		"FromWithName": {
			body: map[string]any{"from_email": "Größe <a@münchen.example>"}, server: suite.mail,
			want: received{from: "a@xn--mnchen-3ya.example", user: mailUser, password: mailPassword},
		},
		"PasswordOfAFile": {
			body:   map[string]any{"email_host_user": "ann@example.org", "email_host_password": "hers\n"},
			server: suite.mail,
			want:   received{from: "ann@example.org", user: "ann@example.org", password: "hers"},
		},
		"OwnLogin": {
			body:   map[string]any{"email_host_user": "ann@example.org", "email_host_password": "hers"},
			server: suite.mail,
			want:   received{from: "ann@example.org", user: "ann@example.org", password: "hers"},
		},
		"OwnLoginCalledAsThePlatforms": {
			body:   map[string]any{"email_host": mailHost, "email_host_user": mailUser, "email_host_password": "hers"},
			server: suite.mail,
			want:   received{from: fromEmail, user: mailUser, password: "hers"},
		},
		"OwnServer": {body: custom, server: suite.custom, want: received{from: fromEmail}},
		"OwnPort":   {body: map[string]any{"email_port": suite.custom.port}, server: suite.custom, want: received{from: fromEmail}},
		"OwnAll": {
			body:   with(custom, map[string]any{"email_host_user": "ann", "email_host_password": "hers", "from_email": "c@d"}),
			server: suite.custom,
			want:   received{from: "c@d", user: "ann", password: "hers"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			org, key, slug := newSite(t, "mail")
			call(t, key, http.MethodPut, domainPath(org, slug), with(map[string]any{}, tc.body)).want(t, http.StatusOK)
			got := call(t, key, http.MethodPost, domainPath(org, slug)+"test-email/", nil).want(t, http.StatusCreated).json(t)
			host := slug + "." + baseDomain
			if diff := cmp.Diff(map[string]any{"detail": "A test e-mail for " + host + " was sent to ann@example.com."}, got); diff != "" {
				t.Errorf("-want, +got:\n%s", diff)
			}
			tc.want.to, tc.want.subject = "ann@example.com", "Test e-mail for "+host
			if diff := cmp.Diff([]received{tc.want}, tc.server.messagesFor(host), cmp.AllowUnexported(received{})); diff != "" {
				t.Errorf("messages: -want, +got:\n%s", diff)
			}
		})
	}
}

// TestTestEmailOfOrganization says which app a test e-mail is for when the path doesn't.
func TestTestEmailOfOrganization(t *testing.T) {
	org, key := organization(t)
	suffix := strings.TrimPrefix(org, "org-")
	path := "/api/notifications/" + org + "/test-email/"
	sent := func(want string, body any) {
		t.Helper()
		call(t, key, http.MethodPost, path, body).want(t, http.StatusCreated)
		if got := suite.mail.messagesFor(want + "." + baseDomain); len(got) != 1 {
			t.Errorf("%d messages arrived for %s", len(got), want)
		}
	}
	refused := func(body any) {
		t.Helper()
		if got := call(t, key, http.MethodPost, path, body).want(t, http.StatusBadRequest).json(t); got["slug"] == nil {
			t.Errorf("the error doesn't name the slug: %v", got)
		}
	}
	add := func(slug string) {
		t.Helper()
		call(t, key, http.MethodPost, appsPath(org), map[string]any{"slug": slug, "location": "example.com/a"}).want(t, http.StatusCreated)
	}
	refused(nil)
	add("one-" + suffix)
	sent("one-"+suffix, nil)
	add("two-" + suffix)
	refused(nil)
	refused(map[string]any{"slug": "nobody"})
	refused(map[string]any{"slug": []any{}})
	sent("two-"+suffix, map[string]any{"slug": "two-" + suffix})
	add(org)
	sent(org, nil)
	sent("one-"+suffix, map[string]any{"slug": "one-" + suffix})
}

func TestTestEmailFails(t *testing.T) {
	org, key, slug := newSite(t, "mailfails")
	path := domainPath(org, slug)
	post := func(token string, status int) map[string]any {
		t.Helper()
		return call(t, token, http.MethodPost, path+"test-email/", nil).want(t, status).json(t)
	}
	nameless, token, err := apikey.New(apikey.Spec{Role: apikey.RoleManager, Organizations: []string{org}})
	if err != nil {
		t.Fatal(err)
	}
	if err := suite.cluster.Create(t.Context(), nameless.Secret(keysSpace)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the key works", func() bool { return call(t, token, http.MethodGet, path, nil).status == http.StatusOK })
	if diff := cmp.Diff(map[string]any{"detail": "Your API key has no e-mail address of an owner to send to."}, post(token, http.StatusBadRequest)); diff != "" {
		t.Errorf("to nobody: -want, +got:\n%s", diff)
	}

	call(t, key, http.MethodPut, path, map[string]any{"email_host_user": "ann", "email_host_password": "wrong"}).want(t, http.StatusOK)
	if got := post(key, http.StatusBadRequest)["detail"]; got != "The mail server refused the login by PLAIN: 535 5.0.0 who are you?" {
		t.Errorf("a wrong password: got %v", got)
	}
	for _, secret := range secretsOf(t, org, v1alpha1.SecretMailPassword) {
		if err := suite.cluster.Delete(t.Context(), &secret); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "a password that is gone is told", func() bool {
		return call(t, key, http.MethodPost, path+"test-email/", nil).json(t)["email_host_password"] != nil
	})
	// The same password again is one that isn't there.
	call(t, key, http.MethodPut, path, map[string]any{"email_host_password": "wrong"}).want(t, http.StatusOK)
	eventually(t, "an organization has its share", func() bool {
		got := call(t, key, http.MethodPost, path+"test-email/", nil)
		return got.status == http.StatusTooManyRequests && got.header.Get("Retry-After") != ""
	})
}

// TestNoMailServer says that without a mail server nothing is sent.
func TestNoMailServer(t *testing.T) {
	h := &mailHandlers{platform: translate.Platform{Hosts: host.Rules{BaseDomain: baseDomain}}, password: mailPassword}
	_, err := h.settings(translate.Observed{App: &v1alpha1.App{}})
	e, ok := errors.AsType[*apierr.Error](err)
	if !ok || e.Status != http.StatusBadRequest || e.Fields["email_host"] == nil {
		t.Errorf("settings(...): got %v, want a 400 that names email_host", err)
	}
}
