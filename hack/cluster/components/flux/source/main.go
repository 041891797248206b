// Command source is where Flux gets its files from in development: a Git server, and what makes artifacts of Git repositories for
// kustomize-controller.
//
// It stands in for Flux's source-controller, which cannot be built as a module: one that it needs, github.com/fluxcd/pkg/artifact, cannot be
// fetched. Of a GitRepository it knows the URL, the branch, the interval and the request to reconcile at once.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/cgi"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	sourcev1 "github.com/fluxcd/source-controller/api/v1"
	"k8s.io/apimachinery/pkg/runtime"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client/config"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

const (
	headerTimeout = 10 * time.Second
	// artifactsPath is where the artifacts are, gitPath where the repositories are.
	artifactsPath, gitPath = "/artifacts/", "/git/"
)

func main() {
	listen := flag.String("listen", "", "host:port to serve at, under which the cluster reaches it; needed")
	repositories := flag.String("repositories", "", "folder of the bare repositories to serve; needed")
	artifacts := flag.String("artifacts", "", "folder to keep artifacts in; needed")
	flag.Parse() // --kubeconfig is controller-runtime's.
	if err := run(*listen, *repositories, *artifacts); err != nil {
		fmt.Fprintln(os.Stderr, "source:", err)
		os.Exit(1)
	}
}

func run(listen, repositories, artifacts string) error {
	if listen == "" || repositories == "" || artifacts == "" {
		return errors.New("-listen, -repositories and -artifacts are needed")
	}
	git, err := exec.LookPath("git")
	if err != nil {
		return err
	}
	scheme := runtime.NewScheme()
	if err := sourcev1.AddToScheme(scheme); err != nil {
		return err
	}
	where, err := config.GetConfig()
	if err != nil {
		return err
	}
	ctrl.SetLogger(zap.New())
	m, err := ctrl.NewManager(where, ctrl.Options{Scheme: scheme, Metrics: server.Options{BindAddress: "0"}})
	if err != nil {
		return err
	}
	r := &reconciler{client: m.GetClient(), git: repository{command: git}, dir: artifacts, url: "http://" + listen + artifactsPath}
	if err := r.setUp(m); err != nil {
		return err
	}
	s := &http.Server{Addr: listen, Handler: handler(git, repositories, artifacts), ReadHeaderTimeout: headerTimeout}
	if err := m.Add(manager.RunnableFunc(func(ctx context.Context) error { return serve(ctx, s) })); err != nil {
		return err
	}
	return m.Start(ctrl.SetupSignalHandler())
}

// handler serves the repositories to Git, which cannot push to them, and the artifacts as files.
func handler(git, repositories, artifacts string) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(gitPath, &cgi.Handler{
		Path: git, Args: []string{"http-backend"}, Root: filepath.Clean(gitPath), Dir: repositories,
		Env: []string{"GIT_PROJECT_ROOT=" + repositories, "GIT_HTTP_EXPORT_ALL=1"},
	})
	mux.Handle(artifactsPath, http.StripPrefix(artifactsPath, http.FileServer(http.Dir(artifacts))))
	return mux
}

// serve serves until ctx ends.
func serve(ctx context.Context, s *http.Server) error {
	ended := make(chan error, 1)
	go func() { ended <- s.ListenAndServe() }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		return s.Close()
	}
}
