package stack

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/berth-dev/berth/hack/dev/stack/existing"
)

// loadedRegistry is what stands for a registry in the names of images that were loaded without one.
const loadedRegistry = "localhost"

// findTimeout is how long a cluster may take to say what it has.
const findTimeout = 20 * time.Second

// Check fails if an existing cluster lacks something, and says all that it lacks.
func Check(ctx context.Context, opts Options) error {
	if err := opts.complete(); err != nil {
		return err
	}
	s := &Stack{opts: opts}
	return s.find(ctx)
}

// find makes the clients of an existing cluster and fills in how Berth is installed into it.
func (s *Stack) find(ctx context.Context) error {
	e := s.opts.Existing
	kubeconfig, err := clientcmd.LoadFromFile(e.Kubeconfig)
	if err != nil {
		return err
	}
	if err := s.makeClients(e.Kubeconfig); err != nil {
		return fmt.Errorf("kubeconfig %s: %w", e.Kubeconfig, err)
	}
	ctx, cancel := context.WithTimeout(ctx, findTimeout) // A cluster that is away must not look like a long build.
	defer cancel()
	cluster := existing.Cluster{Client: s.Client, Context: kubeconfig.CurrentContext, Kubeconfig: shellQuote(e.Kubeconfig), HasProgram: hasProgram}
	found, err := existing.Find(ctx, cluster, e.Settings)
	if err != nil {
		return fmt.Errorf("the cluster of %s: %w", e.Kubeconfig, err)
	}
	if found.Loader != nil {
		found.Registry.Pull = loadedRegistry
	}
	e.Settings = found
	return nil
}

func hasProgram(name string) bool {
	_, err := exec.LookPath(name)
	return err == nil
}

// load makes an image of one static binary and loads it into the nodes.
func (s *Stack) load(ctx context.Context, l *existing.Loader, name, binary string, args []string) error {
	file, err := os.CreateTemp(s.opts.Dir, "image-*.tar")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(file.Name()) }() // The folder goes with the stack.
	if err := file.Close(); err != nil {
		return err
	}
	all := append([]string{"archive", "--file", file.Name(), loadedRegistry + "/" + name, binary}, args...)
	var byDigest, complaint bytes.Buffer
	archive := exec.CommandContext(ctx, s.opts.Cluster, all...) //nolint:gosec // The arguments are ours.
	archive.Stdout, archive.Stderr = &byDigest, &complaint
	if err := archive.Run(); err != nil {
		return fmt.Errorf("archive of %s: %w: %s", name, err, strings.TrimSpace(complaint.String()))
	}
	s.loaded.Store(name, strings.TrimSpace(byDigest.String()))
	return runCommand(l.Command(ctx, filepath.Clean(file.Name())))
}

// Image returns the name by which Apps have an image that Push took. One that was loaded is named by its digest, or the kubelet asks a registry for
// its tag each time.
func (s *Stack) Image(name string) string {
	value, _ := s.loaded.Load(name)
	if byDigest, ok := value.(string); ok {
		return byDigest
	}
	return s.Env.Registry + "/" + name
}
