package rbac

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"

	"github.com/berth-dev/berth/config/manifests"
)

// The admission policy on Secrets applies to those who may not get them, and tokens of ServiceAccounts would be another way to what it keeps: none of
// the roles of people has such a right.
func TestRolesOfPeopleReadNoSecrets(t *testing.T) {
	t.Parallel()
	granted := read(t)
	for _, role := range []string{"berth-manager", "berth-contributor", "berth-host"} {
		for _, single := range granted["ClusterRole/"+role] {
			verb, resource, _ := strings.Cut(single, " ")
			reads := strings.HasPrefix(resource, "secrets") && !slices.Contains([]string{"create", "patch", "delete"}, verb)
			if reads || strings.HasPrefix(resource, "serviceaccounts") || strings.Contains(single, "*") {
				t.Errorf("%s grants %q", role, single)
			}
		}
	}
}

// The right to see values of variables is a manager's. The patch of docs/keys.md gives it to contributors, and nothing more.
func TestWhoSeesValues(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "keys.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, patch, ok := strings.Cut(string(page), "\n    patches:\n")
	patch, _, end := strings.Cut(patch, "\n\n")
	if !ok || !end {
		t.Fatal("docs/keys.md has no patch")
	}
	var lines []string
	for line := range strings.Lines(patch) {
		lines = append(lines, strings.TrimPrefix(line, "    "))
	}
	const right = "get berth.dev/apps/env"
	for name, tc := range map[string]struct {
		overlay string
		want    []string
	}{
		"Default": {"", []string{"berth-manager"}},
		"Patched": {"patches:\n" + strings.Join(lines, ""), []string{"berth-contributor", "berth-manager"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			built, err := manifests.Build("..", "resources: [CONFIG/rbac]\n"+tc.overlay)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range built.Resources() {
				var role rbacv1.ClusterRole
				raw, err := r.AsYAML()
				if err != nil || r.GetKind() != "ClusterRole" {
					continue
				}
				if err := yaml.UnmarshalStrict(raw, &role); err != nil {
					t.Fatal(err)
				}
				for _, rule := range role.Rules {
					if slices.Contains(singles(rule), right) {
						got = append(got, role.Name)
					}
				}
			}
			slices.Sort(got)
			if !slices.Equal(tc.want, got) {
				t.Errorf("%s is granted by %q, want %q", right, got, tc.want)
			}
		})
	}
}
