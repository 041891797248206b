package e2e

import (
	"net/http"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestMailArrives(t *testing.T) {
	t.Parallel()
	const org, slug = "mail-org", "mail-app"
	organization(t, org).deploy(t, slug, "Mail")
	manager := managerOf(t, org, "owner@mail-org.test")
	settings := map[string]any{"domain": "www.mail-app.test", "from_email": "shop@mail-app.test"}
	manager.callDomains(t, http.MethodPut, slug+"/", settings, http.StatusOK, nil)
	manager.callDomains(t, http.MethodPost, slug+"/test-email/", nil, http.StatusCreated, nil)
	message := waitForMail(t, "owner@mail-org.test")
	headers := map[string]string{"From": "shop@mail-app.test", "To": "owner@mail-org.test", "X-Envelope-From": "shop@mail-app.test"}
	for header, want := range headers {
		if got := addressIn(t, message, header); got != want {
			t.Errorf("%s is %q, want %q", header, got, want)
		}
	}
	if subject := message.Header.Get("Subject"); !strings.Contains(subject, "www.mail-app.test") {
		t.Errorf("the subject does not say which host it is about: %q", subject)
	}
}

// TestMailThroughAServerOfOnesOwn uses the same mail server as a customer's, by TLS from the start.
func TestMailThroughAServerOfOnesOwn(t *testing.T) {
	t.Parallel()
	const org, slug = "ownmail-org", "ownmail-app"
	organization(t, org).deploy(t, slug, "Mail")
	manager := managerOf(t, org, "owner@ownmail-org.test")
	server := berth.MailServer()
	password, err := os.ReadFile(server.PasswordFile)
	if err != nil {
		t.Fatal(err)
	}
	settings := map[string]any{
		"from_email": "shop@ownmail-app.test", "email_host": server.Host, "email_port": 465,
		"email_host_user": server.User, "email_host_password": "not the password",
	}
	manager.callDomains(t, http.MethodPut, slug+"/", settings, http.StatusOK, nil)
	manager.mustBeRefused(t, slug, "Authentication failed")

	settings["email_host_password"] = string(password)
	manager.callDomains(t, http.MethodPut, slug+"/", settings, http.StatusOK, nil)
	manager.callDomains(t, http.MethodPost, slug+"/test-email/", nil, http.StatusCreated, nil)
	if got := addressIn(t, waitForMail(t, "owner@ownmail-org.test"), "From"); got != "shop@ownmail-app.test" {
		t.Errorf("it is from %q", got)
	}
}

func TestMailServersRefusalIsTold(t *testing.T) {
	t.Parallel()
	const org, slug = "refused-org", "refused-app"
	organization(t, org).deploy(t, slug, "Mail")
	managerOf(t, org, "owner@refused.test").mustBeRefused(t, slug, "Nobody at refused.test takes mail from here")

	// A server where no customer's can be.
	manager := managerOf(t, org, "owner@refused-org.test")
	settings := map[string]any{"email_host": "10.96.0.1", "from_email": "shop@refused-app.test"}
	manager.callDomains(t, http.MethodPut, slug+"/", settings, http.StatusOK, nil)
	manager.mustBeRefused(t, slug, "10.96.0.1")
}

// mustBeRefused asks for a mail and expects it to be refused with words.
func (c *restClient) mustBeRefused(t *testing.T, slug, words string) {
	t.Helper()
	var got refusal
	c.callDomains(t, http.MethodPost, slug+"/test-email/", nil, http.StatusBadRequest, &got)
	if !strings.Contains(got.detail(), words) {
		t.Errorf("the detail is %q, want one with %q", got.detail(), words)
	}
}

// waitForMail waits until a mail for an address arrived, and returns it.
func waitForMail(t *testing.T, to string) *mail.Message {
	t.Helper()
	var found *mail.Message
	eventually(t, time.Minute, "a mail for "+to, func() (bool, string) {
		files, err := filepath.Glob(filepath.Join(berth.Env.MailDir, "*.eml"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			message, err := mail.ReadMessage(strings.NewReader(string(text)))
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			if addressIn(t, message, "X-Envelope-To") == to {
				found = message
			}
		}
		return found != nil, strings.Join(files, " ")
	})
	return found
}

// addressIn is the one address in a header.
func addressIn(t *testing.T, message *mail.Message, header string) string {
	t.Helper()
	list, err := message.Header.AddressList(header)
	if err != nil || len(list) != 1 {
		t.Fatalf("%s: %q: %v", header, message.Header.Get(header), err)
	}
	return list[0].Address
}
