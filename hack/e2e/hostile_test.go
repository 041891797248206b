package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	berthv1alpha1 "github.com/berth-dev/berth/api/v1alpha1"
)

// The tests of the hostile_*_test.go files let one organization attack another. Their organizations are not trusted, but need no proof of their
// hosts unless a test is about that.

// strangers creates an organization that the platform does not know and returns a REST client that is its manager.
func strangers(t *testing.T, name, spec string) *restClient {
	t.Helper()
	kubectl(t, fmt.Sprintf(`
apiVersion: berth.dev/v1alpha1
kind: Organization
metadata:
  name: %s
spec:
  hostVerification: Disabled
%s
`, name, spec), "apply", "-f", "-")
	// On a cluster that has just been started, its quota controller takes a while to count Apps and Domains.
	kubectl(t, "", "wait", "organization/"+name, "--for=condition=Ready", "--timeout=180s")
	return managerOf(t, name, "manager@"+name+".test")
}

// asManager returns kubectl's flags for a manager of an organization, as the API server sees one.
func asManager(organization string) []string {
	return []string{
		"--as=berth:person:eve@example.test", "--as-group=berth:" + organization + ":manager", "--as-group=system:authenticated",
	}
}

// domainManifest is a Domain as a manager writes it.
func domainManifest(organization, name, host, app, more string) string {
	return fmt.Sprintf(`
apiVersion: berth.dev/v1alpha1
kind: Domain
metadata: {name: %s, namespace: %s}
spec:
  host: %s
  appRef: {name: %s}
  %s
`, name, organization, host, app, more)
}

// mustNeverShow visits a page while an attacker acts, and fails if a visit shows something else.
func mustNeverShow(t *testing.T, host, want string, attack func(n int)) {
	t.Helper()
	b := browser(t, berth.Env.CAIngress)
	for n := range 15 {
		attack(n)
		time.Sleep(300 * time.Millisecond) // The ingress controller takes a moment to read what changed.
		got, err := pageWith(t.Context(), b, host)
		if err != nil || !strings.HasPrefix(got, want) {
			t.Fatalf("visit %d of %s: %q (error: %v), want %q", n, host, got, err, want)
		}
	}
}

// S1: an ingress controller joins the names of Namespaces, Services, Secrets and Ingresses with hyphens.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	victim, attacker := strangers(t, "acme-eu", ""), strangers(t, "acme", "")
	base := "." + berth.Env.BaseDomain
	victim.deploy(t, "web", "Victim")
	applyDomain(t, "acme-eu", "www", "www.victim.test", "web", "")
	waitForDomain(t, "acme-eu", "www")
	waitForPage(t, "web"+base, "Victim")
	waitForPage(t, "www.victim.test", "Victim")

	attacker.deploy(t, "eu-web", "Attacker")
	waitForPage(t, "eu-web"+base, "Attacker")
	applyDomain(t, "acme", "eu-www", "www-victim.test", "eu-web", "")
	waitForDomain(t, "acme", "eu-www")
	waitForPage(t, "www-victim.test", "Attacker")
	for _, host := range []string{"web" + base, "www.victim.test"} {
		mustNeverShow(t, host, "Victim", func(n int) {
			kubectl(t, "", append(asManager("acme"), "patch", "domain", "eu-www", "-n", "acme", "--type=merge",
				"-p", fmt.Sprintf(`{"spec":{"host":"www%d-victim.test"}}`, n%2))...)
		})
	}
	mustNeverShow(t, "eu-web"+base, "Attacker", func(int) {})
}

// S4: no door gives away a host that belongs to the platform, the cluster or somebody else's Ingress.
func TestHostileHosts(t *testing.T) {
	t.Parallel()
	const org = "hosts-rival"
	attacker := strangers(t, org, "")
	attacker.deploy(t, "hosts-app", "Attacker")
	kubectl(t, "", "create", "ingress", "login", "-n", "default", "--class=traefik", "--rule=login.corp.test/*=web:80", "--rule=*.wild.corp.test/*=web:80")
	t.Cleanup(func() { _, _ = tryKubectl(t, "", "delete", "ingress", "login", "-n", "default") })
	eventually(t, time.Minute, "the host of the Ingress is claimed", func() (bool, string) {
		var claim berthv1alpha1.HostClaim
		err := berth.Client.Get(t.Context(), client.ObjectKey{Name: "login.corp.test"}, &claim)
		return err == nil, fmt.Sprint(err)
	})
	hosts := []string{
		"berth-facade.berth-system", "kubernetes.default", "kubernetes.default.svc", "vault.vault.svc.cluster.local", "pod-0.db.kube-system",
		"localhost", berth.Env.BaseDomain, "www." + berth.Env.BaseDomain, "other-app." + berth.Env.BaseDomain, "x.hosts-app." + berth.Env.BaseDomain,
		"login.corp.test",
	}
	for _, host := range hosts {
		for _, spelling := range []string{host, strings.ToUpper(host) + "."} {
			var got refusal
			attacker.callDomains(t, http.MethodPost, "", map[string]any{"slug": "hosts-app", "domain": spelling}, http.StatusBadRequest, &got)
			if _, ok := got["domain"]; !ok {
				t.Errorf("POST of %s: the answer is %v, want one that names domain", spelling, got)
			}
			attacker.callDomains(t, http.MethodPut, "hosts-app/", map[string]any{"domain": spelling}, http.StatusBadRequest, nil)
		}
	}
	for i, host := range hosts {
		mustBeRefusedByKubectl(t, org, fmt.Sprintf("h%d", i), host)
	}
	mustBeRefusedByKubectl(t, org, "wildcard", "x.wild.corp.test")
}

// mustBeRefusedByKubectl applies a Domain as a manager: either the API server or the operator refuses its host, and nothing is made for it.
func mustBeRefusedByKubectl(t *testing.T, org, name, host string) {
	t.Helper()
	manifest := domainManifest(org, name, host, "hosts-app", "")
	if out, err := tryKubectl(t, manifest, append(asManager(org), "apply", "-f", "-")...); err != nil {
		if !strings.Contains(out, "host") {
			t.Errorf("%s is refused without naming the field: %s", host, out)
		}
		return
	}
	waitForWords(t, org, name, berthv1alpha1.ConditionReady, "False", berthv1alpha1.ReasonHostReserved)
	if got := kubectl(t, "", "get", "ingress,certificate", "-n", org, "-o", "name"); strings.Contains(got, "/"+name+".domain") {
		t.Errorf("there are objects for %s: %s", host, got)
	}
}

// S5: whoever waits for a host of another organization does not get it when that lets go for a moment.
func TestHostileCamping(t *testing.T) {
	t.Parallel()
	const slug = "camped-app"
	owner, camper := strangers(t, "camp-owner", ""), strangers(t, "camp-rival", "")
	owner.deploy(t, slug, "Owner")
	host := slug + "." + berth.Env.BaseDomain
	waitForPage(t, host, "Owner")
	kubectl(t, fmt.Sprintf(`
apiVersion: berth.dev/v1alpha1
kind: App
metadata: {name: %s, namespace: camp-rival}
spec: {image: "%s", env: [{name: GREETING, value: Camper}]}
`, slug, push(t, slug+":v1", "-version=v1")), append(asManager("camp-rival"), "apply", "-f", "-")...)
	camper.call(t, http.MethodGet, slug+"/", nil, http.StatusOK, nil)
	waitForApp(t, "camp-rival", slug, berthv1alpha1.ReasonHostConflict)

	owner.call(t, http.MethodDelete, slug+"/", nil, http.StatusNoContent, nil)
	time.Sleep(2 * time.Second) // The camper's controller has every chance.
	if got, err := page(t.Context(), host); err == nil {
		t.Errorf("the page of a host that is held says %q", got)
	}
	camper.call(t, http.MethodPost, "", map[string]any{"slug": slug, "location": push(t, slug+":v1")}, http.StatusBadRequest, nil)
	owner.deploy(t, slug, "Back")
	waitForPage(t, host, "Back")
	waitForApp(t, "camp-rival", slug, berthv1alpha1.ReasonHostConflict)
}

// waitForApp waits until an App is not Ready for a reason.
func waitForApp(t *testing.T, namespace, name, reason string) {
	t.Helper()
	eventually(t, time.Minute, "the App "+namespace+"/"+name+" says "+reason, func() (bool, string) {
		var app berthv1alpha1.App
		if err := berth.Client.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, &app); err != nil {
			return false, err.Error()
		}
		c := meta.FindStatusCondition(app.Status.Conditions, berthv1alpha1.ConditionReady)
		return c != nil && c.Reason == reason, c.String()
	})
}

// wantNoRights says that an Organization of this name is Stalled and gives its managers no rights in the Namespace.
func wantNoRights(t *testing.T, name string) {
	t.Helper()
	kubectl(t, organizationManifest(name), "apply", "-f", "-")
	defer kubectl(t, "", "delete", "organization", name, "--cascade=orphan")
	kubectl(t, "", "wait", "organization/"+name, "--for=condition=Stalled", "--timeout=60s")
	if got := kubectl(t, "", "get", "rolebindings", "-n", name, "-o", "name", "--ignore-not-found"); strings.Contains(got, "/berth-manager") {
		t.Errorf("managers have rights in %s: %s", name, got)
	}
}

// S21: a Namespace of the platform does not become an organization.
func TestHostileOrganization(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"kube-system", "default"} {
		if out, err := tryKubectl(t, organizationManifest(name), "apply", "-f", "-"); err == nil || !strings.Contains(out, "system Namespaces") {
			t.Errorf("Organization %s: %s (error: %v), want it to be refused", name, out, err)
		}
	}
	for _, name := range []string{"berth-system", "berth-keys", "cert-manager"} {
		wantNoRights(t, name)
	}
	var ns corev1.Namespace
	if err := berth.Client.Get(t.Context(), client.ObjectKey{Name: "kube-system"}, &ns); err != nil || ns.Labels[berthv1alpha1.LabelOrganization] != "" {
		t.Errorf("kube-system has the labels %v (error: %v)", ns.Labels, err)
	}
}

// S17: the facade, if it were stolen, reads API keys, and no other Secrets of Berth's.
func TestHostileFacade(t *testing.T) {
	t.Parallel()
	for namespace, want := range map[string]string{"berth-keys": "yes", "berth-system": "no", "kube-system": "no", "default": "no"} {
		for _, verb := range []string{"list", "watch", "get"} {
			if namespace == "berth-keys" && verb == "get" {
				want = "no" // It needs none.
			}
			// Its exit status is 1 if the answer is no.
			out, _ := tryKubectl(t, "", "auth", "can-i", verb, "secrets", "-n", namespace, "--as=system:serviceaccount:berth-system:berth-facade")
			if got, _, _ := strings.Cut(strings.TrimSpace(out), " "); got != want {
				t.Errorf("the facade may %s Secrets in %s: %q, want %s", verb, namespace, out, want)
			}
		}
	}
}

func organizationManifest(name string) string {
	return fmt.Sprintf("{apiVersion: berth.dev/v1alpha1, kind: Organization, metadata: {name: %s}}", name)
}
