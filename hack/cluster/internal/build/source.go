// Package build makes the cluster's programs out of their Go modules and keeps them in a cache outside
// the checkout, so that a second checkout of the same state builds nothing.
package build

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
)

// subdir is where this project lies in a repository that uses it.
const subdir = "hack/cluster"

// FindSource returns the root folder of this project's sources: the first folder upward from the working
// directory, or else from the running program, that is it or holds it as hack/cluster.
func FindSource() (string, error) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "", errors.New("the program was built without module support")
	}
	wd, err := os.Getwd()
	if err != nil {
		return "", err
	}
	exe, err := os.Executable()
	if err != nil {
		return "", err
	}
	for _, start := range []string{wd, filepath.Dir(exe)} {
		if dir := upward(start, info.Main.Path); dir != "" {
			return dir, nil
		}
	}
	return "", fmt.Errorf("the sources of %s lie neither above %s nor above %s", info.Main.Path, wd, exe)
}

func upward(dir, module string) string {
	for {
		for _, d := range []string{dir, filepath.Join(dir, subdir)} {
			if text, err := os.ReadFile(filepath.Join(d, "go.mod")); err == nil && bytes.HasPrefix(text, []byte("module "+module+"\n")) {
				return d
			}
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
}
