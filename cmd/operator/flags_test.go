package main

import (
	"flag"
	"io"
	"log/slog"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/berth-dev/berth/controllers"
)

func TestParse(t *testing.T) {
	t.Parallel()
	defaults := func(change func(*options)) *options {
		o := &options{
			controllers: controllers.Options{
				BaseDomain:         "apps.example.com",
				Issuer:             controllers.Issuer{Name: "ca", Kind: "ClusterIssuer", Group: "cert-manager.io"},
				IngressAnnotations: map[string]string{},
				Namespace:          "berth-system",
				KeysNamespace:      "berth-keys",

				CertManagerNamespace: "cert-manager",
				HostHold:             168 * time.Hour,
				ClusterDomain:        "cluster.local",

				RouterNamespaces: []string{"traefik"},
				Concurrency:      10,
			},
			registries:     registryFlags{ask: true},
			metricsAddress: ":8080", healthAddress: ":8081", logFormat: "json",
		}
		change(o)
		return o
	}
	const unreached = "--base-domain=apps.example.com --issuer-name=ca "
	const required = unreached + "--router-namespace=traefik "
	cases := map[string]struct {
		args string
		want *options
	}{
		"Manifest": {args: required + "--wildcard-certificate=false --router-network=", want: defaults(func(*options) {})},
		"Defaults": {args: required, want: defaults(func(*options) {})},
		"All": {
			args: required + "--issuer-kind=Issuer --issuer-group=example.com --ingress-class=traefik --concurrency=3 " +
				"--ingress-annotation=a.example.com/b=c=d --ingress-annotation=e= --leader-elect --leader-election-namespace=berth-system " +
				"--namespace=berth --router-namespace=a,b, --router-network=10.0.0.0/8 --router-network=,fd00::1/128 --deny-egress=192.0.2.0/24 --deny-egress= " +
				"--router-port=8080,web --router-port= --allow-egress-namespace=databases,* --allow-egress-namespace= " +
				"--cert-manager-namespace=certs --never-organization=a,b --never-organization=c --verify-domains --wildcard-certificate=true " +
				"--host-hold=1h --public-url=https://Berth.Example.com:8443/ --reserved-host=Login.example.com.,sso.example.com --reserved-host= " +
				"--ask-registries=false --registry-ca-file=/ca.crt --registry-allow-network=10.0.0.0/8,fd00::/8 " +
				"--internal-registry=10.1.2.3:5000,localhost/berth --internal-registry= " +
				"--ecr-region=eu-nowhere-7 --ecr-region= " +
				"--registry-mirror=registry.example.com:5000=http://10.1.2.3:5000/ --registry-mirror= " +
				"--cluster-domain=Corp.internal. --dns-server=[::1]:53 " +
				"--metrics-bind-address=0 --health-probe-bind-address=127.0.0.1:9 --log-format=text --log-level=DEBUG",
			want: defaults(func(o *options) {
				o.controllers.Issuer = controllers.Issuer{Name: "ca", Kind: "Issuer", Group: "example.com"}
				o.controllers.IngressClass, o.controllers.Concurrency = "traefik", 3
				o.controllers.IngressAnnotations = map[string]string{"a.example.com/b": "c=d", "e": ""}
				o.controllers.Namespace, o.controllers.RouterNamespaces = "berth", []string{"traefik", "a", "b"}
				o.controllers.RouterNetworks = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::1/128")}
				o.controllers.RouterPorts = []intstr.IntOrString{intstr.FromInt32(8080), intstr.FromString("web")}
				o.controllers.AllowEgressNamespaces = []string{"databases", "*"}
				o.controllers.DenyEgress = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
				o.controllers.VerifyDomains, o.controllers.WildcardCertificate, o.controllers.DNSServer = true, true, "[::1]:53"
				o.controllers.CertManagerNamespace, o.controllers.NeverOrganizations = "certs", []string{"a", "b", "c"}
				o.controllers.HostHold, o.controllers.PublicHost, o.controllers.ClusterDomain = time.Hour, "berth.example.com", "corp.internal"
				o.controllers.ReservedHosts = []string{"login.example.com", "sso.example.com"}
				o.registries = registryFlags{
					caFile: "/ca.crt", networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")},
					internal: []string{"10.1.2.3:5000", "localhost/berth"}, regions: []string{"eu-nowhere-7"},
					mirrors: []controllers.Mirror{{Host: "registry.example.com:5000", URL: url.URL{Scheme: "http", Host: "10.1.2.3:5000"}}},
				}
				o.leaderElect, o.leaderElectionNamespace = true, "berth-system"
				o.metricsAddress, o.healthAddress = "0", "127.0.0.1:9"
				o.logFormat, o.logLevel = "text", slog.LevelDebug
			}),
		},
		"Version": {args: "--version", want: defaults(func(o *options) {
			o.controllers.BaseDomain, o.controllers.Issuer.Name, o.controllers.RouterNamespaces, o.version = "", "", nil, true
		})},
		"NoBaseDomain":  {args: "--issuer-name=ca --router-namespace=traefik"},
		"NoIssuer":      {args: "--base-domain=apps.example.com --router-namespace=traefik"},
		"NoRouter":      {args: unreached},
		"NoNamespace":   {args: required + "--namespace="},
		"BadNetwork":    {args: required + "--router-network=10.0.0.1"},
		"BadDenied":     {args: required + "--deny-egress=nowhere"},
		"BadPort":       {args: required + "--router-port=0"},
		"BadPortName":   {args: required + "--router-port=Web_Secure"},
		"BadAllowed":    {args: required + "--allow-egress-namespace=a.b"},
		"BadReserved":   {args: required + "--reserved-host=*.example.com"},
		"BadHold":       {args: required + "--host-hold=week"},
		"NegativeHold":  {args: required + "--host-hold=-1h"},
		"NoPublicHost":  {args: required + "--public-url=berth.example.com"},
		"BadMirror":     {args: required + "--registry-mirror=registry.example.com"},
		"BadRegistries": {args: required + "--registry-allow-network=10.0.0.1"},
		"BadRegion":     {args: required + "--ecr-region=nowhere"},
		"BadInternal":   {args: required + "--internal-registry=http://10.1.2.3"},
		"BadCluster":    {args: required + "--cluster-domain=-"},
		"BadPublicURL":  {args: required + "--public-url=https://[::1"},
		"BarePublicURL": {args: required + "--public-url=berth.example.com"},
		"BadAnnotation": {args: required + "--ingress-annotation=a"},
		"NoName":        {args: required + "--ingress-annotation==a"},
		"BadServer":     {args: required + "--dns-server=192.0.2.1"},
		"NoServer":      {args: required + "--dns-server=:53"},
		"BadLogFormat":  {args: required + "--log-format=xml"},
		"BadLogLevel":   {args: required + "--log-level=LOUD"},
		"Argument":      {args: required + "nonsense"},
		"UnknownFlag":   {args: required + "--nonsense"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			flags := flag.NewFlagSet("operator", flag.ContinueOnError)
			flags.SetOutput(io.Discard)
			got, err := parse(flags, strings.Fields(tc.args))
			if tc.want == nil {
				if err == nil {
					t.Errorf("parse(%q) succeeded, want an error", tc.args)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(options{}, registryFlags{}), cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
				t.Errorf("parse (-want +got):\n%s", diff)
			}
		})
	}
}
