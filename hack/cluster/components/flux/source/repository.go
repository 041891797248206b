package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// repository is Git, asked about repositories elsewhere.
type repository struct {
	// command is the file of git.
	command string
}

// head returns the commit that a branch of a repository is at.
func (r repository) head(ctx context.Context, url, branch string) (string, error) {
	out, err := r.run(ctx, "ls-remote", "--exit-code", url, "refs/heads/"+branch)
	if err != nil {
		return "", err
	}
	commit, _, _ := strings.Cut(out, "\t")
	return commit, nil
}

// archive writes the files of a branch to a gzipped tar file, and returns the commit that they are of.
func (r repository) archive(ctx context.Context, url, branch, file string) (commit string, err error) {
	clone, err := os.MkdirTemp("", "clone-")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(clone)) }()
	if _, err := r.run(ctx, "clone", "--quiet", "--bare", "--depth=1", "--branch="+branch, url, clone); err != nil {
		return "", err
	}
	if commit, err = r.run(ctx, "-C", clone, "rev-parse", "HEAD"); err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return "", err
	}
	// Of the tree, since that of a commit begins with an entry that is no file.
	_, err = r.run(ctx, "-C", clone, "archive", "--format=tar.gz", "--output="+file, "HEAD^{tree}")
	return strings.TrimSpace(commit), err
}

func (r repository) run(ctx context.Context, args ...string) (string, error) {
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, r.command, args...)
	cmd.Stderr, cmd.Env = &stderr, append(os.Environ(), "GIT_TERMINAL_PROMPT=0")
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(stderr.String()))
	}
	return string(out), nil
}

// digest is the digest of a file as artifacts have it, and its size in bytes.
func digest(file string) (sum string, size int64, err error) {
	f, err := os.Open(file)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	h := sha256.New()
	size, err = io.Copy(h, f)
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), size, err
}
