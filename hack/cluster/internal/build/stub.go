package build

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// stub replaces packages of other modules, each by the files of a folder, for the builds of a module. It returns the path of the go.mod that they
// need, in dir, or the empty string if there is nothing to replace.
//
// Go's flag -overlay would do that too, but not for what lies in the module cache.
func stub(ctx context.Context, module, dir string, stubs map[string]string) (string, error) {
	if len(stubs) == 0 {
		return "", nil
	}
	modfile := filepath.Join(dir, "go.mod")
	for from, to := range map[string]string{"go.mod": modfile, "go.sum": filepath.Join(dir, "go.sum")} {
		text, err := os.ReadFile(filepath.Join(module, from))
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(to, text, 0o644); err != nil {
			return "", err
		}
	}
	copies := map[string]string{}
	for pkg, folder := range stubs {
		out, err := goCommand(ctx, module, "list", "-find", "-f", "{{.Module.Path}} {{.Module.Dir}} {{.Dir}}", pkg)
		if err != nil {
			return "", err
		}
		found := strings.Fields(string(out))
		if len(found) != 3 {
			return "", fmt.Errorf("package %s is in no module", pkg)
		}
		path, original, pkgDir := found[0], found[1], found[2]
		if copies[path] == "" {
			copies[path] = filepath.Join(dir, "module"+strconv.Itoa(len(copies)))
			if err := os.CopyFS(copies[path], os.DirFS(original)); err != nil {
				return "", err
			}
			if _, err := goCommand(ctx, module, "mod", "edit", "-replace="+path+"="+copies[path], modfile); err != nil {
				return "", err
			}
		}
		rel, err := filepath.Rel(original, pkgDir)
		if err != nil {
			return "", err
		}
		if err := replaceGoFiles(filepath.Join(copies[path], rel), filepath.Join(module, folder)); err != nil {
			return "", err
		}
	}
	return modfile, nil
}

// replaceGoFiles replaces the Go files of a folder by those of another one.
func replaceGoFiles(dir, from string) error {
	old, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return err
	}
	for _, f := range old {
		if err := os.Remove(f); err != nil {
			return err
		}
	}
	return copyFiles(from, dir)
}
