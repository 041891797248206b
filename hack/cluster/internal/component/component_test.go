package component

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func names(all []Component) []string {
	got := make([]string, 0, len(all))
	for _, c := range all {
		got = append(got, c.Name)
	}
	return got
}

func TestNamed(t *testing.T) {
	cases := map[string]struct {
		args    []string
		want    []string
		wantErr bool
	}{
		"OrderOfAll": {args: []string{Traefik, Kube}, want: []string{Kube, Traefik}},
		"None":       {want: []string{}},
		"Unknown":    {args: []string{Kube, "kub"}, wantErr: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := Named(tc.args...)
			if (err != nil) != tc.wantErr {
				t.Fatalf("Named(%q): error %v, want one: %t", tc.args, err, tc.wantErr)
			}
			if err != nil {
				return
			}
			if diff := cmp.Diff(tc.want, names(got)); diff != "" {
				t.Errorf("Named(%q): -want +got:\n%s", tc.args, diff)
			}
		})
	}
}

func TestForMode(t *testing.T) {
	if diff := cmp.Diff([]string{Kube, CertManager, Traefik, Mailbox, Dex}, names(ForMode(false))); diff != "" {
		t.Errorf("without a node: -want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{Kube, CertManager, Traefik, Mailbox, Dex, Flux}, names(ForMode(false, Flux))); diff != "" {
		t.Errorf("without a node, with Flux: -want +got:\n%s", diff)
	}
	if diff := cmp.Diff(names(All()), names(ForMode(true, Flux))); diff != "" {
		t.Errorf("with a node and all that is optional: -want +got:\n%s", diff)
	}
	for _, c := range ForMode(true) {
		if c.Optional {
			t.Errorf("%s is there, which nobody asked for", c.Name)
		}
	}
}

func TestVersionParts(t *testing.T) {
	got := []string{plain("v1.37.2"), major("v1.37.2"), minor("v1.37.2"), minor("v1.38.0-rc.1"), constant("clean")("v1.37.2")}
	if diff := cmp.Diff([]string{"1.37.2", "1", "37", "38", "clean"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
