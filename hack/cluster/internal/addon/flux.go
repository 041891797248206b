package addon

import (
	"context"
	_ "embed"
	"os"
	"path/filepath"

	"github.com/berth-dev/berth/hack/cluster/internal/component"
	"github.com/berth-dev/berth/hack/cluster/internal/supervise"
)

//go:embed manifests/flux.yaml
var fluxManifests []byte

// fluxNamespace is where Flux would run, were it in pods.
const fluxNamespace = "flux-system"

// Flux says where Flux gets its files from.
type Flux struct {
	// Listen is the host:port of the Git server and of the artifacts that are made of its repositories.
	Listen string
	// Repositories is the folder of the repositories, which are bare.
	Repositories string
}

// GitURL is the URL that a repository's name is added to.
func (f *Flux) GitURL() string { return "http://" + f.Listen + "/git/" }

// startFlux runs kustomize-controller, and what makes artifacts of Git repositories for it.
func (a *Addons) startFlux() error {
	dir, programs := filepath.Join(a.o.Dir, "flux"), a.o.Programs[component.Flux]
	artifacts, tmp := filepath.Join(dir, "artifacts"), filepath.Join(dir, "tmp")
	for _, d := range []string{a.o.Flux.Repositories, artifacts, tmp} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	// Both are in the cluster, where no proxy of the machine leads, and leave files behind when they are killed.
	env := []string{"NO_PROXY=*", "TMPDIR=" + tmp}
	sources, err := a.kubeconfig("source")
	if err != nil {
		return err
	}
	err = a.o.Supervisor.Start(supervise.Program{
		Name: "source",
		Path: filepath.Join(programs, "source"),
		Args: []string{
			"--kubeconfig=" + sources, "--listen=" + a.o.Flux.Listen, "--repositories=" + a.o.Flux.Repositories, "--artifacts=" + artifacts,
		},
		Env: env,
	})
	if err != nil {
		return err
	}
	controller, err := a.kubeconfig("kustomize-controller")
	if err != nil {
		return err
	}
	return a.o.Supervisor.Start(supervise.Program{
		Name: "kustomize-controller",
		Path: filepath.Join(programs, "kustomize-controller"),
		// What is pushed next is looked at at once, and not when the last version has been waited for in vain.
		Args: []string{"--health-addr=0", "--metrics-addr=0", "--requeue-dependency=1s", "--feature-gates=CancelHealthCheckOnNewRevision=true"},
		Env:  append(env, "KUBECONFIG="+controller, "RUNTIME_NAMESPACE="+fluxNamespace),
	})
}

// WaitForFlux waits until Flux's kinds are served.
func (a *Addons) WaitForFlux(ctx context.Context) error {
	return a.o.Kubectl.Wait(ctx, "Established", "crd/gitrepositories.source.toolkit.fluxcd.io", "crd/kustomizations.kustomize.toolkit.fluxcd.io")
}
