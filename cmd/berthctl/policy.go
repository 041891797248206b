package main

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// policy is what the flags of `org create` say of the spec beside the bounds.
type policy struct {
	trusted          bool
	hostVerification string
	podSecurity      string
	issuers          []string
	allowed, denied  []string
}

func (p *policy) addTo(flags *pflag.FlagSet) {
	flags.BoolVar(&p.trusted, "trusted", false, "lift the default bounds for tenants that the platform does not know")
	flags.StringVar(&p.hostVerification, "host-verification", "", "whether a Domain needs a proof that the organization owns its host: Required or Disabled; "+
		"default: as the operator's flag --verify-domains says, and Disabled with --trusted")
	flags.StringVar(&p.podSecurity, "pod-security", "", "the Pod Security Standard that is enforced: baseline or restricted; default: baseline")
	flags.StringArrayVar(&p.issuers, "allow-issuer", nil, "a cert-manager issuer that Domains may name, as `[KIND[.GROUP]/]NAME`, such as corporate or "+
		"Issuer/own; may be given more than once; default: the platform's issuer alone")
	flags.StringArrayVar(&p.allowed, "allow-registry", nil, "a `PATTERN` of registries that Apps may pull from, such as registry.example.com or "+
		"ghcr.io/acme/*; may be given more than once; default: every registry")
	flags.StringArrayVar(&p.denied, "deny-registry", nil, "a `PATTERN` of registries that Apps must not pull from; may be given more than once")
}

// fill sets the fields of a spec. What they may hold is for the API server to say.
func (p *policy) fill(spec *v1alpha1.OrganizationSpec) error {
	if p.trusted {
		spec.Trusted = new(true)
	}
	spec.HostVerification = v1alpha1.HostVerification(p.hostVerification)
	spec.PodSecurity = v1alpha1.PodSecurityLevel(p.podSecurity)
	spec.AllowedRegistries, spec.DeniedRegistries = p.allowed, p.denied
	for _, text := range p.issuers {
		ref, err := parseIssuer(text)
		if err != nil {
			return err
		}
		spec.AllowedIssuers = append(spec.AllowedIssuers, ref)
	}
	return nil
}

// parseIssuer reads [KIND[.GROUP]/]NAME. What is left out has the API server's default.
func parseIssuer(text string) (v1alpha1.IssuerRef, error) {
	kind, name, ok := strings.Cut(text, "/")
	if !ok {
		kind, name = "", text
	}
	kind, group, _ := strings.Cut(kind, ".")
	if name == "" || ok && kind == "" || strings.Contains(name, "/") {
		return v1alpha1.IssuerRef{}, fmt.Errorf("--allow-issuer: %q is not [KIND[.GROUP]/]NAME", text)
	}
	return v1alpha1.IssuerRef{Name: name, Kind: kind, Group: group}, nil
}
