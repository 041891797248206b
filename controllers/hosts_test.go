package controllers

import (
	"strings"
	"testing"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/testobjects"
	"github.com/berth-dev/berth/internal/testing/testenv"
)

var hostReserved = map[string]condition{
	v1alpha1.ConditionReady:            failing(v1alpha1.ReasonHostReserved),
	v1alpha1.ConditionStalled:          {"True", v1alpha1.ReasonHostReserved},
	v1alpha1.ConditionRouteReady:       failing(v1alpha1.ReasonHostReserved),
	v1alpha1.ConditionCertificateReady: pending,
}

// No Domain has a host of the platform's, but that of its own App.
func TestReservedHosts(t *testing.T) {
	t.Parallel()
	cases := map[string]func(app *v1alpha1.App) string{
		"BaseDomain":   func(*v1alpha1.App) string { return baseDomain },
		"NoApp":        func(app *v1alpha1.App) string { return "not-" + app.Name + "." + baseDomain },
		"BelowTheApps": func(app *v1alpha1.App) string { return "www." + app.Name + "." + baseDomain },
		"Service":      func(*v1alpha1.App) string { return "berth-facade." + testenv.Namespace },
		"HeadlessPod":  func(*v1alpha1.App) string { return "pod-0.kubernetes.default" },
		"PublicHost":   func(*v1alpha1.App) string { return publicHost },
		"ReservedHost": func(*v1alpha1.App) string { return "sso." + reservedDomain },
	}
	for name, host := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := organization(t)
			app := newApp(t, ns)
			domain := newDomain(t, ns, host(app), app.Name)
			expect(t, domain, status.FailedStatus, hostReserved)
			says(t, domain, "is reserved")
			if domain.Status.URL != "" {
				t.Errorf("the URL is %s, want none", domain.Status.URL)
			}
			absent(t, routeOf(domain))
			absent(t, &cmv1.Certificate{ObjectMeta: testobjects.Named(ns, domain.Name+".domain")})
			patch(t, domain, func(client.Object) { domain.Spec.Host = "www." + ns + ".example.com" })
			expect(t, domain, status.InProgressStatus, map[string]condition{v1alpha1.ConditionRouteReady: succeeded})
		})
	}
}

// A host that only ends in the same letters as the base domain is anybody's.
func TestHostBesideTheBaseDomain(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	domain := newDomain(t, ns, ns+"-"+baseDomain, newApp(t, ns).Name)
	expect(t, domain, status.InProgressStatus, map[string]condition{v1alpha1.ConditionRouteReady: succeeded})
}

// An App gets its default host whatever older Domains have asked for it: of another App, of one that doesn't exist, or as their own.
func TestDefaultHostIsTheAppsOwn(t *testing.T) {
	t.Parallel()
	ns, other := organization(t), organization(t)
	name := "app-" + ns[len(ns)-5:]
	host := name + "." + baseDomain
	served := newServedDomain(t, other)
	claimed := newDomain(t, other, host, name)
	nextSecond(t)
	app := running(t, ns)
	if want := "https://" + host; app.Status.URL != want {
		t.Errorf("the App has the URL %s, want %s", app.Status.URL, want)
	}
	expect(t, claimed, status.FailedStatus, map[string]condition{v1alpha1.ConditionReady: failing(v1alpha1.ReasonHostConflict)})

	patch(t, served, func(client.Object) { served.Spec.Host = host })
	expect(t, served, status.FailedStatus, hostReserved)
	awaitAbsent(t, routeOf(served))
	awaitAbsent(t, &cmv1.Certificate{ObjectMeta: testobjects.Named(other, served.Name+".domain")})
	awaitAbsent(t, tlsSecret(served))
	get(t, served)
	served.Status.URL = "https://" + host
	if err := api.Status().Update(t.Context(), served); err != nil {
		t.Fatal(err)
	}
	settle()
	expect(t, app, status.CurrentStatus, map[string]condition{v1alpha1.ConditionReady: succeeded})
}

// A Domain of the default host of an App that doesn't exist waits for the App, and keeps the host from nobody.
func TestDefaultHostOfNoApp(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	name := "app-" + ns[len(ns)-5:]
	domain := newDomain(t, ns, name+"."+baseDomain, name)
	expect(t, domain, status.FailedStatus, map[string]condition{v1alpha1.ConditionReady: failing(v1alpha1.ReasonAppNotFound)})
	if domain.Status.URL != "" {
		t.Errorf("the URL is %s, want none while there is no App", domain.Status.URL)
	}
	running(t, ns)
	expect(t, domain, status.CurrentStatus, ready)
	if !strings.HasSuffix(domain.Status.URL, domain.Spec.Host) {
		t.Errorf("the URL is %q, want that of the App", domain.Status.URL)
	}
}

// Each of several Domains of an App has a route and a certificate of its own.
func TestTwoDomainsOfAnApp(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	first, source := newCustomDomain(t, ns)
	second := newDomain(t, ns, "shop."+ns+".example.com", first.Spec.AppRef.Name)
	certify(t, ns, second.Name+".domain")
	expect(t, second, status.CurrentStatus, ready)
	guard(t, first)
	awaitServed(t, second, tlsSecret(second).Name)

	// One Secret may be for both, if it covers both.
	both := newCertificateSecret(t, ns, "both", pairFor{host: "*." + ns + ".example.com"})
	wantCustom(t, second, source.Name)
	expect(t, second, status.FailedStatus, certificateInvalid)
	for _, d := range []*v1alpha1.Domain{first, second} {
		wantCustom(t, d, both.Name)
		awaitCopy(t, d, both)
		expect(t, d, status.CurrentStatus, ready)
		awaitServed(t, d, copyOf(d).Name)
	}
	remove(t, second)
	settle()
	expect(t, first, status.CurrentStatus, ready)
}

// A custom certificate doesn't follow a Domain to a host that it doesn't cover.
func TestCustomCertificateOfAnotherHost(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	domain, source := newCustomDomain(t, ns)
	patch(t, domain, func(client.Object) { domain.Spec.Host = "shop." + ns + ".example.com" })
	expect(t, domain, status.FailedStatus, certificateInvalid)
	awaitServed(t, domain, "")
	if domain.Status.Certificate != nil {
		t.Errorf("the certificate is %+v, want none", domain.Status.Certificate)
	}
	renewed := source.DeepCopy()
	renewed.Data[corev1.TLSCertKey], renewed.Data[corev1.TLSPrivateKeyKey] = newPair(t, pairFor{host: domain.Spec.Host})
	patch(t, source, func(client.Object) { source.Data = renewed.Data })
	expect(t, domain, status.CurrentStatus, ready)
	awaitCopy(t, domain, renewed)
	awaitServed(t, domain, copyOf(domain).Name)
}

// A Domain outside of organizations keeps no host from one that is in one.
func TestHostAskedForOutsideOfAnOrganization(t *testing.T) {
	t.Parallel()
	outside, ns := namespace(t, nil), organization(t)
	older := newDomain(t, outside, "www."+ns+".example.com", "web")
	expect(t, older, status.FailedStatus, map[string]condition{v1alpha1.ConditionReady: failing(v1alpha1.ReasonNotInOrganization)})
	nextSecond(t)
	younger := newDomain(t, ns, older.Spec.Host, newApp(t, ns).Name)
	expect(t, younger, status.InProgressStatus, map[string]condition{v1alpha1.ConditionRouteReady: succeeded})
}

// A Namespace that is no organization any more keeps the hosts that it serves: they still lead there.
func TestHostOfAFormerOrganization(t *testing.T) {
	t.Parallel()
	ns, other := organization(t), organization(t)
	waiting := newDomain(t, other, "www."+other+".example.com", newApp(t, other).Name)
	nextSecond(t)
	domain := newDomain(t, ns, "www."+ns+".example.com", newApp(t, ns).Name)
	certify(t, ns, domain.Name+".domain")
	expect(t, domain, status.CurrentStatus, ready)
	patch(t, waiting, func(client.Object) { waiting.Spec.Host = domain.Spec.Host })
	expect(t, waiting, status.FailedStatus, conflict)

	before := domain.Status
	patch(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}}, func(o client.Object) { o.SetLabels(nil) })
	expect(t, domain, status.FailedStatus, map[string]condition{v1alpha1.ConditionReady: failing(v1alpha1.ReasonNotInOrganization)})
	if domain.Status.URL != before.URL || !equality.Semantic.DeepEqual(domain.Status.Certificate, before.Certificate) {
		t.Errorf("it served %s with %v, and now says %s and %v", before.URL, before.Certificate, domain.Status.URL, domain.Status.Certificate)
	}
	settle()
	expect(t, waiting, status.FailedStatus, conflict)
	absent(t, routeOf(waiting))
}
