package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	berthv1alpha1 "github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/hack/dev/stack"
	"github.com/berth-dev/berth/internal/apikey"
	"github.com/berth-dev/berth/internal/rbac"
)

// facadeUser is who the API server takes the facade for.
const facadeUser = "system:serviceaccount:" + stack.Namespace + ":berth-facade"

// auditUser is a user as the API server's audit log names one.
type auditUser struct {
	Username string   `json:"username"`
	Groups   []string `json:"groups"`
}

// auditEvent is what this test reads of a line of the audit log.
type auditEvent struct {
	AuditID          string     `json:"auditID"`
	Verb             string     `json:"verb"`
	User             auditUser  `json:"user"`
	ImpersonatedUser *auditUser `json:"impersonatedUser"`
	ObjectRef        struct {
		Resource  string `json:"resource"`
		Namespace string `json:"namespace"`
		Name      string `json:"name"`
	} `json:"objectRef"`
	ResponseStatus struct {
		Code int `json:"code"`
	} `json:"responseStatus"`
}

// TestAuditLogNamesTheKey has each REST write appear in the API server's audit log as one of the key's user, under the id of its request.
func TestAuditLogNamesTheKey(t *testing.T) {
	t.Parallel()
	const org, slug = "audit-org", "audit-app"
	manager := organization(t, org)
	image := push(t, slug+":v1", "-version=v1")
	mail := map[string]any{
		"domain": "www.audit-app.test", "from_email": "shop@audit-app.test",
		"email_host": "mail.audit-app.test", "email_host_user": "shop", "email_host_password": "not the password",
	}
	writes := []struct {
		name  string
		write func()
		// resources are those that the write changes.
		resources []string
		// verbs are the ones that it may use.
		verbs []string
	}{
		{"POST app", func() {
			manager.call(t, http.MethodPost, "", map[string]any{"slug": slug, "location": image}, http.StatusCreated, nil)
		}, []string{"apps"}, []string{"create", "patch"}},
		{"PUT app", func() {
			manager.call(t, http.MethodPut, slug+"/", map[string]any{"dataset": "testing"}, http.StatusOK, nil)
		}, []string{"apps"}, []string{"update", "patch"}},
		{"PUT domain", func() {
			manager.callDomains(t, http.MethodPut, slug+"/", mail, http.StatusOK, nil)
		}, []string{"domains", "secrets"}, []string{"create", "update", "patch"}},
		{"DELETE app", func() {
			manager.call(t, http.MethodDelete, slug+"/", nil, http.StatusNoContent, nil)
		}, []string{"apps"}, []string{"delete"}},
	}
	var requestID string
	manager.answered = func(header http.Header) { requestID = header.Get("X-Request-Id") }
	user := rbac.UserOfKey(keyID(t, manager.key))
	group := rbac.Group(org, rbac.RoleManager)
	for _, w := range writes {
		before := len(auditEvents(t, org))
		w.write()
		for _, resource := range w.resources {
			eventually(t, time.Minute, w.name+" is in the audit log as a write of "+resource, func() (bool, string) {
				events := auditEvents(t, org)[before:]
				found := slices.ContainsFunc(events, func(e auditEvent) bool {
					done := e.ObjectRef.Resource == resource && slices.Contains(w.verbs, e.Verb) && e.ResponseStatus.Code < 300
					return done && e.AuditID == requestID
				})
				return found, describe(events)
			})
		}
	}
	for _, e := range auditEvents(t, org) {
		if e.ImpersonatedUser == nil || e.ImpersonatedUser.Username != user || !slices.Contains(e.ImpersonatedUser.Groups, group) {
			t.Errorf("%s: want it done as %s in %s", describe([]auditEvent{e}), user, group)
		}
	}
}

// keyID returns the id of a key: what the cluster keeps of it is a hash and that.
func keyID(t *testing.T, token string) string {
	t.Helper()
	var secrets corev1.SecretList
	inBerth, keys := client.InNamespace(stack.KeysNamespace), client.MatchingLabels{berthv1alpha1.LabelSecret: berthv1alpha1.SecretAPIKey}
	if err := berth.Client.List(t.Context(), &secrets, inBerth, keys); err != nil {
		t.Fatal(err)
	}
	for _, s := range secrets.Items {
		key, err := apikey.FromSecret(&s)
		if err == nil && key.Hash == apikey.Hash(token) {
			return key.ID
		}
	}
	t.Fatal("no Secret stands for the key")
	return ""
}

// auditEvents are the facade's writes in a Namespace so far, in their order.
func auditEvents(t *testing.T, namespace string) []auditEvent {
	t.Helper()
	data, err := os.ReadFile(berth.Env.AuditLog)
	if err != nil {
		t.Fatal(err)
	}
	var events []auditEvent
	// What follows the last newline is still being written.
	for lines := bufio.NewReader(bytes.NewReader(data)); ; {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return events
		}
		var e auditEvent
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(err)
		}
		if e.User.Username == facadeUser && e.ObjectRef.Namespace == namespace {
			events = append(events, e)
		}
	}
}

// describe tells of each event what was done as whom.
func describe(events []auditEvent) string {
	var texts []string
	for _, e := range events {
		as := "nobody else"
		if u := e.ImpersonatedUser; u != nil {
			as = u.Username + " in " + strings.Join(u.Groups, ", ")
		}
		texts = append(texts, e.Verb+" "+e.ObjectRef.Resource+" "+e.ObjectRef.Name+" by the facade as "+as+" for "+e.AuditID)
	}
	return strings.Join(texts, "; ")
}
