package exposure

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/testobjects"
)

// A claim concerns those whose certificates name the host, and of the organization's own those that its proof is good for.
func TestNamedHosts(t *testing.T) {
	t.Parallel()
	index := newNamedHosts()
	domain := func(ns, name string) *v1alpha1.Domain {
		return &v1alpha1.Domain{ObjectMeta: testobjects.Named(ns, name)}
	}
	index.add(domain("acme", "exact"), []string{"www.example.com"})
	index.add(domain("acme", "wildcard"), []string{"shop.example.net", "*.example.com"})
	index.add(domain("acme", "other"), []string{"*.www.example.com", "example.com"})
	index.add(&v1alpha1.App{ObjectMeta: testobjects.Named("acme", "app")}, []string{"www.example.com"})
	claim := func(host, organization string, proven bool) *v1alpha1.HostClaim {
		c := &v1alpha1.HostClaim{ObjectMeta: metav1.ObjectMeta{Name: host}, Spec: v1alpha1.HostClaimSpec{Organization: organization}}
		if proven {
			c.Status.VerifiedAt = new(metav1.Now())
		}
		return c
	}
	cases := map[string]struct {
		claim *v1alpha1.HostClaim
		kind  v1alpha1.HostHolderKind
		want  []string
	}{
		"OfAnother":     {claim("www.example.com", "rival", false), v1alpha1.HostHolderDomain, []string{"exact", "wildcard"}},
		"OfAnotherApps": {claim("www.example.com", "rival", false), v1alpha1.HostHolderApp, []string{"app"}},
		"Elsewhere":     {claim("www.example.org", "rival", true), v1alpha1.HostHolderDomain, nil},
		"Own":           {claim("www.example.com", "acme", false), v1alpha1.HostHolderDomain, nil},
		"OwnProven":     {claim("example.com", "acme", true), v1alpha1.HostHolderDomain, []string{"exact", "other", "wildcard"}},
		"OwnProvenHost": {claim("www.example.com", "acme", true), v1alpha1.HostHolderDomain, []string{"exact", "other"}},
	}
	for name, tc := range cases {
		var got []string
		for _, r := range index.concernedBy(tc.claim, tc.kind) {
			got = append(got, r.Name)
		}
		slices.Sort(got)
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for _, name := range []string{"exact", "wildcard", "other"} {
		index.Forget(domain("acme", name))
	}
	index.Forget(&v1alpha1.App{ObjectMeta: testobjects.Named("acme", "app")})
	if len(index.users)+len(index.names) != 0 {
		t.Errorf("forgotten, but still known: %v, %v", index.users, index.names)
	}
}
