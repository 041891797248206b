package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/berth-dev/berth/hack/cluster/internal/addon"
	"github.com/berth-dev/berth/hack/cluster/internal/address"
	"github.com/berth-dev/berth/hack/cluster/internal/component"
	"github.com/berth-dev/berth/hack/cluster/internal/controlplane"
	"github.com/berth-dev/berth/hack/cluster/internal/kubectl"
	"github.com/berth-dev/berth/hack/cluster/internal/node"
	"github.com/berth-dev/berth/hack/cluster/internal/sandbox"
	"github.com/berth-dev/berth/hack/cluster/internal/supervise"
)

// programGrace is how long programs get to end by themselves. What is left of a node dies with its
// namespaces.
const programGrace = 500 * time.Millisecond

// RunNode runs a cluster inside the sandbox that Start made, until ctx ends or it cannot go on.
func RunNode(ctx context.Context, text string) error {
	var spec Spec
	if err := json.Unmarshal([]byte(text), &spec); err != nil {
		return fmt.Errorf("spec: %w", err)
	}
	listeners := make([]*net.TCPListener, 0, len(spec.Ports))
	for i, p := range spec.Ports {
		f := sandbox.File(i)
		l, err := net.FileListener(f)
		if err != nil {
			return fmt.Errorf("listener for %s: %w", p.Name, err)
		}
		_ = f.Close() // the listener has a descriptor of its own
		listeners = append(listeners, l.(*net.TCPListener))
	}
	proc, err := sandbox.OpenOuterProc()
	if err != nil {
		return err
	}
	keep := append([]string{spec.Dir}, slices.Sorted(maps.Values(spec.Programs))...)
	if err := node.SetUp(spec.path(nodeDir), keep); err != nil {
		return fmt.Errorf("set up the node: %w", err)
	}
	return run(ctx, spec, listeners, proc.PID)
}

// runner is one cluster as it runs.
type runner struct {
	spec       Spec
	supervisor *supervise.Supervisor
	control    *controlplane.ControlPlane
	addons     *addon.Addons
	node       *node.Node
	kubectl    kubectl.Client
	// submission and submissions are where the mail server listens, source where Flux's sources are.
	submission, submissions, source string
}

// run runs everything until ctx ends or something cannot go on.
func run(ctx context.Context, spec Spec, listeners []*net.TCPListener, outerPID func(int) (int, error)) error {
	r := &runner{spec: spec, submission: address.Submission, submissions: address.Submissions, source: address.Source}
	var err error
	r.supervisor, err = supervise.New(supervise.Options{
		Logs: spec.path(logsDir), PIDs: spec.path(pidsDir), Note: r.note, OuterPID: outerPID,
	})
	if err != nil {
		return err
	}
	defer r.supervisor.Stop(programGrace)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case err := <-r.supervisor.Failed():
			cancel(err)
		case <-ctx.Done():
		}
	}()
	if err := r.openPorts(listeners, cancel); err != nil {
		return err
	}
	if err := r.assemble(); err != nil {
		return err
	}
	err = r.start(ctx)
	if err == nil {
		<-ctx.Done()
	}
	// Whatever fell over on the way is told by its cause; being asked to end is no error.
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// assemble makes the parts of the cluster, none of which runs yet.
func (r *runner) assemble() error {
	api, etcd := address.API, address.Loopback+":2379"
	http, https, ip := address.HTTP, address.HTTPS, address.Node
	if !r.spec.Node {
		api, http, https, ip = r.spec.listen(APIPort), r.spec.listen(HTTPPort), r.spec.listen(HTTPSPort), address.Loopback
		for _, a := range []*string{&etcd, &r.submission, &r.submissions, &r.source} {
			var err error
			if *a, err = freePort(); err != nil {
				return err
			}
		}
	}
	kube := r.spec.Programs[component.Kube]
	var err error
	r.control, err = controlplane.New(controlplane.Options{
		Dir: r.spec.Dir, PKI: r.spec.path(pkiDir), Address: api, Etcd: etcd,
		AuditPolicy: r.spec.AuditPolicy, AuditLog: r.spec.path(auditLogFile), Programs: kube, Supervisor: r.supervisor,
	})
	if err != nil {
		return err
	}
	admin, err := r.control.AdminKubeconfig(r.control.Server())
	if err != nil {
		return err
	}
	r.kubectl = kubectl.Client{Path: filepath.Join(kube, "kubectl"), Kubeconfig: admin}
	r.addons = addon.New(addon.Options{
		Dir: r.spec.path(addonDir), Mail: r.spec.path(mailDir), PKI: r.spec.path(pkiDir),
		Server: r.control.Server(), Authority: r.control.Authority, Kubectl: r.kubectl,
		HTTP: http, HTTPS: https, IngressIP: ip, Identity: r.identity(), Submission: r.submission, Submissions: r.submissions, ACME: r.spec.Node,
		Flux:     r.flux(),
		Programs: r.spec.Programs, Supervisor: r.supervisor,
	})
	if r.spec.Node {
		r.node = node.New(node.Options{
			Dir: r.spec.path(nodeDir), PKI: r.spec.path(pkiDir), Authority: r.control.Authority, Server: r.control.Server(),
			Mirrors:  append([]node.Mirror{{Host: r.spec.listen(RegistryPort), Registry: address.Registry}}, r.spec.Mirrors...),
			Programs: r.spec.Programs, Supervisor: r.supervisor,
		})
	}
	return nil
}

// identity is where the identity provider is, and who can sign in. Pods and browsers have to know it by the same URL: with a node, that is a
// name, for which each has another address.
func (r *runner) identity() addon.Identity {
	i := addon.Identity{Listen: r.spec.listen(OIDCPort), Host: address.Loopback, Redirects: r.spec.Redirects, People: r.spec.People}
	if r.spec.Node {
		i.Listen, i.Host = r.spec.target(OIDCPort), address.Identity
	}
	return i
}

// flux is where Flux gets its files from; nil if nobody asked for it.
func (r *runner) flux() *addon.Flux {
	if !r.spec.Flux {
		return nil
	}
	return &addon.Flux{Listen: r.source, Repositories: r.spec.path(gitDir)}
}

// start starts everything, as much of it at a time as can be, and returns when it is ready and said so.
func (r *runner) start(ctx context.Context) error {
	steps, ctx := errgroup.WithContext(ctx)
	runtime := make(chan struct{})
	if r.node != nil {
		steps.Go(func() error {
			defer close(runtime)
			return r.step("container runtime ready, images imported", r.node.StartRuntime(ctx))
		})
	}
	steps.Go(func() error {
		if err := r.step("API server ready", r.control.Start(ctx)); err != nil {
			return err
		}
		if err := r.control.StartControllers(); err != nil {
			return err
		}
		if r.node != nil {
			steps.Go(func() error { <-runtime; return r.startNode(ctx) })
		}
		return r.startAddons(ctx)
	})
	if err := steps.Wait(); err != nil {
		return err
	}
	if err := r.writeEnv(); err != nil {
		return err
	}
	r.note("ready")
	return nil
}

func (r *runner) startNode(ctx context.Context) error {
	if err := r.node.StartAgents(); err != nil {
		return err
	}
	return r.step("node Ready", r.kubectl.Wait(ctx, "Ready", "node/"+address.NodeName))
}

func (r *runner) startAddons(ctx context.Context) error {
	if err := r.step("rights and CRDs applied", r.addons.Install(ctx)); err != nil {
		return err
	}
	if r.node != nil {
		if err := errors.Join(r.node.StartDNS(), r.node.StartPolicies()); err != nil {
			return err
		}
	}
	if err := r.addons.Start(); err != nil {
		return err
	}
	if r.spec.Flux {
		if err := r.step("Flux's kinds served", r.addons.WaitForFlux(ctx)); err != nil {
			return err
		}
	}
	if err := r.step("issuer "+addon.Issuer+" Ready", r.addons.MakeIssuer(ctx, r.spec.path(caFile))); err != nil || r.node == nil {
		return err
	}
	return r.step("issuer "+addon.ACMEIssuer+" Ready", r.addons.MakeACMEIssuer(ctx, r.spec.path(acmeRootFile)))
}

// step notes that something is done, unless it failed.
func (r *runner) step(done string, err error) error {
	if err == nil {
		r.note("%s", done)
	}
	return err
}

// note tells the time since the command began, and what has happened.
func (r *runner) note(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "[%6.2fs] %s\n", time.Since(r.spec.Started).Seconds(), fmt.Sprintf(format, args...))
}
