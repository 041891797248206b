// Package facade is Berth's REST API: the calls that existing clients know, answered from and written to the App and Domain resources of a
// Kubernetes cluster. It keeps no state of its own.
package facade

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/util/validation"
	authorizationv1client "k8s.io/client-go/kubernetes/typed/authorization/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"

	"github.com/berth-dev/berth/facade/internal/auth"
	"github.com/berth-dev/berth/facade/internal/docs"
	"github.com/berth-dev/berth/facade/internal/limit"
	"github.com/berth-dev/berth/facade/internal/mail"
	"github.com/berth-dev/berth/facade/internal/metrics"
	"github.com/berth-dev/berth/facade/internal/mw"
	"github.com/berth-dev/berth/facade/internal/podlogs"
	"github.com/berth-dev/berth/facade/internal/profile"
	"github.com/berth-dev/berth/facade/internal/requestid"
	"github.com/berth-dev/berth/facade/internal/store"
	"github.com/berth-dev/berth/facade/internal/translate"
	"github.com/berth-dev/berth/facade/internal/web"
	"github.com/berth-dev/berth/internal/egress"
	"github.com/berth-dev/berth/internal/host"
	"github.com/berth-dev/berth/internal/policycheck"
	"github.com/berth-dev/berth/internal/rbac"
)

// Options say what a Server serves, and where.
type Options struct {
	// Config reaches the API server.
	Config *rest.Config
	// Namespace is Berth's own, which held the API keys in earlier versions.
	Namespace string
	// KeysNamespace holds the API keys and the ends of sessions; rbac.KeysNamespace if it is empty.
	KeysNamespace string
	// BaseDomain is the domain that apps have their default hosts under, such as "apps.example.com".
	BaseDomain string
	// Hosts say which other hosts no Domain can have, and which have to be proven.
	Hosts Hosts
	// PublicURL is where clients reach the server, such as https://berth.example.com, and what the links between the pages of a list begin with. If it
	// is empty, they begin with the host that the request names.
	PublicURL string
	// HSTSMaxAge is for how long a browser must use nothing but HTTPS for the host after each answer (RFC 6797); 0 to say nothing of it.
	HSTSMaxAge time.Duration
	// Mail is how notifications are sent.
	Mail Mail
	// SignIn is how people sign in.
	SignIn SignIn
	// Listener is where HTTPS is served. Run closes it.
	Listener net.Listener
	// HealthListener is where /healthz and /readyz are served, without TLS. Run closes it.
	HealthListener net.Listener
	// MetricsListener is where /metrics is served, without TLS; nil for nowhere. Run closes it.
	MetricsListener net.Listener
	// Certificate is what HTTPS is served with. Run keeps it up to date with its files.
	Certificate *certwatcher.CertWatcher
	// DrainDelay is how long the server still serves after it has been told to stop and /readyz says so, for load balancers to notice. While
	// connections still come after it, it goes on for up to 10 seconds more. 0 for neither.
	DrainDelay time.Duration
	// TrustedProxies are the networks of proxies whose word for a client's address (X-Forwarded-For) counts, and for the trace that a request is part
	// of (traceparent); none if empty.
	TrustedProxies []netip.Prefix
	// KeyLimits bound the API keys that people make on the profile page.
	KeyLimits KeyLimits
	// KeyOwnerSeen is within which time the person who has made a key has to have signed in for the key to work; 0 for any time. Without SignIn, nobody can,
	// and it has no effect.
	KeyOwnerSeen time.Duration
	// Limits bound how often this server lets requests through.
	Limits Limits
	// Edge bounds what this server spends on clients before it knows who they are.
	Edge Edge
	// Tracer makes a span of each request, with those to the API server in it; nil for none.
	Tracer trace.Tracer
	// Log gets the access log, the audit log and what goes wrong.
	Log *slog.Logger
}

// Hosts say which hosts Domains can have. The operator decides with the same settings; the facade refuses early.
type Hosts struct {
	// Public is the host at which browsers reach the facade; empty if it has none.
	Public string
	// ClusterDomain is the DNS domain of the cluster; cluster.local if it is empty.
	ClusterDomain string
	// Reserved are domains that are reserved with every name below them.
	Reserved []string
	// Verify requires a proof of ownership for hosts outside of the base domain, unless an Organization says otherwise.
	Verify bool
}

// rules are those of package host, or an error if a name is not a valid domain.
func (h Hosts) rules(baseDomain string) (host.Rules, error) {
	rules := host.Rules{BaseDomain: baseDomain, PublicHost: host.Canonical(h.Public)}
	var err error
	if rules.ClusterDomain, err = host.ParseDomain(cmp.Or(h.ClusterDomain, host.DefaultClusterDomain)); err != nil {
		return rules, err
	}
	for _, text := range h.Reserved {
		domain, err := host.ParseDomain(text)
		if err != nil {
			return rules, err
		}
		rules.Reserved = append(rules.Reserved, domain)
	}
	return rules, nil
}

// Limits say how often requests are let through, by this server alone: several have as many times more. The zero value is without limits.
type Limits struct {
	// FailedLogins is how many requests a minute without a valid key are refused as such from one address, or one /64 of IPv6; more get a 429.
	// 0 is for any number.
	FailedLogins int
	// KeyRate is how many requests a second each API key may make in the long run; 0 is for any number.
	KeyRate float64
	// KeyBurst is how many it may make at once.
	KeyBurst int
}

func (l Limits) forAuth() auth.Limits {
	return auth.Limits{
		Failures: limit.New(float64(l.FailedLogins)/time.Minute.Seconds(), l.FailedLogins),
		Keys:     limit.New(l.KeyRate, l.KeyBurst),
	}
}

// Mail says how notifications are sent where a domain says nothing else, and to which servers those of domains may go.
type Mail struct {
	// From is the address that notifications come from; may be empty.
	From string
	// SenderDomains are those that organizations which are not trusted may send from at the platform's server, beside domains that are their own. Empty:
	// that of the platform's own address.
	SenderDomains []string
	// Host is the platform's mail server; empty without one.
	Host string
	// Port of the platform's server; 0 for 587.
	Port int32
	// User logs in at the platform's server with Password; empty to send without a login.
	User, Password string
	// Authorities are certificates, PEM, that mail servers' certificates may be signed by beside those that the system trusts. May be empty.
	Authorities []byte
	// Networks are those in which domains may have mail servers though they are inside: private ones, loopback and the like.
	Networks []netip.Prefix
	// Denied are public networks in which domains have no mail servers that are connected to, beside the addresses of nodes.
	Denied []netip.Prefix
	// Ports are those at which mail servers of domains are connected to. Empty: any.
	Ports []uint16
	// Timeout is how long a mail server may take for each step, such as its greeting; 0 for a minute. A test e-mail takes twice as long at most.
	Timeout time.Duration
}

// sender sends by the mail servers of domains and the platform, and calls itself by a host name towards them. No domain's server is connected to in
// the networks of the nodes.
func (m Mail) sender(name string, nodes func(context.Context) ([]netip.Prefix, error)) (*mail.Sender, error) {
	allowed := egress.Options{Allowed: m.Networks, Denied: m.Denied, Platform: nodes, Ports: m.Ports}
	return mail.New(mail.Options{Name: name, Authorities: m.Authorities, Egress: allowed, Timeout: m.Timeout})
}

// Server serves the REST API.
type Server struct {
	options    Options
	log        *slog.Logger
	store      *store.Store
	authorizer *auth.Reviews
	platform   translate.Platform
	logs       *podlogs.Reader
	mailer     mailer
	shares     *shares
	docs       *docs.Docs
	pages      *profile.Pages
	metrics    *metrics.Metrics
	policies   *policycheck.Checker
	publicURL  *url.URL
	stopping   atomic.Bool
	came       arrivals
	// ending is closed when answers that would go on for ever have to end, which is when no more connections are taken.
	ending chan struct{}
}

// platform is what the platform has for Apps and Domains that say nothing else.
func (o Options) platform() (translate.Platform, error) {
	rules, err := o.Hosts.rules(o.BaseDomain)
	return translate.Platform{
		Hosts: rules,
		Mail:  translate.Mail{From: o.Mail.From, Host: o.Mail.Host, Port: o.Mail.Port, User: o.Mail.User},

		SenderDomains: o.Mail.SenderDomains,
	}, err
}

// New makes a Server. It asks the API server which kinds it serves, so the custom resources must be installed. The error is also that the base
// domain is no host name in lower case.
func New(ctx context.Context, options Options) (*Server, error) {
	// Hosts are compared with it as they are kept.
	if problems := validation.IsDNS1123Subdomain(options.BaseDomain); len(problems) > 0 {
		return nil, fmt.Errorf("the base domain %q is no host name: %s", options.BaseDomain, strings.Join(problems, "; "))
	}
	options.KeysNamespace = cmp.Or(options.KeysNamespace, rbac.KeysNamespace)
	options.Log = slog.New(requestid.Handler(options.Log.Handler()))
	counts := metrics.New()
	options.Config = observed(options.Config, counts, options.Log)
	platform, err := options.platform()
	if err != nil {
		return nil, err
	}
	public, err := publicURL(options.PublicURL)
	if err != nil {
		return nil, err
	}
	s, err := store.New(ctx, options.forStore(platform))
	if err != nil {
		return nil, err
	}
	core, err := corev1client.NewForConfig(auth.Impersonating(options.Config))
	if err != nil {
		return nil, fmt.Errorf("make the client for logs: %w", err)
	}
	authorization, err := authorizationv1client.NewForConfig(options.Config)
	if err != nil {
		return nil, fmt.Errorf("make the client for access reviews: %w", err)
	}
	reviews := auth.NewReviews(authorization.SubjectAccessReviews())
	contract, err := docs.New(openAPI, options.Hosts.Public)
	if err != nil {
		return nil, err
	}
	sender, err := options.Mail.sender(options.BaseDomain, s.NodeNetworks)
	if err != nil {
		return nil, err
	}
	policies, err := newPolicyCheck(options, counts)
	if err != nil {
		return nil, err
	}
	pages, err := newPages(options, s, reviews)
	if err != nil {
		return nil, err
	}
	return &Server{
		options: options, log: options.Log,
		store: s, authorizer: reviews, platform: platform, logs: podlogs.NewReader(core), shares: newShares(s.Policy),
		mailer: sender, docs: contract, pages: pages, metrics: counts, policies: policies, publicURL: public, ending: make(chan struct{}),
	}, nil
}

// Run serves until ctx ends, then lets the requests that are being served finish. It returns nil after such an end.
func (s *Server) Run(ctx context.Context) error {
	// The caches and the certificate outlast ctx: requests are served for a while after it.
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	group, failed := errgroup.WithContext(background)
	group.Go(func() error { return s.store.Start(failed) })
	group.Go(func() error { return s.options.Certificate.Start(failed) })
	group.Go(func() error { return s.policies.Start(failed) })
	api := s.apiServer()
	listener := s.limitConnections(web.RefusePlainHTTP(s.options.Listener))
	api.RegisterOnShutdown(func() { close(s.ending) })
	health := &http.Server{Handler: s.healthHandler(), ReadTimeout: probeTimeout, WriteTimeout: probeTimeout}
	group.Go(func() error { return closed(api.ServeTLS(listener, "", "")) })
	group.Go(func() error { return closed(health.Serve(s.options.HealthListener)) })
	endMetrics := s.serveMetrics(group)
	s.log.Info("serving", "address", s.options.Listener.Addr().String(), "health", s.options.HealthListener.Addr().String())
	select {
	case <-ctx.Done():
	case <-failed.Done():
	}
	err := s.drain(failed, api)
	stop()
	_ = health.Close()
	endMetrics()
	return errors.Join(group.Wait(), err)
}

func closed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// Ready reports whether the server should get requests.
func (s *Server) Ready() bool { return s.unready() == nil }

func (s *Server) handler() http.Handler { return mw.Head(s.router()) }
