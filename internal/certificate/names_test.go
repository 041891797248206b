package certificate

import (
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"net"
	"net/url"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	hostname "github.com/berth-dev/berth/internal/host"
)

// leafWith returns a certificate with a common name and DNS names.
func leafWith(t *testing.T, common string, names ...string) *x509.Certificate {
	t.Helper()
	return issue(t, nil, func(c *x509.Certificate, _ *crypto.Signer) { c.Subject.CommonName, c.DNSNames = common, names }).Certificate
}

func TestNames(t *testing.T) {
	cases := map[string]struct {
		common string
		names  []string
		want   []string
	}{
		"Plain":          {"www.example.com", []string{"www.example.com", "*.example.com"}, []string{"*.example.com", "www.example.com"}},
		"Case":           {"", []string{"WWW.Example.COM"}, []string{"www.example.com"}},
		"TrailingDot":    {"Shop.Example.com.", []string{"www.example.com."}, []string{"shop.example.com", "www.example.com"}},
		"Prose":          {"Example Inc. of Berlin", nil, nil},
		"HostInProse":    {"Example Inc. (www.example.com)", nil, []string{"www.example.com"}},
		"Spaces":         {" www.example.com ", nil, []string{"www.example.com"}},
		"Commas":         {"mine.test,www.example.com", nil, []string{"mine.test", "www.example.com"}},
		"KelvinSign":     {"www.\u212Aiwi.com", nil, []string{"www.kiwi.com"}},
		"DottedCapitalI": {"www.\u0130bm.com", nil, []string{"www.ibm.com"}},
		"Umlaut":         {"münchen.example", []string{"xn--mnchen-3ya.example"}, []string{"xn--mnchen-3ya.example"}},
		"UmlautWildcard": {"*.MÜNCHEN.example", nil, []string{"*.xn--mnchen-3ya.example"}},
		"UmlautInProse":  {"Müller & Söhne (www.müller.example)", nil, []string{"www.xn--mller-kva.example"}},
		"UmlautAlone":    {"Müller", nil, nil},
		"FullWidth":      {"ｗｗｗ.example.com", nil, []string{"www.example.com"}},
		"NoIDN":          {"a_ü.b_ü-www.example.com", nil, []string{"-www.example.com", ".b_"}},
		"SingleLabel":    {"grafana", []string{"localhost"}, []string{"grafana", "localhost"}},
		"IPInCommonName": {"192.0.2.1", nil, []string{"192.0.2.1"}},
		"IPv6":           {"2001:db8::1", nil, []string{"2001:db8::1"}},
		"Unusual":        {"", []string{"a b,c"}, []string{"a b,c"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, Names(leafWith(t, tc.common, tc.names...))); diff != "" {
				t.Errorf("Names (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNamesOfAnUnusualLeaf(t *testing.T) {
	leaf := issue(t, nil, func(c *x509.Certificate, _ *crypto.Signer) {
		c.Subject = pkix.Name{ExtraNames: []pkix.AttributeTypeAndValue{
			{Type: oidCommonName, Value: "first.test"}, {Type: oidCommonName, Value: "last.test"},
		}}
		c.DNSNames, c.IPAddresses = nil, []net.IP{net.IPv4(192, 0, 2, 1)}
		c.EmailAddresses, c.URIs = []string{"me@mail.test"}, []*url.URL{{Scheme: "https", Host: "uri.test"}}
	}).Certificate
	if diff := cmp.Diff([]string{"192.0.2.1", "first.test", "last.test"}, Names(leaf)); diff != "" {
		t.Errorf("Names (-want +got):\n%s", diff)
	}
}

// fixedHosts are Hosts by name.
type fixedHosts struct {
	foreign, proven []string
	err             error
}

func (h fixedHosts) IsForeign(name string) (bool, error) {
	for _, host := range h.foreign {
		if hostname.Covers(name, host) {
			return true, h.err
		}
	}
	return false, h.err
}

func (h fixedHosts) IsProven(host string) (bool, error) {
	return slices.Contains(h.proven, host), h.err
}

func TestNamePolicy(t *testing.T) {
	hosts := fixedHosts{foreign: []string{"www.victim.test", "grafana"}, proven: []string{"example.com"}}
	const (
		reserved = "which is reserved by the platform"
		foreign  = "which covers a host outside the organization"
		unproven = "has not proven that it owns"
		notAHost = "which is not a valid hostname"
		address  = "names the IP address"
		single   = "which has a single label"
	)
	cases := map[string]struct {
		common string
		names  []string
		proof  bool
		served bool
		want   string
	}{
		"Own":                     {names: []string{"www.example.com"}},
		"Several":                 {names: []string{"www.example.com", "example.com", "*.example.com", "www.example.net"}},
		"Victim":                  {names: []string{"www.example.com", "www.victim.test"}, want: "names www.victim.test, " + foreign},
		"VictimInCommonName":      {common: "www.victim.test", names: []string{"www.example.com"}, want: foreign},
		"VictimInProse":           {common: "hello www.victim.test", want: foreign},
		"VictimBehindComma":       {common: "www.example.com,www.victim.test", want: foreign},
		"VictimCommaInDNSName":    {names: []string{"www.example.com,www.victim.test"}, want: notAHost},
		"VictimInCapitals":        {names: []string{"WWW.victim.TEST"}, want: foreign},
		"VictimWithDot":           {names: []string{"www.victim.test."}, want: foreign},
		"VictimWithDots":          {names: []string{"www.victim.test.."}, want: notAHost},
		"VictimWithSpace":         {names: []string{" www.victim.test"}, want: notAHost},
		"WildcardOverVictim":      {names: []string{"*.victim.test"}, want: "names *.victim.test, " + foreign},
		"WildcardBesideVictim":    {names: []string{"*.www.victim.test"}},
		"InnerWildcard":           {names: []string{"www.*.test"}, want: notAHost},
		"PartialWildcard":         {names: []string{"w*.victim.test"}, want: notAHost},
		"BareWildcard":            {names: []string{"*"}, want: notAHost},
		"IngressOfOneLabel":       {common: "grafana", want: foreign},
		"WordOfAName":             {common: "Grafana Shop", names: []string{"www.example.com"}},
		"OwnDefaultHost":          {names: []string{"web.apps.berth.test"}},
		"OtherDefaultHost":        {names: []string{"other.apps.berth.test"}, want: reserved},
		"BelowDefaultHost":        {names: []string{"www.web.apps.berth.test"}, want: reserved},
		"WildcardOverDefaults":    {names: []string{"web.apps.berth.test", "*.apps.berth.test"}, want: reserved},
		"WildcardBelowDefault":    {names: []string{"*.web.apps.berth.test"}, want: reserved},
		"WildcardOverBaseDomain":  {names: []string{"*.berth.test"}, want: reserved},
		"BaseDomain":              {names: []string{"apps.berth.test"}, want: reserved},
		"PublicHost":              {names: []string{"berth.platform.test"}, want: reserved},
		"WildcardOverPublicHost":  {names: []string{"*.platform.test"}, want: reserved},
		"BelowReserved":           {names: []string{"id.login.test"}, want: reserved},
		"WildcardBelowReserved":   {names: []string{"*.login.test"}, want: reserved},
		"ClusterInternal":         {names: []string{"kubernetes.default.svc"}, want: reserved},
		"WildcardClusterInternal": {names: []string{"*.default.svc.cluster.local"}, want: reserved},
		"Namespace":               {names: []string{"db.shop-eu"}, want: reserved},
		"SingleLabel":             {names: []string{"www.example.com", "berth-facade"}, want: "names berth-facade, which has a single label"},
		"SingleLabelInCapitals":   {names: []string{"Berth-Facade"}, want: "names berth-facade, " + single},
		"SingleLabelWithDot":      {names: []string{"kubernetes."}, want: single},
		"SingleLabelUnderscore":   {names: []string{"my_server"}, want: single},
		"SingleLabelIDN":          {names: []string{"xn--mnchen-3ya"}, want: single},
		"SingleLabelServed":       {names: []string{"intranet"}, served: true},
		"ForeignLabelServed":      {names: []string{"grafana"}, served: true, want: foreign},
		"WordInCommonName":        {common: "intranet", names: []string{"www.example.com"}},
		"CompanyInCommonName":     {common: "My Company Ltd", names: []string{"www.example.com"}},
		"Underscore":              {names: []string{"_x.example.com"}},
		"IPInCommonName":          {common: "192.0.2.1", want: address},
		"Proven":                  {names: []string{"a.b.example.com", "*.b.example.com", "example.com"}, proof: true},
		"OwnHostNeedsNone":        {names: []string{"www.example.com"}, proof: true},
		"OwnDefaultNeedsNone":     {names: []string{"web.apps.berth.test"}, proof: true},
		"Unproven":                {names: []string{"www.example.net"}, proof: true, want: "names www.example.net, and the organization " + unproven},
		"UnprovenWildcard":        {names: []string{"*.example.net"}, proof: true, want: unproven + " example.net"},
		"UnprovenInCommonName":    {common: "www.example.net", proof: true, want: unproven},
		"AboveProven":             {names: []string{"*.com"}, proof: true, want: unproven + " com"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			policy := NamePolicy{
				Host: "www.example.com", App: "web", Hosts: hosts, Proof: tc.proof, SingleLabels: tc.served,
				Rules: hostname.Rules{
					BaseDomain: "apps.berth.test", PublicHost: "berth.platform.test", Reserved: []string{"login.test"},
				},
				IsNamespace: func(name string) bool { return name == "shop-eu" },
			}
			wantProblem(t, policy.Check(leafWith(t, tc.common, tc.names...)), tc.want)
		})
	}
}

// Where nobody is asked whose hosts are, only reserved names are refused.
func TestNamePolicyWithoutHosts(t *testing.T) {
	policy := NamePolicy{Host: "www.example.com", App: "web", Rules: hostname.Rules{BaseDomain: "apps.example.com"}}
	wantProblem(t, policy.Check(leafWith(t, "", "www.example.com", "*.example.com")), "names *.example.com, which is reserved")
	wantProblem(t, policy.Check(leafWith(t, "", "www.victim.test")), "")
}

func TestNamePolicyWithoutAnAnswer(t *testing.T) {
	failure := errors.New("no answer")
	policy := NamePolicy{Host: "www.example.com", Hosts: fixedHosts{err: failure}}
	if err := policy.Check(leafWith(t, "", "www.example.com", "example.com")); !errors.Is(err, failure) {
		t.Errorf("Check: got error %v, want %v", err, failure)
	}
}
