package auth

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/berth-dev/berth/internal/apikey"
)

func TestOfKey(t *testing.T) {
	cases := map[string]struct {
		key  apikey.Key
		want Principal
	}{
		"Manager": {
			key: apikey.Key{Spec: apikey.Spec{
				ID: "k1", Owner: "ann@example.com", Role: apikey.RoleManager, Organizations: []string{"acme", "cowork"},
			}},
			want: Principal{
				ID: "k1", Owner: "ann@example.com", Role: apikey.RoleManager, User: "berth:key:k1",
				Groups: []string{"berth:acme:manager", "berth:cowork:manager"},
			},
		},
		"Contributor": {
			key:  apikey.Key{Spec: apikey.Spec{ID: "k2", Role: apikey.RoleContributor, Organizations: []string{"acme"}}},
			want: Principal{ID: "k2", Role: apikey.RoleContributor, User: "berth:key:k2", Groups: []string{"berth:acme:contributor"}},
		},
		"Host": {
			key:  apikey.Key{Spec: apikey.Spec{ID: "k3", Role: apikey.RoleHost}},
			want: Principal{ID: "k3", Role: apikey.RoleHost, User: "berth:key:k3", Groups: []string{"berth:host"}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, ofKey(tc.key)); diff != "" {
				t.Errorf("ofKey(%s): -want, +got:\n%s", tc.key.ID, diff)
			}
		})
	}
}
