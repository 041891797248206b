// Package testenv gives tests a real API server, with Berth's and cert-manager's custom resources in it. Nothing else runs: no
// controllers, no kubelet.
package testenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// assetsVariable names the folder with the programs etcd and kube-apiserver.
const assetsVariable = "KUBEBUILDER_ASSETS"

// config is how the server that Run has started is reached.
var config *rest.Config

// Setup prepares something that all tests of a package share. Its context ends before the server stops.
type Setup func(ctx context.Context, config *rest.Config) error

// Run starts an API server, prepares what the tests share, runs the tests and stops the server. It returns the exit code, for use as
//
//	func TestMain(m *testing.M) { os.Exit(testenv.Run(m)) }
func Run(m *testing.M, setups ...Setup) int {
	code, err := run(m, setups)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testenv:", err)
		return 1
	}
	return code
}

// Config returns a copy of the server's client configuration, as an administrator without any limit on requests.
func Config() *rest.Config {
	return rest.CopyConfig(config)
}

// StartBare starts another API server for one test, which has no custom resources, and returns its client configuration.
func StartBare(tb testing.TB) *rest.Config {
	tb.Helper()
	env := &envtest.Environment{}
	config, err := env.Start()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := env.Stop(); err != nil {
			tb.Error(err)
		}
	})
	return config
}

func run(m *testing.M, setups []Setup) (code int, err error) {
	if os.Getenv(assetsVariable) == "" {
		return 0, fmt.Errorf("%s isn't set: it names the folder with etcd and kube-apiserver; `make test` sets it", assetsVariable)
	}
	crds, err := CRDFolders()
	if err != nil {
		return 0, err
	}
	env := &envtest.Environment{CRDDirectoryPaths: crds, ErrorIfCRDPathMissing: true}
	// The range that envtest sets has room for 250 Services.
	env.ControlPlane.GetAPIServer().Configure().Set("service-cluster-ip-range", "10.0.0.0/16")
	config, err = env.Start()
	if err != nil {
		return 0, fmt.Errorf("start the API server: %w", err)
	}
	defer func() { err = errors.Join(err, env.Stop()) }()
	config.QPS = -1
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for _, setup := range setups {
		if err := setup(ctx, Config()); err != nil {
			return 0, fmt.Errorf("set the tests up: %w", err)
		}
	}
	return m.Run(), nil
}

// InstallCRDs makes the custom resources of Berth and of cert-manager, and waits until the API server serves them. It is for who has started an
// API server without Run.
func InstallCRDs(config *rest.Config) error {
	crds, err := CRDFolders()
	if err != nil {
		return err
	}
	_, err = envtest.InstallCRDs(config, envtest.CRDInstallOptions{Paths: crds, ErrorIfPathMissing: true})
	return err
}

// CRDFolders returns where the custom resource definitions of Berth and of cert-manager's module lie.
func CRDFolders() ([]string, error) {
	dirs, err := moduleFolders()
	if err != nil {
		return nil, err
	}
	return []string{filepath.Join(dirs[0], "config", "crd"), filepath.Join(dirs[1], "deploy", "crds")}, nil
}

// moduleFolders returns where Berth's and cert-manager's modules lie.
func moduleFolders() ([]string, error) {
	list := exec.CommandContext(context.Background(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/berth-dev/berth", "github.com/cert-manager/cert-manager")
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("find the modules: %w", err)
	}
	dirs := strings.Fields(string(out))
	if len(dirs) != 2 {
		return nil, fmt.Errorf("find the modules: want two folders, got %q", dirs)
	}
	return dirs, nil
}
