package host_test

import (
	"strings"
	"testing"

	"github.com/berth-dev/berth/internal/host"
)

func TestNormalize(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ name, want string }{
		"Upper":       {"WWW.Example.COM", "www.example.com"},
		"TrailingDot": {"www.example.com.", "www.example.com"},
		"Root":        {".", "."},
		"OtherLetter": {"İ.example.com", "İ.example.com"},
		"Kelvin":      {"\u212a.example.com", "\u212a.example.com"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := host.Normalize(tc.name); got != tc.want {
				t.Errorf("Normalize(%q) = %q, want %q", tc.name, got, tc.want)
			}
		})
	}
}

func TestOfURL(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		address, want string
		fails         bool
	}{
		"None":     {},
		"URL":      {address: "https://Berth.Example.com.:8443/profile/", want: "berth.example.com"},
		"NoScheme": {address: "berth.example.com", fails: true},
		"Port":     {address: "berth.example.com:8443", fails: true},
		"Invalid":  {address: "https://[::1", fails: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := host.OfURL(tc.address)
			if got != tc.want || (err != nil) != tc.fails {
				t.Errorf("OfURL(%q) = %q, %v, want %q and an error: %t", tc.address, got, err, tc.want, tc.fails)
			}
		})
	}
}

func TestIsValid(t *testing.T) {
	t.Parallel()
	cases := map[string]bool{
		"www.example.com": true, "a.b": true, "1.example.com": true, "xn--bcher-kva.example": true, "a-b.example.com": true,
		strings.Repeat("a.", 126) + "a": true,
		"":                              false, "localhost": false, "*.example.com": false, "-a.example.com": false, "a-.example.com": false,
		"a..example.com": false, "A.example.com": false, "www.example.com.": false, "a_b.example.com": false, "10.0.0.1": false,
		"127.1": false, "a.0x7f": false, "a.0x": false, "::1": false, "a.1": false, "bücher.example": false,
		strings.Repeat("a", 64) + ".example.com": false, strings.Repeat("a.", 127) + "a": false, "a b.example.com": false,
	}
	for name, want := range cases {
		if got := host.IsValid(name); got != want {
			t.Errorf("IsValid(%q) = %t, want %t", name, got, want)
		}
	}
}

func TestRefusal(t *testing.T) {
	t.Parallel()
	rules := host.Rules{
		BaseDomain: "apps.example.com", PublicHost: "berth.example.com", ClusterDomain: "corp.internal", Reserved: []string{"login.test"},
	}
	namespaces := func(name string) bool { return name == "berth-system" || name == "default" || name == "dev" }
	cases := map[string]struct {
		host    string
		refused bool
	}{
		"Public":              {"www.example.com", false},
		"OwnDefault":          {"web.apps.example.com", false},
		"OtherDefault":        {"shop.apps.example.com", true},
		"BelowOwnDefault":     {"x.web.apps.example.com", true},
		"BaseDomain":          {"apps.example.com", true},
		"LikeBaseDomain":      {"myapps.example.com", false},
		"AboveBaseDomain":     {"example.com", false},
		"PublicURL":           {"berth.example.com", true},
		"BelowPublicURL":      {"x.berth.example.com", false},
		"Service":             {"kubernetes.default.svc", true},
		"Pod":                 {"10-0-0-1.default.pod", true},
		"ClusterDomain":       {"vault.vault.svc.corp.internal", true},
		"UsualClusterDomain":  {"kubernetes.default.svc.cluster.local", true},
		"ClusterDomainItself": {"corp.internal", true},
		"ShortService":        {"berth-facade.berth-system", true},
		"ShortHeadless":       {"pod-0.db.default", true},
		"NoNamespace":         {"www.hello.test", false},
		"PublicSuffix":        {"www.berth.dev", false},
		"Reserved":            {"login.test", true},
		"BelowReserved":       {"sso.login.test", true},
		"LikeReserved":        {"notlogin.test", false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := rules.Refusal(tc.host, "web", namespaces)
			if (got != "") != tc.refused {
				t.Errorf("Refusal(%q) = %q, want refused: %t", tc.host, got, tc.refused)
			}
			if tc.refused && !strings.Contains(got, tc.host) {
				t.Errorf("Refusal(%q) = %q, which does not name the host", tc.host, got)
			}
		})
	}
}

func TestDefaultOf(t *testing.T) {
	t.Parallel()
	rules := host.Rules{BaseDomain: "apps.example.com"}
	for name, want := range map[string]string{
		"web.apps.example.com": "web", "a.web.apps.example.com": "", "apps.example.com": "", "www.example.com": "",
	} {
		if got := rules.DefaultOf(name); got != want {
			t.Errorf("DefaultOf(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestCovers(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		name, host string
		want       bool
	}{
		"Same":          {"www.example.com", "www.example.com", true},
		"Other":         {"www.example.com", "example.com", false},
		"Wildcard":      {"*.example.com", "www.example.com", true},
		"WildcardApex":  {"*.example.com", "example.com", false},
		"WildcardDeep":  {"*.example.com", "a.www.example.com", false},
		"WildcardEmpty": {"*.example.com", ".example.com", false},
		"WildcardTop":   {"*.com", "example.com", true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := host.Covers(tc.name, tc.host); got != tc.want {
				t.Errorf("Covers(%q, %q) = %t, want %t", tc.name, tc.host, got, tc.want)
			}
		})
	}
}

func TestParseDomain(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ text, want string }{
		"Host":        {text: "login.example.com", want: "login.example.com"},
		"SingleLabel": {text: "internal", want: "internal"},
		"Spelling":    {text: "SSO.Example.com.", want: "sso.example.com"},
		"Wildcard":    {text: "*.example.com"},
		"URL":         {text: "https://example.com"},
		"Underscore":  {text: "a_b.example.com"},
		"Empty":       {text: ""},
		"Root":        {text: "."},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := host.ParseDomain(tc.text)
			if got != tc.want || (err == nil) != (tc.want != "") {
				t.Errorf("ParseDomain(%q) = %q, %v; want %q", tc.text, got, err, tc.want)
			}
		})
	}
}
