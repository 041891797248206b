// Package registry is the cluster's image registry: pushed to from the machine, pulled from by the pods.
package registry

import (
	"io"
	"log"
	"net/http"
	"os"

	"github.com/google/go-containerregistry/pkg/registry"
)

// New returns a registry whose blobs lie in dir and whose requests are logged to logs. Manifests are kept in
// memory, so a new registry on an old folder is empty.
//
// It lets everybody in. A handler that asks for credentials goes in front of this one.
func New(dir string, logs io.Writer) (http.Handler, error) {
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	return registry.New(
		registry.WithBlobHandler(registry.NewDiskBlobHandler(dir)),
		registry.Logger(log.New(logs, "", log.LstdFlags)),
	), nil
}
