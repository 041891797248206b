package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client/config"

	"github.com/berth-dev/berth/facade"
	"github.com/berth-dev/berth/internal/rbac"
)

// flags are what the command line says.
type flags struct {
	listenAddress, healthAddress string
	metricsAddress               string
	certFile, keyFile            string
	baseDomain, namespace        string
	keysNamespace                string
	hosts                        hostFlags
	drainDelay                   time.Duration
	logLevel                     slog.Level
	mail                         mailFlags
	signIn                       signInFlags
	proxies                      networks
	limits                       facade.Limits
	keys                         facade.KeyLimits
	keyOwnerSeen                 time.Duration
	edge                         facade.Edge
	hstsMaxAge                   time.Duration
	version                      bool
}

// mailFlags say how mail is sent.
type mailFlags struct {
	from, host, user        string
	port                    port
	passwordFile, rootsFile string
	senders                 domains
	networks, denied        networks
	ports                   ports
	timeout                 time.Duration
}

// mailPorts are those at which mail servers take mail: RFC 5321, RFC 8314, RFC 6409, and the one that many have where providers block 25.
var mailPorts = []uint16{25, 465, 587, 2525}

func parse(args []string) (*flags, error) {
	f := &flags{}
	set := flag.NewFlagSet("facade", flag.ContinueOnError)
	config.RegisterFlags(set)
	set.StringVar(&f.listenAddress, "listen-address", ":8443", "where HTTPS is served")
	set.StringVar(&f.healthAddress, "health-probe-bind-address", ":8081", "where /healthz and /readyz are served, without TLS")
	set.StringVar(&f.metricsAddress, "metrics-bind-address", ":8080", "where /metrics is served, over plain HTTP; 0 serves none")
	set.StringVar(&f.certFile, "tls-cert-file", "", "the certificate chain to serve HTTPS with, PEM, leaf first; read again when it changes (required)")
	set.StringVar(&f.keyFile, "tls-key-file", "", "the private key of the certificate, PEM; read again when it changes (required)")
	set.StringVar(&f.baseDomain, "base-domain", "", "the domain that apps have their default hosts under (required)")
	set.StringVar(&f.namespace, "namespace", "berth-system", "Berth's own namespace")
	set.StringVar(&f.keysNamespace, "keys-namespace", rbac.KeysNamespace, "the namespace of the API keys and of the ends of sessions; "+
		"in --namespace, where earlier versions had them, the facade would need the right to read all of Berth's Secrets")
	set.DurationVar(&f.drainDelay, "drain-delay", 5*time.Second,
		"how long to go on serving after SIGTERM, for load balancers to notice that /readyz fails; and up to 10s more while connections still come, unless it is 0")
	set.TextVar(&f.logLevel, "log-level", slog.LevelInfo, "the least level that is logged: DEBUG, INFO, WARN or ERROR")
	set.Var(&f.proxies, "trusted-proxy", "a network (10.1.0.0/16) of proxies whose X-Forwarded-For and traceparent count; repeat it, or use commas, for several")
	set.BoolVar(&f.version, "version", false, "print the version and end")
	registerLimits(set, &f.limits)
	registerKeys(set, f)
	registerEdge(set, &f.edge)
	registerHSTS(set, &f.hstsMaxAge)
	f.hosts.register(set)
	f.mail.register(set)
	f.signIn.register(set)
	if err := set.Parse(args); err != nil {
		return nil, err
	}
	if set.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", set.Arg(0))
	}
	if f.version {
		return f, nil
	}
	for name, value := range map[string]string{
		"base-domain": f.baseDomain, "keys-namespace": f.keysNamespace, "tls-cert-file": f.certFile, "tls-key-file": f.keyFile,
	} {
		if value == "" {
			return nil, fmt.Errorf("--%s is required", name)
		}
	}
	if f.mail.timeout <= 0 {
		return nil, errors.New("--email-timeout must be above 0")
	}
	if f.hstsMaxAge < 0 {
		return nil, errors.New("--hsts-max-age must not be negative")
	}
	if f.limits.FailedLogins < 0 || f.limits.KeyRate < 0 || f.limits.KeyBurst < 0 {
		return nil, errors.New("a limit is a number from 0 on")
	}
	return f, errors.Join(checkKeys(f), checkEdge(f.edge))
}

// options are what the flags say; the files that they name are read.
func (f *flags) options() (facade.Options, error) {
	options := facade.Options{
		Namespace: f.namespace, KeysNamespace: f.keysNamespace, BaseDomain: f.baseDomain, DrainDelay: f.drainDelay, TrustedProxies: f.proxies,
		Limits: f.limits, Edge: f.edge, KeyLimits: f.keys, KeyOwnerSeen: f.keyOwnerSeen, PublicURL: f.signIn.publicURL, HSTSMaxAge: f.hstsMaxAge,
	}
	var err error
	if options.Mail, err = f.mail.options(); err != nil {
		return options, err
	}
	if options.SignIn, err = f.signIn.options(); err != nil {
		return options, err
	}
	options.Hosts, err = f.hosts.options(f.signIn.publicURL)
	return options, err
}

// registerLimits makes the flags of limits known. The defaults are far above what people and their scripts do, a list of everything by eight
// workers for example, and far below what a process serves.
func registerLimits(set *flag.FlagSet, limits *facade.Limits) {
	const scope = "; 0 for any number; more get a 429; each replica counts by itself"
	set.IntVar(&limits.FailedLogins, "failed-logins", 30, "how many requests a minute without a valid API key an address, or a /64 of IPv6, may send"+scope)
	set.Float64Var(&limits.KeyRate, "key-rate", 50, "how many requests a second an API key may make in the long run"+scope)
	set.IntVar(&limits.KeyBurst, "key-burst", 100, "how many requests an API key may make at once; each replica counts by itself")
}

// register makes the flags known. Each may be empty, so that a Deployment can name them all.
func (f *mailFlags) register(set *flag.FlagSet) {
	set.StringVar(&f.from, "default-from-email", "", "the address that notifications come from where a domain names none")
	set.Var(&f.senders, "email-sender-domain", "a domain, without those below it, that organizations which are not trusted may send from at the platform's mail "+
		"server, beside the hosts that they own; repeat it, or use commas, for several; the domain of the platform's own address by default")
	set.StringVar(&f.host, "default-email-host", "", "the mail server of domains that name none")
	set.Var(&f.port, "default-email-port", "the port of the mail server; 0 is 587")
	set.StringVar(&f.user, "default-email-host-user", "", "who to log in as at the mail server; empty to send without a login")
	set.StringVar(&f.passwordFile, "default-email-password-file", "", "a file with the password of that user, read at the start; may be missing")
	set.StringVar(&f.rootsFile, "email-ca-file", "", "a file with certificates, PEM, that mail servers' may be signed by beside the system's; may be missing")
	set.Var(&f.networks, "email-allow-network", "a private network (10.1.0.0/16) in which domains may have mail servers; repeat it, or use commas, for several")
	set.Var(&f.denied, "email-deny-network", "a public network in which domains have no mail servers that test e-mails are sent by, beside the addresses of the "+
		"nodes: that of the API server, say; repeat it, or use commas, for several")
	set.Var(&f.ports, "email-allow-port", "a port at which domains may have mail servers, beside 25, 465, 587 and 2525; repeat it, or use commas, for several")
	set.DurationVar(&f.timeout, "email-timeout", time.Minute,
		"how long a mail server may take for each step, such as its greeting; a test e-mail takes twice as long at most")
}

// options reads the files that the flags name.
func (f *mailFlags) options() (facade.Mail, error) {
	password, err := readIfThere(f.passwordFile)
	if err != nil {
		return facade.Mail{}, fmt.Errorf("read the password of the mail server: %w", err)
	}
	authorities, err := readIfThere(f.rootsFile)
	if err != nil {
		return facade.Mail{}, fmt.Errorf("read the authorities of mail servers: %w", err)
	}
	return facade.Mail{
		From: f.from, SenderDomains: f.senders, Host: f.host, Port: int32(f.port), User: f.user,
		// Editors and echo end a file with a line break, which is part of no password.
		Password:    strings.TrimRight(string(password), "\r\n"),
		Authorities: authorities, Networks: f.networks, Denied: f.denied, Ports: slices.Concat(mailPorts, f.ports), Timeout: f.timeout,
	}, nil
}

// readIfThere reads a file; one that is missing, or has no name, is empty.
func readIfThere(name string) ([]byte, error) {
	if name == "" {
		return nil, nil
	}
	content, err := os.ReadFile(name) //nolint:gosec // Whoever starts the command names the file.
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return content, err
}
