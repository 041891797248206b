package e2e

import (
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	berthv1alpha1 "github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/hack/dev/stack"
)

// backupGuide has the commands that TestBackup runs.
const backupGuide = "../../docs/guides/backup-and-restore.md"

// TestBackup saves an organization, deletes it with its API key and Berth's settings, and restores it, by the commands of the guide.
func TestBackup(t *testing.T) {
	t.Parallel()
	const organizationName, slug, host = "saved", "saved-app", "www.saved.test"
	manager := organization(t, organizationName)
	image := push(t, slug+":v1", "-version=v1")
	made := map[string]any{"slug": slug, "location": image, "env": []env{{"GREETING", "Hello"}}, "domain": host}
	manager.call(t, http.MethodPost, "", made, http.StatusCreated, nil)
	mustBeReady(t, organizationName, slug)
	kubectl(t, "", "create", "configmap", "notes", "-n", organizationName, "--from-literal=colour=blue")
	key := "apikey-" + keyID(t, manager.key)
	var before, after app
	manager.call(t, http.MethodGet, slug+"/", nil, http.StatusOK, &before)
	kept := settings(t)

	dir := t.TempDir()
	// The keys of other tests are theirs.
	saving := strings.Replace(commands(t, "Save", organizationName), "=api-key", "=api-key --field-selector=metadata.name="+key, 1)
	bash(t, dir, saving)
	kubectl(t, "", "delete", "organization", organizationName, "--timeout=2m")
	kubectl(t, "", "wait", "namespace", organizationName, "--for=delete", "--timeout=2m")
	kubectl(t, "", "delete", "hostclaims", "--field-selector=spec.organization="+organizationName) // As in another cluster.
	kubectl(t, "", "delete", "secret", key, "-n", stack.KeysNamespace)
	for name := range kept {
		kubectl(t, "", "delete", "secret", name, "-n", stack.Namespace)
	}
	bash(t, dir, commands(t, "Restore", organizationName))

	waitForPage(t, slug+"."+berth.Env.BaseDomain, "Hello from sample v1")
	if got := kubectl(t, "", "get", "hostclaim", host, "-o", "jsonpath={.spec.organization}"); got != organizationName {
		t.Errorf("the host is claimed for %q", got)
	}
	if diff := cmp.Diff("blue", kubectl(t, "", "get", "configmap", "notes", "-n", organizationName, "-o", "jsonpath={.data.colour}")); diff != "" {
		t.Errorf("the ConfigMap: -before +after:\n%s", diff)
	}
	if !cmp.Equal(kept, settings(t)) { // What differs is secret.
		t.Error("the settings are not as before")
	}
	eventually(t, time.Minute, "the facade knows the key again", manager.lists(t, http.StatusOK))
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

// commands are those of a section of the guide, for another organization than the guide's.
func commands(t *testing.T, section, organization string) string {
	t.Helper()
	text, err := os.ReadFile(backupGuide)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "\n### "+section+"\n")
	if !found {
		t.Fatalf("%s has no section %s", backupGuide, section)
	}
	rest, _, _ = strings.Cut(rest, "\n### ")
	var script strings.Builder
	for line := range strings.Lines(rest) {
		if strings.HasPrefix(line, "    ") { // Less is a list's text.
			script.WriteString(line)
		}
	}
	return strings.ReplaceAll(script.String(), "cowork", organization)
}

// bash runs a script in a folder, where kubectl leads to the cluster. The first command that fails ends it.
func bash(t *testing.T, dir, script string) {
	t.Helper()
	programs, err := exec.CommandContext(t.Context(), clusterCommand, "assets").Output()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-euc", script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+strings.TrimSpace(string(programs))+":"+os.Getenv("PATH"), "KUBECONFIG="+berth.Env.Kubeconfig)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s; of the script\n%s", err, out, script)
	}
}

// settings are the Secrets with the facade's settings, by their names.
func settings(t *testing.T) map[string]map[string][]byte {
	t.Helper()
	var list corev1.SecretList
	opaque := client.MatchingFields{"type": string(corev1.SecretTypeOpaque)}
	if err := berth.Client.List(t.Context(), &list, client.InNamespace(stack.Namespace), opaque); err != nil {
		t.Fatal(err)
	}
	found := map[string]map[string][]byte{}
	for _, s := range list.Items {
		_, ofBerth := s.Labels[berthv1alpha1.LabelSecret]
		_, ofCertManager := s.Labels["cert-manager.io/next-private-key"]
		if !ofBerth && !ofCertManager {
			found[s.Name] = s.Data
		}
	}
	for _, name := range []string{"berth-mail", "berth-oidc", "berth-session"} {
		if found[name] == nil {
			t.Fatalf("there is no Secret %s", name)
		}
	}
	return found
}
