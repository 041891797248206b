package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// checksums writes the SHA-256 of every other file of the release, for sha256sum -c.
func (r *release) checksums(context.Context) error {
	var sums bytes.Buffer
	err := fs.WalkDir(os.DirFS(r.out), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(filepath.Join(r.out, name)) //nolint:gosec // The folder is ours.
		if err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(content), name)
		return nil
	})
	if err != nil {
		return err
	}
	return r.write("checksums.txt", sums.Bytes())
}
