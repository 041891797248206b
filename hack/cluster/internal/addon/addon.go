// Package addon runs what makes a bare cluster useful: cert-manager with issuers, an ingress controller, a mail
// server, an identity provider, where pods can answer its challenges an ACME server, and Flux for who asks for it. They are programs beside
// the cluster rather than pods, so that they need no images and work where no pod can.
package addon

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"

	"github.com/berth-dev/berth/hack/cluster/internal/component"
	"github.com/berth-dev/berth/hack/cluster/internal/kubectl"
	"github.com/berth-dev/berth/hack/cluster/internal/pki"
	"github.com/berth-dev/berth/hack/cluster/internal/supervise"
)

// Issuer is the name of the ClusterIssuer, and of the Secret with its certificate authority.
const Issuer = "local-ca"

// certManagerNamespace is where the Secrets of ClusterIssuers lie.
const certManagerNamespace = "cert-manager"

//go:embed manifests/base.yaml
var baseManifests []byte

//go:embed manifests/issuer.yaml
var issuerManifests []byte

// Addons are the add-ons of one cluster.
type Addons struct {
	o      Options
	login  MailLogin
	client Client
}

// Options say what the add-ons work for and where they listen.
type Options struct {
	// Dir is the add-ons' folder, Mail the one that mails arrive in.
	Dir, Mail string
	// Server is the API server's URL.
	Server string
	// PKI is the folder of Authority, which signs the add-ons' certificates.
	PKI       string
	Authority *pki.Authority
	// Kubectl acts as an administrator.
	Kubectl kubectl.Client
	// HTTP and HTTPS are the host:ports of the ingress controller.
	HTTP, HTTPS string
	// Submission and Submissions are the host:ports of the mail server.
	Submission, Submissions string
	// Identity is about the identity provider.
	Identity Identity
	// ACME adds an ACME server, which takes a node.
	ACME bool
	// Flux is about Flux; nil: it does not run.
	Flux *Flux
	// IngressIP is written into the status of every Ingress.
	IngressIP string
	// Programs are the folders of the components by their names.
	Programs map[string]string
	// Supervisor runs the programs.
	Supervisor *supervise.Supervisor
}

// New returns add-ons that do not run yet.
func New(o Options) *Addons { return &Addons{o: o} }

// Install applies the objects that the add-ons need, CRDs included.
func (a *Addons) Install(ctx context.Context) error {
	manifests := [][]byte{baseManifests}
	folders := []string{filepath.Join(a.o.Programs[component.CertManager], "crds")}
	if a.o.Flux != nil {
		manifests = append(manifests, fluxManifests)
		crds := filepath.Join(a.o.Programs[component.Flux], "crds")
		folders = append(folders, filepath.Join(crds, "kustomize"), filepath.Join(crds, "source"))
	}
	for _, folder := range folders {
		files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
		if err != nil {
			return err
		}
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				return err
			}
			manifests = append(manifests, text)
		}
	}
	return a.o.Kubectl.Apply(ctx, bytes.Join(manifests, []byte("\n---\n")))
}

// Start runs the add-ons.
func (a *Addons) Start() error {
	if err := os.MkdirAll(a.o.Dir, 0o755); err != nil {
		return err
	}
	var err error
	if a.login, err = newMailLogin(a.o.Dir); err != nil {
		return err
	}
	if a.client, err = newClient(a.o.Dir, a.o.Identity); err != nil {
		return err
	}
	starts := []func() error{a.startCertManager, a.startTraefik, a.startMailbox, a.startDex}
	if a.o.ACME {
		starts = append(starts, a.startPebble)
	}
	if a.o.Flux != nil {
		starts = append(starts, a.startFlux)
	}
	for _, start := range starts {
		if err := start(); err != nil {
			return err
		}
	}
	return nil
}

// MailLogin is who may send mail. It is made up by Start.
func (a *Addons) MailLogin() MailLogin { return a.login }

// MakeIssuer makes the local certificate authority, waits until it can issue, and writes its certificate
// to caFile.
func (a *Addons) MakeIssuer(ctx context.Context, caFile string) error {
	crds := []string{"crd/issuers.cert-manager.io", "crd/clusterissuers.cert-manager.io", "crd/certificates.cert-manager.io"}
	if err := a.o.Kubectl.Wait(ctx, "Established", crds...); err != nil {
		return err
	}
	if err := a.o.Kubectl.Apply(ctx, issuerManifests); err != nil {
		return err
	}
	if err := a.o.Kubectl.Wait(ctx, "Ready", "clusterissuer/"+Issuer); err != nil {
		return err
	}
	encoded, err := a.o.Kubectl.Field(ctx, certManagerNamespace, "secret/"+Issuer, `{.data.tls\.crt}`)
	if err != nil {
		return err
	}
	text, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return fmt.Errorf("certificate of %s: %w", Issuer, err)
	}
	return os.WriteFile(caFile, text, 0o644)
}

func (a *Addons) startCertManager() error {
	path := filepath.Join(a.o.Programs[component.CertManager], "certmanager")
	controller, err := a.kubeconfig("cert-manager")
	if err != nil {
		return err
	}
	err = a.o.Supervisor.Start(supervise.Program{
		Name: "cert-manager",
		Path: path,
		Args: []string{
			"controller", "--kubeconfig=" + controller, "--cluster-resource-namespace=" + certManagerNamespace,
			"--acme-http01-solver-image=" + component.SolverImage,
		},
		// The ACME server and the names that it proves are in the cluster, where no proxy of the machine leads.
		Env: []string{"NO_PROXY=*"},
	})
	if err != nil {
		return err
	}
	injector, err := a.kubeconfig("cainjector")
	if err != nil {
		return err
	}
	return a.o.Supervisor.Start(supervise.Program{Name: "cainjector", Path: path, Args: []string{"cainjector", "--kubeconfig=" + injector}})
}

func (a *Addons) startTraefik() error {
	kubeconfig, err := a.kubeconfig("traefik")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(a.TraefikDir(), 0o755); err != nil {
		return err
	}
	return a.o.Supervisor.Start(supervise.Program{
		Name: "traefik",
		Path: filepath.Join(a.o.Programs[component.Traefik], "traefik"),
		Env:  []string{"KUBECONFIG=" + kubeconfig},
		Args: []string{
			"--entrypoints.web.address=" + a.o.HTTP, "--entrypoints.websecure.address=" + a.o.HTTPS,
			"--entrypoints.websecure.http.tls=true",
			// Large uploads take minutes; by default Traefik ends what isn't read within one.
			"--entrypoints.websecure.transport.respondingtimeouts.readtimeout=1h",
			// HTTP leads to HTTPS, unless an Ingress asks for it by a rule, as cert-manager's solver does.
			"--entrypoints.web.http.redirections.entrypoint.to=websecure", "--entrypoints.web.http.redirections.entrypoint.priority=1",
			"--providers.kubernetesingress=true",
			// For what no Ingress says, such as a default certificate.
			"--providers.file.directory=" + a.TraefikDir(),
			// A change shows at once; by default Traefik gathers changes for two seconds.
			"--providers.providersthrottleduration=100ms",
			"--providers.kubernetesingress.ingressendpoint.ip=" + a.o.IngressIP,
			// A Service without a ready pod answers 503, which is the truth, and not 404.
			"--providers.kubernetesingress.allowemptyservices=true",
			"--log.level=INFO", "--log.nocolor=true", "--global.checknewversion=false", "--global.sendanonymoususage=false",
		},
	})
}

// TraefikDir is the folder of Traefik's dynamic configuration, which is read again when a file in it changes. There is none at first.
func (a *Addons) TraefikDir() string { return filepath.Join(a.o.Dir, "traefik") }

// kubeconfig makes the add-on's user, whose rights are in the manifests.
func (a *Addons) kubeconfig(name string) (file string, err error) {
	return a.o.Authority.Kubeconfig(name, a.o.Server, pki.Subject{User: "cluster:" + name})
}
