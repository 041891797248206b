package stack

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEnvFileIsReadByShellsAndByUs(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		reason, value string
	}{
		"Plain":      {"a word that no shell changes", "https://127.0.0.1:8011"},
		"Empty":      {"an address that there is none of", ""},
		"Spaces":     {"a folder may have them in its name", "/home/some body/.run/kubeconfig"},
		"Quotes":     {"a quote must not end the value", "it's"},
		"Expansions": {"a shell must not expand what looks like a command", `$(false) $HOME "x" \`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "env")
			env := Env{Kubeconfig: tc.value, Mode: "node"}
			if err := env.write(path); err != nil {
				t.Fatal(err)
			}
			values, err := readAssignments(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.value, values["KUBECONFIG"]); diff != "" {
				t.Errorf("%s: read back: -want, +got:\n%s", tc.reason, diff)
			}
			// printenv sees only what the file exports.
			out, err := exec.CommandContext(t.Context(), "sh", "-c", `. "$0" && printenv KUBECONFIG`, path).Output()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.value+"\n", string(out)); diff != "" {
				t.Errorf("%s: in a shell: -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}
