// Package manifests renders what is in the folder config, the way that whoever installs Berth by kustomize does: through an overlay.
package manifests

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// Build renders an overlay, in which CONFIG stands for a checkout's folder config.
func Build(config, overlay string) (built resmap.ResMap, err error) {
	dir, err := os.MkdirTemp("", "berth-overlay-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := Write(dir, config, overlay); err != nil {
		return nil, err
	}
	return krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
}

// Write makes a folder the overlay that Build renders.
func Write(dir, config, overlay string) error {
	from, err := filepath.EvalSymlinks(dir) // Where kustomize starts from.
	if err != nil {
		return err
	}
	to, err := filepath.Abs(config)
	if err != nil {
		return err
	}
	if to, err = filepath.Rel(from, to); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(strings.ReplaceAll(overlay, "CONFIG", to)), 0o600)
}
