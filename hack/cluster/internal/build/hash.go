package build

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/berth-dev/berth/hack/cluster/internal/component"
)

// layout is part of every hash. Raise it when builds of the same sources come to lie differently in the
// cache.
const layout = "2"

// hash tells one state of a component from every other: its recipe, its module, its sources and the
// toolchain. It does not cover the sources of dependencies, since go.sum does.
func hash(root string, c component.Component, tools toolchain) (string, error) {
	recipe, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%+v\n%s\n", layout, tools, recipe)
	dir := filepath.Join(root, c.Dir)
	files := []string{filepath.Join(dir, "go.mod"), filepath.Join(dir, "go.sum")}
	for _, s := range c.Sources {
		found, err := goFiles(filepath.Join(dir, s))
		if err != nil {
			return "", err
		}
		files = append(files, found...)
	}
	for _, f := range files {
		if err := addFile(h, dir, f); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil))[:16], nil
}

// goFiles lists the Go files that are built in dir, tests left out, in a fixed order.
func goFiles(dir string) ([]string, error) {
	all, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	found := slices.DeleteFunc(all, func(f string) bool { return strings.HasSuffix(f, "_test.go") })
	if len(found) == 0 {
		return nil, fmt.Errorf("no Go files lie in %s", dir)
	}
	return found, nil
}

func addFile(w io.Writer, dir, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	rel, err := filepath.Rel(dir, file)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s %d\n%s\n", rel, len(text), text)
	return err
}
