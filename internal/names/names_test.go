package names

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"
)

func TestNames(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", validation.DNS1123SubdomainMaxLength-len(".example.com")) + ".example.com"
	almost := "b" + long[1:]
	const uid, again = "1a2b3c4d-0000-4000-8000-000000000000", "4d3c2b1a-0000-4000-8000-000000000000"
	names := map[string]string{}
	for _, n := range []struct{ of, name string }{
		{"App x", "x"},
		{"Domain x", DomainObject("x")},
		{"Domain x.domain", DomainObject("x.domain")},
		{"long Domain", DomainObject(long)},
		{"another long Domain", DomainObject(almost)},
		{"Secret of App x", TLSSecret("x", uid)},
		{"Secret of App x, made anew", TLSSecret("x", again)},
		{"Secret of Domain x", DomainTLSSecret("x", uid)},
		{"Secret of Domain x, made anew", DomainTLSSecret("x", again)},
		{"Secret of long Domain", DomainTLSSecret(long, uid)},
		{"Secret of long Domain, made anew", DomainTLSSecret(long, again)},
		{"Secret of another long Domain", DomainTLSSecret(almost, uid)},
		{"copy of App x", CustomSecret("x", uid)},
		{"copy of App x, made anew", CustomSecret("x", again)},
		{"former copy of App x", FormerCustomSecret("x")},
		{"route of App x", AppRoute("x", uid)},
		{"route of App x, made anew", AppRoute("x", again)},
		{"route of Domain x", DomainRoute("x", uid)},
		{"route of Domain x, made anew", DomainRoute("x", again)},
		{"route of long Domain", DomainRoute(long, uid)},
		{"route of another long Domain", DomainRoute(almost, uid)},
		{"pull Secret of App x", PullSecret("x")},
		{"copy of Domain x", DomainCustomSecret("x", uid)},
		{"copy of Domain x, made anew", DomainCustomSecret("x", again)},
		{"copy of long Domain", DomainCustomSecret(long, uid)},
		{"former copy of Domain x", FormerDomainCustomSecret("x")},
		{"former copy of long Domain", FormerDomainCustomSecret(long)},
		{"kept for a claim", KeptSecret(uid, "cert-manager.io", "ClusterIssuer", "x")},
		{"kept for another claim", KeptSecret(again, "cert-manager.io", "ClusterIssuer", "x")},
		{"kept of another issuer", KeptSecret(uid, "cert-manager.io", "Issuer", "x")},
		{"waiting key of Domain x", NewCertSecret("x")},
		{"waiting key of long Domain", NewCertSecret(long)},
	} {
		if other, taken := names[n.name]; taken {
			t.Errorf("%s and %s are both named %s", n.of, other, n.name)
		}
		names[n.name] = n.of
		if problems := validation.IsDNS1123Subdomain(n.name); len(problems) > 0 {
			t.Errorf("the name of %s: %v", n.of, problems)
		}
	}
}

func TestRoutePort(t *testing.T) {
	t.Parallel()
	one, other := RoutePort("1a2b3c4d-0000-4000-8000-000000000000"), RoutePort("1a2b3c4d-0000-4000-8000-000000000001")
	if one == other {
		t.Errorf("two Apps have the port %s", one)
	}
	if problems := validation.IsValidPortName(one); len(problems) > 0 {
		t.Errorf("port %s: %v", one, problems)
	}
}
