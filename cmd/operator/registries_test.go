package main

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/berth-dev/berth/controllers"
)

func TestRegistries(t *testing.T) {
	t.Parallel()
	there := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(there, []byte("certificates"), 0o600); err != nil {
		t.Fatal(err)
	}
	networks := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	cases := map[string]struct {
		flags registryFlags
		want  *controllers.Registries
		fails bool
	}{
		"NotAsked":  {flags: registryFlags{networks: networks}},
		"Asked":     {flags: registryFlags{ask: true, networks: networks}, want: &controllers.Registries{Networks: networks}},
		"CA":        {flags: registryFlags{ask: true, caFile: there}, want: &controllers.Registries{Authorities: []byte("certificates")}},
		"CAMissing": {flags: registryFlags{ask: true, caFile: there + "-not"}, want: &controllers.Registries{}},
		"CAUnread":  {flags: registryFlags{ask: true, caFile: filepath.Dir(there)}, fails: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := tc.flags.options()
			if (err != nil) != tc.fails {
				t.Fatalf("error %v, want one: %t", err, tc.fails)
			}
			ignored := cmpopts.IgnoreFields(controllers.Registries{}, "UserAgent")
			if diff := cmp.Diff(tc.want, got, ignored, cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
				t.Errorf("options (-want +got):\n%s", diff)
			}
		})
	}
}
