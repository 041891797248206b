package chaos

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// wantedHosts are the hosts that live apps want, by the kind of the objects that have them: their own by Domains, and those and the default ones by
// Ingresses and Certificates.
func wantedHosts(live []*caller) map[string][]string {
	wanted := map[string][]string{}
	add := func(host string, kinds ...string) {
		for _, kind := range kinds {
			wanted[kind] = append(wanted[kind], host)
		}
	}
	for _, c := range live {
		add(c.app.slug+"."+baseDomain, "Ingress", "Certificate")
		if own, ok := c.app.values["domain"]; ok {
			add(fmt.Sprint(own), "Domain", "Ingress", "Certificate")
		}
	}
	return sorted(wanted)
}

// hosts are those of an organization's objects, by their kind.
func (w world) hosts(organization string) map[string][]string {
	found := map[string][]string{}
	for _, o := range w[organization] {
		var hosts []string
		switch kind := o.GetKind(); kind {
		case "Domain":
			host, _, _ := unstructured.NestedString(o.Object, "spec", "host")
			hosts = []string{host}
		case "Certificate":
			hosts, _, _ = unstructured.NestedStringSlice(o.Object, "spec", "dnsNames")
		case "Ingress":
			rules, _, _ := unstructured.NestedSlice(o.Object, "spec", "rules")
			for _, rule := range rules {
				of, _ := rule.(map[string]any)
				hosts = append(hosts, fmt.Sprint(of["host"]))
			}
		}
		if len(hosts) > 0 {
			found[o.GetKind()] = append(found[o.GetKind()], hosts...)
		}
	}
	return sorted(found)
}

func sorted(all map[string][]string) map[string][]string {
	for _, some := range all {
		slices.Sort(some)
	}
	return all
}
