package main

import (
	"flag"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

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
				Concurrency:        10,
			},
			metricsAddress: ":8080", healthAddress: ":8081", logFormat: "json",
		}
		change(o)
		return o
	}
	const required = "--base-domain=apps.example.com --issuer-name=ca "
	cases := map[string]struct {
		args string
		want *options
	}{
		"Defaults": {args: required, want: defaults(func(*options) {})},
		"All": {
			args: required + "--issuer-kind=Issuer --issuer-group=example.com --ingress-class=traefik --concurrency=3 " +
				"--ingress-annotation=a.example.com/b=c=d --ingress-annotation=e= --leader-elect --leader-election-namespace=berth-system " +
				"--metrics-bind-address=0 --health-probe-bind-address=127.0.0.1:9 --log-format=text --log-level=DEBUG",
			want: defaults(func(o *options) {
				o.controllers.Issuer = controllers.Issuer{Name: "ca", Kind: "Issuer", Group: "example.com"}
				o.controllers.IngressClass, o.controllers.Concurrency = "traefik", 3
				o.controllers.IngressAnnotations = map[string]string{"a.example.com/b": "c=d", "e": ""}
				o.leaderElect, o.leaderElectionNamespace = true, "berth-system"
				o.metricsAddress, o.healthAddress = "0", "127.0.0.1:9"
				o.logFormat, o.logLevel = "text", slog.LevelDebug
			}),
		},
		"NoBaseDomain":  {args: "--issuer-name=ca"},
		"NoIssuer":      {args: "--base-domain=apps.example.com"},
		"BadAnnotation": {args: required + "--ingress-annotation=a"},
		"NoName":        {args: required + "--ingress-annotation==a"},
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
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(options{})); diff != "" {
				t.Errorf("parse (-want +got):\n%s", diff)
			}
		})
	}
}
