package build_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1"

	"github.com/berth-dev/berth/hack/release/internal/build"
)

// TestDockerfile holds the flags of the Dockerfile against those of a release.
func TestDockerfile(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("../../../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(content), "\\\n    ", "")
	want := "RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -gcflags=" + build.CompilerFlags +
		` -ldflags="` + build.LinkerFlags("$VERSION") + `" -o /out/ `
	if !strings.Contains(text, want) {
		t.Errorf("the Dockerfile has no line that begins with:\n%s", want)
	}
}

func TestCommandsErrors(t *testing.T) {
	t.Parallel()
	linux := v1.Platform{OS: "linux", Architecture: "amd64"}
	cases := map[string]struct {
		root     string
		platform v1.Platform
		want     string
	}{
		"NoModule":   {root: t.TempDir(), platform: linux, want: "compile operator for linux/amd64"},
		"NoPlatform": {root: "../../../..", platform: v1.Platform{OS: "linux", Architecture: "none"}, want: "unsupported GOOS/GOARCH"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := build.Commands(t.Context(), tc.root, t.TempDir(), tc.platform, "v1", "operator"); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Commands: got %v, want an error that tells of %q", err, tc.want)
			}
		})
	}
}
