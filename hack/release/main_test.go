package main

import (
	"errors"
	"flag"
	"io"
	"path/filepath"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ args, want string }{
		"Release":      {args: "--version=v1.2.3"},
		"Candidate":    {args: "--version=v1.2.3-rc.1 --platform=linux/amd64 --platform=darwin/arm64"},
		"NoVersion":    {want: "--version"},
		"NoV":          {args: "--version=1.2.3", want: "--version"},
		"Short":        {args: "--version=v1.2", want: "--version"},
		"PlusSign":     {args: "--version=v1.2.3+a", want: "--version"},
		"Platform":     {args: "--version=v1.2.3 --platform=linux", want: "OS/ARCH"},
		"Argument":     {args: "--version=v1.2.3 dist", want: "unexpected argument"},
		"HelpIsNoFlaw": {args: "--help", want: flag.ErrHelp.Error()},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, err := parse(strings.Fields(tc.args))
			if tc.want != "" {
				if err == nil || !strings.Contains(err.Error(), tc.want) {
					t.Errorf("parse(%q): got %v, want an error that tells of %q", tc.args, err, tc.want)
				}
				return
			}
			if err != nil || !filepath.IsAbs(o.root) || len(o.platforms) == 0 {
				t.Errorf("parse(%q) = %+v, %v", tc.args, o, err)
			}
		})
	}
}

func TestFullFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := copyFile(filepath.Join(dir, "file"), "go.mod"); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), []string{"--version=v1.2.3", "--out=" + dir}, io.Discard); err == nil || errors.Is(err, flag.ErrHelp) {
		t.Errorf("run into a folder that holds a file: %v, want an error", err)
	}
}
