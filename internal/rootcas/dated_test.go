package rootcas

import (
	"os"
	"runtime/debug"
	"testing"
	"time"

	"golang.org/x/mod/modfile"
)

func TestDated(t *testing.T) {
	t.Parallel()
	const version = "v0.0.0-20261030153154-30a33513ff6d"
	at := time.Date(2026, time.October, 30, 15, 31, 54, 0, time.UTC)
	cases := map[string]struct {
		deps []*debug.Module
		want time.Time
	}{
		"Version":     {deps: []*debug.Module{{Path: "golang.org/x/crypto", Version: "v0.58.0"}, {Path: roots, Version: version}}, want: at},
		"Replaced":    {deps: []*debug.Module{{Path: roots, Version: "v0.0.0-20200101000000-000000000000", Replace: &debug.Module{Version: version}}}, want: at},
		"Folder":      {deps: []*debug.Module{{Path: roots, Version: version, Replace: &debug.Module{Path: "../roots"}}}},
		"Release":     {deps: []*debug.Module{{Path: roots, Version: "v1.2.3"}}},
		"OtherModule": {deps: []*debug.Module{{Path: "golang.org/x/crypto", Version: version}}},
		"Nothing":     {},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := dated(&debug.BuildInfo{Deps: tc.deps}); !got.Equal(tc.want) {
				t.Errorf("dated(...) = %s, want %s", got, tc.want)
			}
		})
	}
}

// TestDatedByGoMod says that the version in go.mod is one that has a time. The programs of tests do not know what they are made of.
func TestDatedByGoMod(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := modfile.Parse("go.mod", text, nil)
	if err != nil {
		t.Fatal(err)
	}
	info := &debug.BuildInfo{}
	for _, required := range parsed.Require {
		info.Deps = append(info.Deps, &debug.Module{Path: required.Mod.Path, Version: required.Mod.Version})
	}
	if got := dated(info); got.IsZero() {
		t.Error("the version of the list of authorities in go.mod does not say when it was made")
	}
}
