package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/berth-dev/berth/hack/dev/stack"
)

// TestBackup saves an organization, deletes it with its API key, and restores it, by the commands of docs/guides/backup-and-restore.md.
func TestBackup(t *testing.T) {
	t.Parallel()
	const organizationName, slug, host = "saved", "saved-app", "www.saved.test"
	manager := organization(t, organizationName)
	image := push(t, slug+":v1", "-version=v1")
	made := map[string]any{"slug": slug, "location": image, "env": []env{{"GREETING", "Hello"}}, "domain": host}
	manager.call(t, http.MethodPost, "", made, http.StatusCreated, nil)
	mustBeReady(t, organizationName, slug)
	var before, after app
	manager.call(t, http.MethodGet, slug+"/", nil, http.StatusOK, &before)

	key := "apikey-" + keyID(t, manager.key)
	namespace := save(t, "namespaces", "-l", "berth.dev/organization="+organizationName)
	secrets := save(t, "secrets", "-n", organizationName, "-l", "berth.dev/secret notin (tls, pull),!cert-manager.io/next-private-key")
	apps := save(t, "apps", "-n", organizationName)
	domains := save(t, "domains", "-n", organizationName)
	keys := save(t, "secrets", key, "-n", stack.Namespace)
	owned := kubectl(t, "", "get", "domains", "-n", organizationName, "-o",
		"jsonpath={range .items[?(@.metadata.ownerReferences)]}{.metadata.name} {.metadata.ownerReferences[0].name}{end}")

	kubectl(t, "", "delete", "namespace", organizationName, "--timeout=2m")
	kubectl(t, "", "delete", "secret", key, "-n", stack.Namespace)
	for _, saved := range []string{namespace, secrets, apps, domains, keys} {
		kubectl(t, saved, "apply", "--server-side", "--field-manager=berth-facade", "-f", "-")
	}
	giveBack(t, organizationName, owned)

	kubectl(t, "", "wait", "apps,domains", "--all", "-n", organizationName, "--for=condition=Ready", "--timeout=2m")
	waitForPage(t, slug+"."+berth.Env.BaseDomain, "Hello from sample v1")
	eventually(t, 10*time.Second, "the facade knows the key again", func() (bool, string) {
		status, _ := manager.send(t, http.MethodGet, "/containers/"+organizationName+"/apps/", nil)
		return status == http.StatusOK, http.StatusText(status)
	})
	manager.call(t, http.MethodGet, slug+"/", nil, http.StatusOK, &after)
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("REST shows something else than before; -before +after:\n%s", diff)
	}
	manager.call(t, http.MethodPut, slug+"/", map[string]any{"env": []env{{"GREETING", "Again"}}}, http.StatusOK, nil)
	manager.call(t, http.MethodDelete, slug+"/", nil, http.StatusNoContent, nil)
	eventually(t, time.Minute, "the Domain goes with its App", func() (bool, string) {
		left := kubectl(t, "", "get", "domains", "-n", organizationName, "-o", "name")
		return left == "", left
	})
}

// save returns objects as JSON, without what only the cluster knows that they are in.
func save(t *testing.T, what ...string) string {
	t.Helper()
	const clean = `{"metadata": {"ownerReferences": null, "uid": null, "resourceVersion": null, "creationTimestamp": null, "managedFields": null}, ` +
		`"status": null}`
	found := kubectl(t, "", append([]string{"get", "-o", "json"}, what...)...)
	return kubectl(t, found, "patch", "--local", "-f", "-", "--type=merge", "-p", clean, "-o", "json")
}

// giveBack makes a Domain go with its App again, as "DOMAIN APP" says.
func giveBack(t *testing.T, namespace, owned string) {
	t.Helper()
	domain, app, ok := strings.Cut(owned, " ")
	if !ok {
		t.Fatalf("no Domain belonged to an App: %q", owned)
	}
	uid := kubectl(t, "", "get", "app", app, "-n", namespace, "-o", "jsonpath={.metadata.uid}")
	owner := fmt.Sprintf(`{"metadata": {"ownerReferences": [{"apiVersion": "berth.dev/v1alpha1", "kind": "App", "name": %q, "uid": %q}]}}`, app, uid)
	kubectl(t, "", "patch", "domain", domain, "-n", namespace, "--type=merge", "--field-manager=berth-facade", "-p", owner)
}
