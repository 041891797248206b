package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/berth-dev/berth/controllers"
	"github.com/berth-dev/berth/internal/host"
	"github.com/berth-dev/berth/internal/rbac"
)

// Formats of the log.
const (
	logJSON = "json"
	logText = "text"
)

// options are what the flags say.
type options struct {
	controllers             controllers.Options
	registries              registryFlags
	metricsAddress          string
	healthAddress           string
	leaderElect             bool
	leaderElectionNamespace string
	logFormat               string
	logLevel                slog.Level
	version                 bool
}

// parse reads the flags of the command line.
func parse(flags *flag.FlagSet, args []string) (*options, error) {
	o := &options{controllers: controllers.Options{IngressAnnotations: map[string]string{}}}
	c := &o.controllers
	flags.StringVar(&c.BaseDomain, "base-domain", "", "What the default hosts of Apps end in, such as apps.example.com. Required.")
	flags.StringVar(&c.Issuer.Name, "issuer-name", "", "The cert-manager issuer that signs certificates. Required.")
	flags.StringVar(&c.Issuer.Kind, "issuer-kind", "ClusterIssuer", "The kind of the issuer.")
	flags.StringVar(&c.Issuer.Group, "issuer-group", "cert-manager.io", "The API group of the issuer.")
	flags.StringVar(&c.IngressClass, "ingress-class", "", "The class of the Ingresses. Empty: the cluster's default class.")
	flags.BoolVar(&c.WildcardCertificate, "wildcard-certificate", false, "Serve the default hosts of Apps with the ingress controller's default "+
		"certificate, which has to be one for *.BASE-DOMAIN, instead of having one signed for each.")
	flags.Func("ingress-annotation", "An annotation, `NAME=VALUE`, for every Ingress. May be given more than once.", o.annotate)
	flags.StringVar(&c.Namespace, "namespace", "berth-system", "Berth's own Namespace, in which its ServiceAccounts lie.")
	flags.StringVar(&c.KeysNamespace, "keys-namespace", rbac.KeysNamespace, "The `NAMESPACE` of the API keys, which cannot become an organization.")
	flags.StringVar(&c.CertManagerNamespace, "cert-manager-namespace", "cert-manager", "The `NAMESPACE` of cert-manager, which cannot become an "+
		"organization. Empty: none.")
	flags.Func("never-organization", "A `NAMESPACE` that cannot become an organization, in addition to those of Berth, cert-manager, the ingress "+
		"controllers and Kubernetes itself. May be given more than once, or as a list.",
		list(&c.NeverOrganizations, func(name string) (string, error) { return name, nil }))
	flags.Func("router-namespace", "A `NAMESPACE` whose Pods, ingress controllers, reach those of Apps. May be given more than once, or as a list.",
		list(&c.RouterNamespaces, func(name string) (string, error) { return name, nil }))
	flags.Func("router-network", "A `CIDR` with the addresses of ingress controllers that are not in the network of the Pods: on their node's, "+
		"or outside of the cluster. May be given more than once, or as a list.", list(&c.RouterNetworks, netip.ParsePrefix))
	flags.Func("router-port", "A TCP `PORT` at which Pods of Apps reach ingress controllers: a number, or a name that their Pods give it. May be given more "+
		"than once, or as a list. (default 80, 443, http, https, web and websecure)", list(&c.RouterPorts, parsePort))
	flags.Func("allow-egress-namespace", "A `NAMESPACE` whose Pods those of Apps reach, beside their own and the ingress controllers' public ports. * stands "+
		"for all. May be given more than once, or as a list.", list(&c.AllowEgressNamespaces, parseNamespace))
	flags.Func("deny-egress", "A `CIDR` that Pods of Apps don't reach, beside the API server, the nodes with their Pod networks and the metadata of clouds: "+
		"the network of Pods where nodes don't tell it, say. The one that all nodes lie in saves the organizations' NetworkPolicies from "+
		"having a line for each. May be given more than once, or as a list.",
		list(&c.DenyEgress, netip.ParsePrefix))
	registerHosts(flags, c)
	o.registries.register(flags)
	flags.IntVar(&c.Concurrency, "concurrency", 10, "How many objects of a kind are worked on at the same time.")
	flags.StringVar(&o.metricsAddress, "metrics-bind-address", ":8080", "Where metrics are served, over plain HTTP; 0 serves none.")
	flags.StringVar(&o.healthAddress, "health-probe-bind-address", ":8081", "Where /healthz and /readyz are served; 0 serves none.")
	flags.BoolVar(&o.leaderElect, "leader-elect", false, "Let only one of several replicas work at a time.")
	flags.StringVar(&o.leaderElectionNamespace, "leader-election-namespace", "", "Where the Lease lies. Empty: the Pod's own Namespace.")
	flags.StringVar(&o.logFormat, "log-format", logJSON, "The format of the log: json or text.")
	flags.TextVar(&o.logLevel, "log-level", slog.LevelInfo, "The least that is logged: DEBUG, INFO, WARN or ERROR.")
	flags.BoolVar(&o.version, "version", false, "Print the version and end.")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if o.version {
		return o, nil
	}
	return o, o.validate()
}

// registerHosts makes the flags known that say which hosts Domains can have. The facade has flags of the same names, which must have the same
// values.
func registerHosts(flags *flag.FlagSet, c *controllers.Options) {
	flags.BoolVar(&c.VerifyDomains, "verify-domains", false, "Let a Domain have a host outside of the base domain only once a TXT record, "+
		"_berth-challenge.HOST, holds the token of its organization, unless the Organization says otherwise. Hosts that are served already go on.")
	flags.DurationVar(&c.HostHold, "host-hold", 7*24*time.Hour, "How long a host that an App or Domain releases is held for its organization. 0 frees it at once.")
	flags.Func("public-url", "The `URL` at which clients reach the facade, such as https://berth.example.com. No Domain can have its host.",
		func(text string) (err error) {
			c.PublicHost, err = host.OfURL(text)
			return err
		})
	flags.Func("reserved-host", "A `DOMAIN` that no Domain can have, nor any name below it: that of an identity provider or of other sites of the "+
		"platform, say. May be given more than once, or as a list.", list(&c.ReservedHosts, host.ParseDomain))
	c.ClusterDomain = host.DefaultClusterDomain
	flags.Func("cluster-domain", "The DNS `DOMAIN` of the cluster, in which no Domain can have a host. (default "+host.DefaultClusterDomain+")",
		func(text string) (err error) {
			c.ClusterDomain, err = host.ParseDomain(cmp.Or(text, host.DefaultClusterDomain))
			return err
		})
	flags.StringVar(&c.DNSServer, "dns-server", "", "The DNS server, `HOST:PORT`, that is asked for these records. Empty: the system's resolver.")
}

func (o *options) validate() error {
	switch {
	case o.controllers.BaseDomain == "":
		return errors.New("--base-domain is required")
	case o.controllers.Issuer.Name == "":
		return errors.New("--issuer-name is required")
	case o.controllers.Namespace == "":
		return errors.New("--namespace is required")
	case len(o.controllers.RouterNamespaces)+len(o.controllers.RouterNetworks) == 0:
		return errors.New("--router-namespace or --router-network is required: nobody would reach an App")
	case o.controllers.DNSServer != "" && !isAddress(o.controllers.DNSServer):
		return fmt.Errorf("--dns-server is HOST:PORT, not %q", o.controllers.DNSServer)
	case o.controllers.HostHold < 0:
		return fmt.Errorf("--host-hold must not be negative, but is %s", o.controllers.HostHold)
	case o.logFormat != logJSON && o.logFormat != logText:
		return fmt.Errorf("--log-format is %s or %s, not %q", logJSON, logText, o.logFormat)
	}
	return nil
}

// parsePort reads the number or the name of a port.
func parsePort(text string) (intstr.IntOrString, error) {
	port := intstr.Parse(text)
	problems := validation.IsValidPortName(text)
	if port.Type == intstr.Int {
		problems = validation.IsValidPortNum(port.IntValue())
	}
	if len(problems) > 0 {
		return port, fmt.Errorf("%q is not a port: %s", text, strings.Join(problems, "; "))
	}
	return port, nil
}

// parseNamespace reads the name of a Namespace, or * for all.
func parseNamespace(text string) (string, error) {
	if problems := validation.IsDNS1123Label(text); text != "*" && len(problems) > 0 {
		return "", fmt.Errorf("%q is not the name of a Namespace: %s", text, strings.Join(problems, "; "))
	}
	return text, nil
}

// isAddress tells whether a text is a host and a port.
func isAddress(text string) bool {
	host, port, err := net.SplitHostPort(text)
	return err == nil && host != "" && port != ""
}

// list returns the function of a flag that may be given more than once, or with several values between commas. An empty one is none, so
// that manifests can give a flag that a cluster has no use for.
func list[T any](values *[]T, parse func(string) (T, error)) func(string) error {
	return func(text string) error {
		for part := range strings.SplitSeq(text, ",") {
			part = strings.TrimSpace(part)
			if part == "" {
				continue
			}
			value, err := parse(part)
			if err != nil {
				return err
			}
			*values = append(*values, value)
		}
		return nil
	}
}

func (o *options) annotate(pair string) error {
	name, value, ok := strings.Cut(pair, "=")
	if !ok || name == "" {
		return errors.New("want NAME=VALUE")
	}
	o.controllers.IngressAnnotations[name] = value
	return nil
}
