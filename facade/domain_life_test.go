package facade

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/names"
)

// newSite makes an organization with one app, whose slug begins with name.
func newSite(t *testing.T, name string) (org, key, slug string) {
	t.Helper()
	org, key = organization(t)
	slug = name + "-" + strings.TrimPrefix(org, "org-")
	call(t, key, http.MethodPost, appsPath(org), map[string]any{"slug": slug, "location": "example.com/a"}).want(t, http.StatusCreated)
	return org, key, slug
}

// defaultView is what is shown of an app's default host while nothing is known about it.
func defaultView(slug string) map[string]any {
	return map[string]any{
		"slug": slug, "domain": slug + "." + baseDomain, "url": "https://" + slug + "." + baseDomain, "ssl_certificate": "", "cert_type": "default",
		"from_email": fromEmail, "email_host": mailHost, "email_port": float64(suite.mail.port), "email_host_user": mailUser,
		"authentication": 0.0, "billing": "production", "state": "pending",
	}
}

// with is a copy of a body or view with some members changed.
func with(view, changes map[string]any) map[string]any {
	changed := maps.Clone(view)
	maps.Copy(changed, changes)
	return changed
}

// domainOf reads a Domain from the cluster.
func domainOf(t *testing.T, organization, name string) *v1alpha1.Domain {
	t.Helper()
	domain := &v1alpha1.Domain{}
	if err := suite.cluster.Get(t.Context(), client.ObjectKey{Namespace: organization, Name: name}, domain); err != nil {
		t.Fatal(err)
	}
	return domain
}

// TestLifeOfADomain goes through what a domain can become, one step after the other. What each step answers is read afterwards, and sent back as
// it was read changes nothing.
func TestLifeOfADomain(t *testing.T) {
	org, key, slug := newSite(t, "life")
	host := slug + ".example.org"
	first, second := newAuthority(t).pair(t, host), newAuthority(t).pair(t, host)
	want := defaultView(slug)
	steps := []struct {
		name    string
		body    map[string]any
		changes map[string]any
		// writes are what the step asks the API server for.
		writes []string
	}{
		{name: "Nothing", body: map[string]any{}},
		{name: "DefaultHost", body: map[string]any{"domain": strings.ToUpper(slug) + "." + baseDomain + "."}},
		{
			name: "Host", body: map[string]any{"domain": host, "slug": slug, "state": "ready", "url": 1},
			changes: map[string]any{"domain": host, "url": "https://" + host}, writes: []string{"PATCH domains/" + slug},
		},
		{
			name: "Certificate", body: first.body(), changes: map[string]any{"ssl_certificate": first.chain, "cert_type": "custom"},
			writes: []string{"POST secrets", "PATCH domains/" + slug},
		},
		{name: "CertificateInOtherWords", body: map[string]any{"ssl_certificate": "My site:\r\n" + strings.ReplaceAll(first.chain, "\n", "\r\n") + "\n"}},
		{name: "NoCertificate", body: map[string]any{"ssl_certificate": "", "ssl_certificate_key": nil}},
		{
			name: "AnotherCertificate", body: second.body(), changes: map[string]any{"ssl_certificate": second.chain},
			writes: []string{"POST secrets", "PATCH domains/" + slug},
		},
		{
			name: "Login", body: map[string]any{"authentication": "2"}, changes: map[string]any{"authentication": 2.0},
			writes: []string{"PATCH domains/" + slug},
		},
		{
			name: "MailServer", body: map[string]any{"email_host": "smtp.example.org", "email_host_user": "ann@example.org", "email_host_password": " p "},
			changes: map[string]any{"email_host": "smtp.example.org", "email_host_user": "ann@example.org", "from_email": "ann@example.org"},
			writes:  []string{"POST secrets", "PATCH domains/" + slug},
		},
		{name: "SamePassword", body: map[string]any{"email_host_password": " p "}},
		{
			name: "Port", body: map[string]any{"email_port": "465", "from_email": "bob@example.org"},
			changes: map[string]any{"email_port": 465.0, "from_email": "bob@example.org"}, writes: []string{"PATCH domains/" + slug},
		},
		{
			name: "NoUser", body: map[string]any{"email_host_user": nil, "from_email": ""},
			changes: map[string]any{"email_host_user": "", "from_email": fromEmail}, writes: []string{"PATCH domains/" + slug},
		},
		{
			name: "NoMailServer", body: map[string]any{"email_host": "", "email_port": nil},
			changes: map[string]any{"email_host": mailHost, "email_port": float64(suite.mail.port), "email_host_user": mailUser},
			writes:  []string{"PATCH domains/" + slug},
		},
	}
	for _, step := range steps {
		want = with(want, step.changes)
		var got answer
		writes := suite.requests.writes(org, func() { got = call(t, key, http.MethodPut, domainPath(org, slug), step.body).want(t, http.StatusOK) })
		if diff := cmp.Diff(want, got.json(t)); diff != "" {
			t.Fatalf("%s: -want, +got:\n%s", step.name, diff)
		}
		for i := range writes {
			method, path, _ := strings.Cut(writes[i], " ")
			_, path, _ = strings.Cut(path, "/namespaces/"+org+"/")
			writes[i] = method + " " + path
		}
		if diff := cmp.Diff(step.writes, writes, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: requests: -want, +got:\n%s", step.name, diff)
		}
		read := call(t, key, http.MethodGet, domainPath(org, slug), nil).want(t, http.StatusOK).json(t)
		if diff := cmp.Diff(want, read); diff != "" {
			t.Fatalf("%s: GET: -want, +got:\n%s", step.name, diff)
		}
		again := suite.requests.writes(org, func() { call(t, key, http.MethodPut, domainPath(org, slug), read).want(t, http.StatusOK) })
		if len(again) > 0 {
			t.Errorf("%s: PUT of what was read asked for %v", step.name, again)
		}
	}
	if spec := domainOf(t, org, slug).Spec; spec.Mail != nil {
		t.Errorf("something of the mail settings is left: %+v", spec.Mail)
	}
}

// TestNamesOfADomain says by which names a domain is found.
func TestNamesOfADomain(t *testing.T) {
	org, key, slug := newSite(t, "names")
	other, _, stranger := newSite(t, "stranger")
	host := slug + ".example.org"
	status := func(name string) int { return call(t, key, http.MethodGet, domainPath(org, name), nil).status }
	check := func(want map[string]int) {
		t.Helper()
		for name, status := range want {
			call(t, key, http.MethodGet, domainPath(org, name), nil).want(t, status)
		}
	}
	check(map[string]int{
		slug: http.StatusOK, strings.ToUpper(slug): http.StatusOK, slug + "." + baseDomain: http.StatusOK, slug + "." + baseDomain + ".": http.StatusOK,
		host: http.StatusNotFound, stranger: http.StatusNotFound, stranger + "." + baseDomain: http.StatusNotFound, baseDomain: http.StatusNotFound,
	})
	// A Domain whose App doesn't exist isn't there.
	lonely := &v1alpha1.Domain{
		ObjectMeta: metav1.ObjectMeta{Namespace: org, Name: "lonely"},
		Spec:       v1alpha1.DomainSpec{Host: "lonely-" + host, AppRef: v1alpha1.AppRef{Name: "nobody"}},
	}
	second := &v1alpha1.Domain{
		ObjectMeta: metav1.ObjectMeta{Namespace: org, Name: "second"},
		Spec:       v1alpha1.DomainSpec{Host: "second-" + host, AppRef: v1alpha1.AppRef{Name: slug}},
	}
	for _, domain := range []*v1alpha1.Domain{lonely, second} {
		if err := suite.cluster.Create(t.Context(), domain); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the server knows the Domain", func() bool { return status("second-"+host) == http.StatusOK })
	check(map[string]int{
		slug: http.StatusOK, slug + "." + baseDomain: http.StatusNotFound, "SECOND-" + host + ".": http.StatusOK, "lonely-" + host: http.StatusNotFound,
		"second": http.StatusNotFound,
	})
	if got := call(t, suite.host, http.MethodGet, domainPath(other, "second-"+host), nil); got.status != http.StatusNotFound {
		t.Errorf("a domain of another organization: got %d", got.status)
	}
}

// TestCreateDomain says which app a new domain serves, and how its Domain is called.
func TestCreateDomain(t *testing.T) {
	org, key, slug := newSite(t, "create")
	host := slug + ".example.org"
	created := func(path string, body map[string]any) map[string]any {
		t.Helper()
		return call(t, key, http.MethodPost, path, body).want(t, http.StatusCreated).json(t)
	}
	// The organization has one app: no slug is needed.
	only := created(domainsPath(org), map[string]any{"domain": "www." + host, "slug": "", "from_email": "a@b", "authentication": 1})
	want := with(defaultView(slug), map[string]any{
		"domain": "www." + host, "url": "https://www." + host, "from_email": "a@b", "authentication": 1.0,
	})
	if diff := cmp.Diff(want, only); diff != "" {
		t.Errorf("the first: -want, +got:\n%s", diff)
	}
	second := "more-" + strings.TrimPrefix(org, "org-")
	call(t, key, http.MethodPost, appsPath(org), map[string]any{"slug": second, "location": "example.com/a"}).want(t, http.StatusCreated)
	if got := created(domainsPath(org), map[string]any{"domain": second + ".example.net"}); got["slug"] != second {
		t.Errorf("by its first label, a domain serves %v", got["slug"])
	}
	if got := created(domainsPath(org), map[string]any{"domain": slug + "." + baseDomain, "slug": slug}); got["slug"] != slug {
		t.Errorf("an app's default host serves %v", got["slug"])
	}
	// The first stays the one that is shown with the app.
	if got := call(t, key, http.MethodGet, appPath(org, slug), nil).json(t)["domain"]; got != "www."+host {
		t.Errorf("the app is shown with %v", got)
	}
	// Another Domain has the name that the next would have.
	call(t, key, http.MethodPut, domainPath(org, slug+"."+baseDomain), map[string]any{"domain": "moved." + host}).want(t, http.StatusOK)
	created(domainsPath(org), map[string]any{"domain": slug + "." + baseDomain, "slug": slug})
	domains := &v1alpha1.DomainList{}
	if err := suite.cluster.List(t.Context(), domains, client.InNamespace(org)); err != nil {
		t.Fatal(err)
	}
	hosts := map[string]string{}
	for _, domain := range domains.Items {
		name := domain.Name
		if domain.Spec.Host == slug+"."+baseDomain && strings.HasPrefix(name, slug+"-") {
			name = "by chance"
		}
		hosts[name] = domain.Spec.Host
		if owner := appOf(t, org, domain.Spec.AppRef.Name).UID; len(domain.OwnerReferences) != 1 || domain.OwnerReferences[0].UID != owner {
			t.Errorf("the Domain %s doesn't go with its App: %v", domain.Name, domain.OwnerReferences)
		}
	}
	if diff := cmp.Diff(map[string]string{
		slug: "www." + host, second: second + ".example.net", slug + "." + baseDomain: "moved." + host, "by chance": slug + "." + baseDomain,
	}, hosts); diff != "" {
		t.Errorf("Domains: -want, +got:\n%s", diff)
	}

	// They all go with their app, at once, and so a new one of its name has none of them.
	call(t, key, http.MethodDelete, appPath(org, slug), nil).want(t, http.StatusNoContent)
	call(t, key, http.MethodPost, appsPath(org), map[string]any{"slug": slug, "location": "example.com/a"}).want(t, http.StatusCreated)
	if diff := cmp.Diff(defaultView(slug), call(t, key, http.MethodGet, domainPath(org, slug), nil).json(t)); diff != "" {
		t.Errorf("the new app: -want, +got:\n%s", diff)
	}
	changeClaim(t, "moved."+host, binds)
	created(domainsPath(org), map[string]any{"domain": "moved." + host, "slug": slug})
}

// TestIssuedCertificate says that what the platform has got for a host is shown, without its key, and how the host is doing.
func TestIssuedCertificate(t *testing.T) {
	org, key, slug := newSite(t, "issued")
	host := slug + ".example.org"
	authority := newAuthority(t)
	issue := func(secret, host string) pair {
		t.Helper()
		issued := authority.pair(t, host)
		if err := suite.cluster.Create(t.Context(), &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: org, Name: secret, Labels: map[string]string{v1alpha1.LabelSecret: v1alpha1.SecretTLS}},
			Type:       corev1.SecretTypeTLS,
			Data:       map[string][]byte{corev1.TLSCertKey: []byte(issued.chain), corev1.TLSPrivateKeyKey: []byte(issued.key)},
		}); err != nil {
			t.Fatal(err)
		}
		return issued
	}
	shows := func(want pair, state string) {
		t.Helper()
		eventually(t, "the certificate is shown", func() bool {
			got := call(t, key, http.MethodGet, domainPath(org, slug), nil).json(t)
			return got["ssl_certificate"] == want.chain && got["state"] == state && got["cert_type"] == "default"
		})
	}
	app := appOf(t, org, slug)
	app.Status.Conditions = conditions(app.Generation, v1alpha1.ConditionCertificateReady, v1alpha1.ConditionRouteReady)
	if err := suite.cluster.Status().Update(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	shows(issue(names.TLSSecret(slug, app.UID), slug+"."+baseDomain), "ready")

	call(t, key, http.MethodPut, domainPath(org, slug), map[string]any{"domain": host}).want(t, http.StatusOK)
	domain := domainOf(t, org, slug)
	domain.Status.Conditions = conditions(domain.Generation, v1alpha1.ConditionStalled)
	if err := suite.cluster.Status().Update(t.Context(), domain); err != nil {
		t.Fatal(err)
	}
	issued := issue(names.DomainTLSSecret(slug, domain.UID), host)
	shows(issued, "failed")
	read := call(t, key, http.MethodGet, domainPath(org, slug), nil).json(t)
	if writes := suite.requests.writes(org, func() { call(t, key, http.MethodPut, domainPath(org, slug), read).want(t, http.StatusOK) }); len(writes) > 0 {
		t.Errorf("the platform's own certificate, sent back, asked for %v", writes)
	}
	// A new spec is none that anything is known about.
	if got := call(t, key, http.MethodPut, domainPath(org, slug), map[string]any{"authentication": 1}).json(t)["state"]; got != "pending" {
		t.Errorf("state after a change: got %v", got)
	}
}

// conditions are some that are True for a generation.
func conditions(generation int64, types ...string) []metav1.Condition {
	all := make([]metav1.Condition, 0, len(types))
	for _, conditionType := range slices.Sorted(slices.Values(types)) {
		all = append(all, metav1.Condition{
			Type: conditionType, Status: metav1.ConditionTrue, ObservedGeneration: generation, Reason: "Test", LastTransitionTime: metav1.Now(),
		})
	}
	return all
}
