package sbom_test

import (
	"bytes"
	"debug/buildinfo"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdxlib"

	"github.com/berth-dev/berth/hack/release/internal/sbom"
)

// TestOf lists what this module's own command is made of, which is a Go program like any other.
func TestOf(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "release")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../..").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	description := sbom.Description{
		Name: "test_v1.2.3_linux_amd64", Version: "v1.2.3", License: "Apache-2.0", Source: "https://example.com/test", Created: time.Unix(1_790_000_000, 0),
	}
	content, err := sbom.Of(program, description)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := sbom.Of(program, description); err != nil || !bytes.Equal(content, again) {
		t.Errorf("the same program made two different documents, error %v", err)
	}
	document, err := json.Read(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	if err := spdxlib.ValidateDocument(document); err != nil {
		t.Error(err)
	}
	if got, want := document.CreationInfo.Created, "2026-09-21T14:13:20Z"; got != want {
		t.Errorf("created %q, want %q", got, want)
	}
	if !strings.HasPrefix(document.DocumentNamespace, "https://example.com/test/spdx/test_v1.2.3_linux_amd64-") {
		t.Errorf("namespace %q", document.DocumentNamespace)
	}
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{info.Path + " v1.2.3", "stdlib " + strings.TrimPrefix(info.GoVersion, "go")}
	for _, m := range info.Deps {
		want = append(want, m.Path+" "+m.Version)
	}
	var got []string
	for _, p := range document.Packages {
		got = append(got, p.PackageName+" "+p.PackageVersion)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("packages (-want +got):\n%s", diff)
	}
	if !slices.ContainsFunc(got, func(p string) bool { return strings.HasPrefix(p, "github.com/spdx/tools-golang ") }) {
		t.Errorf("a module is missing in %v", got)
	}
	for _, p := range document.Packages {
		if len(p.PackageExternalReferences) != 1 || strings.Contains(p.PackageExternalReferences[0].Locator, "+") {
			t.Errorf("%s is at %v, want one package URL without a plus sign", p.PackageName, p.PackageExternalReferences)
		}
	}
}

func TestOfErrors(t *testing.T) {
	t.Parallel()
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("no program"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, program := range map[string]string{"NoFile": filepath.Join(t.TempDir(), "none"), "NoProgram": text} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := sbom.Of(program, sbom.Description{}); err == nil {
				t.Error("no error")
			}
		})
	}
}
