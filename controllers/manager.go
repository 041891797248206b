// Package controllers holds the controllers of Berth: they make the cluster hold what Apps and Domains ask for, and write into their
// status what came of it.
//
// Each reconcile is an ordered list of phases over a scope. It reads from caches alone, but for a private key or a login that it has to copy,
// and writes nothing when nothing has to change. It ends in one of three outcomes: waiting, stalled or failed; see package phase.
package controllers

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	acmev1 "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"go.opentelemetry.io/otel/trace"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/apimachinery/pkg/util/validation"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/berth-dev/berth/api/v1alpha1"
	appcontroller "github.com/berth-dev/berth/controllers/app"
	domaincontroller "github.com/berth-dev/berth/controllers/domain"
	hostclaimcontroller "github.com/berth-dev/berth/controllers/hostclaim"
	"github.com/berth-dev/berth/controllers/internal/cache"
	"github.com/berth-dev/berth/controllers/internal/ecr"
	"github.com/berth-dev/berth/controllers/internal/exposure"
	"github.com/berth-dev/berth/controllers/internal/fair"
	"github.com/berth-dev/berth/controllers/internal/image"
	"github.com/berth-dev/berth/controllers/internal/reconciler"
	"github.com/berth-dev/berth/controllers/internal/resources"
	"github.com/berth-dev/berth/controllers/internal/ssa"
	organizationcontroller "github.com/berth-dev/berth/controllers/organization"
	orphancontroller "github.com/berth-dev/berth/controllers/orphan"
	"github.com/berth-dev/berth/controllers/secretgc"
	"github.com/berth-dev/berth/internal/host"
	"github.com/berth-dev/berth/internal/policy"
	"github.com/berth-dev/berth/internal/secretcache"
)

// reconcileTimeout bounds one reconcile, so that an API server that doesn't answer holds no worker for ever.
const reconcileTimeout = time.Minute

// reportingController is the reporter of the operator's events.
const reportingController = "berth-operator"

// maxAppName is how long the name of an App may be, as its CEL rule says.
const maxAppName = 25

// Issuer is the cert-manager issuer that signs certificates.
type Issuer = resources.Issuer

// Options say how the controllers work.
type Options struct {
	// BaseDomain is what the default hosts of Apps end in: a host name in lower case, without a dot at either end. Required.
	BaseDomain string
	// Issuer signs the certificates. Its Name is required; Kind defaults to ClusterIssuer and Group to cert-manager.io.
	Issuer Issuer
	// IngressClass is the class of the Ingresses. Empty leaves it to the cluster's default class.
	IngressClass string
	// WildcardCertificate says that the ingress controller's default certificate is good for all default hosts, so that they need none of their
	// own.
	WildcardCertificate bool
	// IngressAnnotations are put on every Ingress.
	IngressAnnotations map[string]string
	// CertManagerNamespace is the Namespace of cert-manager, which cannot become an organization. Empty: there is none to protect.
	CertManagerNamespace string
	// NeverOrganizations are further Namespaces that cannot become organizations.
	NeverOrganizations []string
	// KeysNamespace is that of the API keys, which cannot become an organization either. Empty: there is none to protect.
	KeysNamespace string
	// Namespace is Berth's own, in which the ServiceAccounts of operator and facade lie. Required.
	Namespace string
	// RouterNamespaces are the Namespaces, and RouterNetworks the addresses, that ingress controllers send requests to Pods from. Without
	// any, nobody reaches an App.
	RouterNamespaces []string
	RouterNetworks   []netip.Prefix
	// RouterPorts are the TCP ports at which Pods of organizations reach ingress controllers. Default: 80, 443 and the ports named http, https, web and
	// websecure.
	RouterPorts []intstr.IntOrString
	// AllowEgressNamespaces are further Namespaces whose Pods those of organizations reach; "*" stands for all.
	AllowEgressNamespaces []string
	// DenyEgress are networks that Pods of organizations don't reach, beside the API server, the nodes and the metadata of clouds.
	DenyEgress []netip.Prefix
	// VerifyDomains lets a Domain have a host only once a TXT record proves that it is the organization's own. Hosts of the platform's need no
	// proof, nor do those that are served already.
	VerifyDomains bool
	// HostHold is how long a host that was released is held for the organization that had it. Zero frees it at once.
	HostHold time.Duration
	// PublicHost is the host of the facade's public URL, which no tenant can have. Empty if it has none.
	PublicHost string
	// ReservedHosts are domains that no tenant can have, nor any name below them.
	ReservedHosts []string
	// ClusterDomain is the DNS domain of the cluster. Default: cluster.local.
	ClusterDomain string
	// DNSServer, host:port, is asked for these records. Empty: the system's resolver.
	DNSServer string
	// InternalRegistries are registries at IP addresses and internal names that every organization may pull from, as patterns like those of an
	// Organization's allowedRegistries. Otherwise, only trusted organizations and those that allow them by name may.
	InternalRegistries []string
	// ECRRegions are regions of AWS beside those that are known.
	ECRRegions []string
	// Registries say how the registries of images are asked which port an image exposes. Nil: they are not asked, and an App that names no port is
	// served at port 80.
	Registries *Registries
	// Concurrency is how many objects of a kind are reconciled at the same time. Default: 1.
	Concurrency int
	// Tracer makes a span of each reconcile and of each of its phases. Default: none is made.
	Tracer trace.Tracer
	// Guarded returns nil if the API server enforces the admission policies that bound what the operator may grant, and otherwise what is wrong with
	// them. No RoleBinding is written while it returns an error. Default: it is taken to enforce them.
	Guarded func() error
	// Clock is what time is read from. Default: the real one.
	Clock clock.PassiveClock
}

// Scheme returns the kinds that the controllers work with.
func Scheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(cmv1.AddToScheme(scheme))
	utilruntime.Must(acmev1.AddToScheme(scheme))
	utilruntime.Must(v1alpha1.AddToScheme(scheme))
	return scheme
}

// ManagerOptions returns the options that a manager needs for the controllers to work in it. The caller adds where it listens and
// whether it elects a leader.
func ManagerOptions() manager.Options {
	return manager.Options{
		Scheme:    Scheme(),
		Cache:     cache.Options(),
		NewCache:  secretcache.New(cache.InOrganizations()),
		NewClient: secretcache.NewClient,
		// The controllers take what they read for the truth. Without this, they would write once more whatever is not in the cache yet.
		Client: client.Options{Cache: &client.CacheOptions{EnableReadYourWritesConsistency: new(true)}},
	}
}

// SetupWithManager adds the controllers to a manager that was made with ManagerOptions.
func SetupWithManager(ctx context.Context, mgr manager.Manager, o Options) error {
	if err := o.validate(); err != nil {
		return err
	}
	o = o.withDefaults()
	if err := addIndexes(ctx, mgr.GetFieldIndexer(), o.BaseDomain); err != nil {
		return fmt.Errorf("add indexes: %w", err)
	}
	b := reconciler.Base{
		Client:   mgr.GetClient(),
		Live:     mgr.GetAPIReader(),
		Recorder: mgr.GetEventRecorder(reportingController),
		Clock:    o.Clock,
		Platform: o.platform(),
		Rules:    o.rules(),

		Registries: policy.Registries{Hosts: o.rules(), Internal: o.InternalRegistries},

		Never:    o.never(),
		Tokens:   ecr.New(o.Clock, o.ECRRegions...),
		Rights:   &sync.Map{},
		Refusals: reconciler.NewRefusalLimiter(),
		Contests: ssa.NewContests(mgr.GetAPIReader(), o.Clock),
		Journal:  &ssa.Journal{Recorder: mgr.GetEventRecorder(reportingController)},
		Tracer:   o.Tracer,

		ProofByDefault: o.VerifyDomains,
	}
	var err error
	if b.Images, err = o.imageResolver(b.Client); err != nil {
		return err
	}
	// Whoever waits to lead fills the caches meanwhile, so that there is nothing to read when its time comes.
	c := controller.Options{
		MaxConcurrentReconciles: o.Concurrency, ReconciliationTimeout: reconcileTimeout, EnableWarmup: new(true), NewQueue: fair.New,
	}
	s := exposure.New(b)
	for name, setup := range map[string]func(controller.Options) error{
		"App":          func(c controller.Options) error { return appcontroller.Setup(mgr, s, c) },
		"Domain":       func(c controller.Options) error { return domaincontroller.Setup(mgr, s, o.DNSServer, c) },
		"HostClaim":    func(c controller.Options) error { return hostclaimcontroller.Setup(mgr, s, o.HostHold, c) },
		"Orphan":       func(c controller.Options) error { return orphancontroller.Setup(mgr, b, c) },
		"Organization": func(c controller.Options) error { return organizationcontroller.Setup(mgr, b, o.organizations(), c) },
		"Secret":       func(c controller.Options) error { return secretgc.Setup(mgr, s, c) },
	} {
		c.RateLimiter = reconciler.NewRateLimiter() // Each controller its own, since requests of several have the same names.
		if err := setup(c); err != nil {
			return fmt.Errorf("add the %s controller: %w", name, err)
		}
	}
	return showState(ctx, mgr)
}

// imageResolver returns what asks registries; nil if they are not to be asked. None is asked at an address of the platform.
func (o Options) imageResolver(reader client.Reader) (*image.Resolver, error) {
	if o.Registries == nil {
		return nil, nil //nolint:nilnil // As the field of base has it.
	}
	registries := *o.Registries
	registries.Denied = append(slices.Clone(registries.Denied), o.DenyEgress...)
	registries.Platform = organizationcontroller.PlatformNetworks(reader)
	c, err := image.NewClient(registries)
	if err != nil {
		return nil, err
	}
	return image.New(c, o.Clock), nil
}

func (o Options) validate() error {
	if o.BaseDomain == "" || o.Issuer.Name == "" || o.Namespace == "" {
		return errors.New("controllers need a base domain, the name of an issuer and Berth's own Namespace")
	}
	longest := host.Default(strings.Repeat("a", maxAppName), o.BaseDomain)
	if problems := validation.IsDNS1123Subdomain(longest); len(problems) > 0 {
		return fmt.Errorf("the default hosts of Apps, NAME.%s, are no host names: %s", o.BaseDomain, strings.Join(problems, "; "))
	}
	return nil
}

func (o Options) withDefaults() Options {
	if o.Issuer.Kind == "" {
		o.Issuer.Kind = cmv1.ClusterIssuerKind
	}
	if o.Issuer.Group == "" {
		o.Issuer.Group = cmv1.SchemeGroupVersion.Group
	}
	if len(o.RouterPorts) == 0 {
		o.RouterPorts = resources.RouterPorts
	}
	if o.Clock == nil {
		o.Clock = clock.RealClock{}
	}
	if o.Guarded == nil {
		o.Guarded = func() error { return nil }
	}
	return o
}

func (o Options) rules() host.Rules {
	return host.Rules{
		BaseDomain: o.BaseDomain, PublicHost: host.Canonical(o.PublicHost), ClusterDomain: host.Canonical(o.ClusterDomain), Reserved: o.ReservedHosts,
	}
}

func (o Options) never() []string {
	return slices.Concat([]string{o.Namespace, o.KeysNamespace, o.CertManagerNamespace}, o.RouterNamespaces, o.NeverOrganizations)
}

// organizations are the settings of the organization controller.
func (o Options) organizations() organizationcontroller.Options {
	return organizationcontroller.Options{
		Namespace: o.Namespace, Guarded: o.Guarded,
		Network: resources.Network{
			RouterNamespaces: o.RouterNamespaces, RouterNetworks: o.RouterNetworks, RouterPorts: o.RouterPorts, Platform: o.Namespace,
			AllowedNamespaces: o.AllowEgressNamespaces, Denied: o.DenyEgress,
		},
	}
}

func (o Options) platform() resources.Platform {
	return resources.Platform{
		BaseDomain:          o.BaseDomain,
		Issuer:              o.Issuer,
		IngressClass:        o.IngressClass,
		WildcardCertificate: o.WildcardCertificate,
		IngressAnnotations:  o.IngressAnnotations,
	}
}
