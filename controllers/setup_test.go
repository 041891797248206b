package controllers

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSetupNeedsOptions(t *testing.T) {
	t.Parallel()
	cases := map[string]Options{
		"Nothing":      {},
		"NoBaseDomain": {Namespace: "berth-system", Issuer: Issuer{Name: "ca"}},
		"NoIssuer":     {Namespace: "berth-system", BaseDomain: baseDomain},
		"NoNamespace":  {BaseDomain: baseDomain, Issuer: Issuer{Name: "ca"}},
		"BadDomain":    {Namespace: "berth-system", BaseDomain: "Apps.example.com", Issuer: Issuer{Name: "ca"}},
		"DotAtTheEnd":  {Namespace: "berth-system", BaseDomain: "apps.example.com.", Issuer: Issuer{Name: "ca"}},
		"LongDomain":   {Namespace: "berth-system", BaseDomain: strings.Repeat("a.", 113) + "aa", Issuer: Issuer{Name: "ca"}},
	}
	for name, o := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := SetupWithManager(t.Context(), nil, o); err == nil {
				t.Error("SetupWithManager succeeded, want an error")
			}
		})
	}
}

func TestOptionsDefaults(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		issuer, want Issuer
	}{
		"Defaults": {Issuer{Name: "ca"}, Issuer{Name: "ca", Kind: "ClusterIssuer", Group: "cert-manager.io"}},
		"Given":    {Issuer{Name: "ca", Kind: "Issuer", Group: "example.com"}, Issuer{Name: "ca", Kind: "Issuer", Group: "example.com"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, Options{Issuer: tc.issuer}.withDefaults().platform().Issuer); diff != "" {
				t.Errorf("issuer (-want +got):\n%s", diff)
			}
		})
	}
}
