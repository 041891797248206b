package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/berth-dev/berth/hack/release/internal/sign"
)

// checksums writes the SHA-256 of every other file of the release, for sha256sum -c, and its signature if there is a key.
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
	if err := r.write("checksums.txt", sums.Bytes()); err != nil || r.key == nil {
		return err
	}
	signature, err := r.key.Sign(sums.Bytes())
	if err != nil {
		return fmt.Errorf("sign checksums.txt: %w", err)
	}
	r.logf("sign checksums.txt")
	return r.write("checksums.txt.sig", []byte(signature+"\n"))
}

// loadKey reads the key to sign with, if there is one, before anything takes time.
func (r *release) loadKey(context.Context) (err error) {
	if r.signingKey != "" {
		r.key, err = sign.Load(r.signingKey)
	}
	return err
}
