package resources

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// How ingress controllers make keys of names. Traefik joins Namespace, Service and port, Namespace and Secret, and Namespace, Ingress, host and
// path, with hyphens, and replaces all else but letters and digits: pkg/provider/kubernetes/ingress/kubernetes.go of v3.6.12, reported in
// traefik/traefik#10139. It also makes one hyphen of several. ingress-nginx joins Namespace, Service and port: kubernetes/ingress-nginx#4434.
// The object that was read last gets the key.
var joins = map[string]func(string) string{
	"as they are": func(s string) string { return s },
	"replaced":    func(s string) string { return notPlain.ReplaceAllString(s, "-") },
	"normalized":  func(s string) string { return strings.Trim(severalNotPlain.ReplaceAllString(s, "-"), "-") },
}

var (
	notPlain        = regexp.MustCompile("[^a-z0-9]")
	severalNotPlain = regexp.MustCompile("[^a-z0-9]+")
)

// tenants is what organizations have named.
type tenants struct {
	namespaces, apps, domains, hosts []string
}

// keys calls found for each key, with the kind of the key and the object that it is of.
func (n tenants) keys(found func(kind, key, object string)) {
	for _, ns := range n.namespaces {
		for _, name := range n.apps {
			app := &v1alpha1.App{ObjectMeta: made("App", ns, name)}
			object := "App " + ns + "/" + name
			site := AppSite(app, platform).WithBackend(app)
			found("service", strings.Join([]string{ns, site.Service, site.Port}, "-"), object)
			found("route", strings.Join([]string{ns, site.Route, site.Host + "/"}, "-"), object)
			found("secret", ns+"-"+site.TLSSecret, object+" issued")
			found("secret", ns+"-"+site.CustomSecret, object+" custom")
		}
		for _, name := range n.domains {
			for _, host := range n.hosts {
				domain := &v1alpha1.Domain{ObjectMeta: made("Domain", ns, name), Spec: v1alpha1.DomainSpec{Host: host}}
				object := "Domain " + ns + "/" + name
				site := DomainSite(domain, platform)
				found("route", strings.Join([]string{ns, site.Route, site.Host + "/"}, "-"), object)
				found("secret", ns+"-"+site.TLSSecret, object+" issued")
				found("secret", ns+"-"+site.CustomSecret, object+" custom")
			}
		}
	}
}

// made is what the API server says of an object that is created: its UID is known to nobody before.
func made(kind, ns, name string) metav1.ObjectMeta {
	sum := sha256.Sum256([]byte(kind + "/" + ns + "/" + name))
	x := hex.EncodeToString(sum[:])
	uid := fmt.Sprintf("%s-%s-4%s-8%s-%s", x[:8], x[8:12], x[12:15], x[15:18], x[18:30])
	return metav1.ObjectMeta{Namespace: ns, Name: name, UID: types.UID(uid)}
}

// No two objects of tenants have the same key, whatever the tenants name them.
func TestKeysAreUnique(t *testing.T) {
	t.Parallel()
	honest := tenants{
		namespaces: []string{"a", "a-b", "a-b-c", "a--b", "acme", "acme-eu", "acme-eu-1", "acme1", "domain", "http"},
		apps:       []string{"a", "b", "c", "a-b", "b-c", "b--c", "eu", "eu-web", "web", "web-1", "tls", "custom", "web-http", "web-custom", "http"},
		domains:    []string{"a", "b", "b-c", "b.c", "b.domain", "domain", "eu-www", "www", "www-1", "www.example.com", "eu.www.domain-tls"},
		hosts:      []string{"www.example.com", "www-example.com", "example.com", "eu.www.example.com", "domain.www.example.com", "web.1.example.com"},
	}
	// These have seen the digits of others, and put them into what they name.
	imitators := honest
	for _, victim := range []struct{ kind, ns, name string }{
		{"App", "acme-eu", "web"}, {"App", "a-b", "c"}, {"Domain", "acme-eu", "www"}, {"Domain", "a-b", "b"},
	} {
		meta := made(victim.kind, victim.ns, victim.name)
		digits := string(meta.UID)[:8]
		app := &v1alpha1.App{ObjectMeta: meta}
		port := AppSite(app, platform).WithBackend(app).Port
		imitators.apps = slices.Concat(imitators.apps, []string{
			digits, victim.name + "-" + digits, "eu-" + victim.name + "-" + digits, "web-" + port, "eu-web-" + port, "web-tls-" + digits,
		})
		imitators.domains = slices.Concat(imitators.domains, []string{
			digits, victim.name + ".domain-" + digits, "eu-" + victim.name + ".domain-" + digits, victim.name + "-" + digits,
			"eu-web-" + digits + "-web", "eu-www.domain-tls-" + digits, "b.domain-custom-" + digits,
		})
		imitators.hosts = slices.Concat(imitators.hosts, []string{
			digits + ".www.example.com", "domain-" + digits + "-www.example.com", "www.domain." + digits + ".www.example.com",
		})
	}
	for how, join := range joins {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			owners := map[string]string{}
			imitators.keys(func(kind, key, object string) {
				key = kind + " " + join(key)
				if owner, taken := owners[key]; taken && owner != object {
					t.Errorf("%s is the key of both %s and %s", key, owner, object)
				}
				owners[key] = object
			})
		})
	}
}

// Without the digits, names of two organizations have the same key: what the test above would find.
func TestFormerKeysCollide(t *testing.T) {
	t.Parallel()
	site := func(ns, name string) Site {
		return AppSite(&v1alpha1.App{ObjectMeta: made("App", ns, name)}, platform).Former()
	}
	one, other := site("acme", "eu-web"), site("acme-eu", "web")
	if a, b := one.Namespace+"-"+one.CustomSecret, other.Namespace+"-"+other.CustomSecret; a != b {
		t.Errorf("the keys are %s and %s, want one for both", a, b)
	}
}

// The port that routes name is one of the Service's.
func TestServiceHasTheRoutesPort(t *testing.T) {
	t.Parallel()
	app := testApp()
	port := AppSite(app, platform).WithBackend(app).Port
	if !slices.ContainsFunc(Service(app).Spec.Ports, func(p corev1ac.ServicePortApplyConfiguration) bool { return *p.Name == port }) {
		t.Errorf("the Service has no port %s", port)
	}
}
