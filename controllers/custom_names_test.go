package controllers

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/testobjects"
)

// holdHost makes the claim of a host that is held for an organization.
func holdHost(t *testing.T, host, organization string) *v1alpha1.HostClaim {
	t.Helper()
	claim := &v1alpha1.HostClaim{
		ObjectMeta: metav1.ObjectMeta{Name: host},
		Spec:       v1alpha1.HostClaimSpec{Organization: organization, HeldUntil: new(metav1.NewTime(time.Now().Add(time.Hour)))},
	}
	create(t, claim)
	return claim
}

// existingClaim waits until a host is claimed.
func existingClaim(t *testing.T, host string) *v1alpha1.HostClaim {
	t.Helper()
	claim := &v1alpha1.HostClaim{ObjectMeta: metav1.ObjectMeta{Name: host}}
	awaitClaim(t, claim, func(v1alpha1.HostClaimSpec) bool { return true })
	return claim
}

// newForeignIngress makes an Ingress that is not Berth's.
func newForeignIngress(t *testing.T, ns string, hosts ...string) {
	t.Helper()
	ingress := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: ns, GenerateName: "ingress-"}}
	for _, host := range hosts {
		ingress.Spec.Rules = append(ingress.Spec.Rules, networkingv1.IngressRule{Host: host})
	}
	create(t, ingress)
	eventually(t, func(ctx context.Context) error { return cached.Get(ctx, key(ingress), &networkingv1.Ingress{}) })
	for _, host := range hosts {
		if !strings.HasPrefix(host, "*") {
			existingClaim(t, host)
		}
	}
}

// prove writes that the organization has proven to own the host of a claim.
func prove(t *testing.T, claim *v1alpha1.HostClaim) {
	t.Helper()
	get(t, claim)
	claim.Status.VerifiedAt = new(metav1.Now())
	if err := api.Status().Update(t.Context(), claim); err != nil {
		t.Fatalf("prove: %v", err)
	}
}

// A certificate with a name that is not the organization's is refused, and the host gets the platform's certificate.
func TestCustomCertificateWithForeignNames(t *testing.T) {
	t.Parallel()
	victim := "victim-" + time.Now().Format("150405") + ".example.net"
	holdHost(t, "www."+victim, "somebody")
	newForeignIngress(t, namespace(t, nil), "login."+victim, "*.wild."+victim)
	const foreign, reserved = "which covers a host outside the organization", "which is reserved by the platform"
	cases := map[string]struct {
		pair pairFor
		says string
	}{
		"HostOfAnother":         {pairFor{names: []string{"www." + victim}}, foreign},
		"InCommonName":          {pairFor{common: "www." + victim}, foreign},
		"InCapitals":            {pairFor{names: []string{strings.ToUpper("www." + victim)}}, foreign},
		"WithDot":               {pairFor{names: []string{"www." + victim + "."}}, foreign},
		"BehindAComma":          {pairFor{common: "mine.test,www." + victim}, foreign},
		"WildcardOverAnother":   {pairFor{names: []string{"*." + victim}}, foreign},
		"WildcardIngress":       {pairFor{names: []string{"*.wild." + victim}}, foreign},
		"BelowWildcardIngress":  {pairFor{names: []string{"one.wild." + victim}}, foreign},
		"Ingress":               {pairFor{names: []string{"login." + victim}}, foreign},
		"AnotherDefaultHost":    {pairFor{names: []string{"hello." + baseDomain}}, reserved},
		"AllDefaultHosts":       {pairFor{names: []string{"*." + baseDomain}}, reserved},
		"WildcardOfTheBase":     {pairFor{names: []string{"*." + strings.SplitN(baseDomain, ".", 2)[1]}}, reserved},
		"InsideTheCluster":      {pairFor{names: []string{"kubernetes.default.svc"}}, reserved},
		"InsideTheClusterShort": {pairFor{common: "kubernetes.default.svc"}, reserved},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := organization(t)
			domain := newDomain(t, ns, "www."+ns+".example.com", newApp(t, ns).Name)
			tc.pair.host = domain.Spec.Host
			newCertificateSecret(t, ns, "bought", tc.pair)
			wantCustom(t, domain, "bought")
			expect(t, domain, status.FailedStatus, certificateInvalid)
			says(t, domain, tc.says)
			if got := message(domain, v1alpha1.ConditionReady); strings.Contains(got, "somebody") || strings.Contains(got, "platform/") {
				t.Errorf("the message %q says whose the host is", got)
			}
			route := domain.Name + ".domain"
			absent(t, copyOf(domain))
			certify(t, ns, route)
			awaitServed(t, domain, tlsSecret(domain).Name)
			expect(t, domain, status.FailedStatus, certificateInvalid)
		})
	}
}

// Names of the organization's own are welcome, wildcards among them.
func TestCustomCertificateWithSeveralNames(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	zone := ns + ".example.com"
	holdHost(t, "shop."+zone, ns)
	newForeignIngress(t, ns, "blog."+zone)
	holdHost(t, "deep.below."+zone, "somebody") // A wildcard does not cover it.
	domain, source := newCustomDomain(t, ns, func(p *pairFor) { p.names, p.common = []string{"*." + zone, "shop." + zone, zone}, "Example Inc." })
	awaitCopy(t, domain, source)

	// The default host of the Domain's App is one of them.
	both := newCertificateSecret(t, ns, "both", pairFor{host: domain.Spec.Host, names: []string{domain.Spec.AppRef.Name + "." + baseDomain}})
	wantCustom(t, domain, both.Name)
	awaitCopy(t, domain, both)
}

// A certificate that is served is withdrawn when a host that it names becomes another's, and served again when it is no longer.
func TestCustomCertificateIsWithdrawn(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	zone := ns + ".example.com"
	domain, source := newCustomDomain(t, ns, func(p *pairFor) { p.names = []string{"*." + zone} })
	awaitCopy(t, domain, source)
	route := domain.Name + ".domain"
	copied := copyOf(domain)

	rival := organization(t)
	theirs := newDomain(t, rival, "api."+zone, newApp(t, rival).Name)
	awaitAbsent(t, copied)
	expect(t, domain, status.FailedStatus, certificateInvalid)
	says(t, domain, "Secret bought: The certificate names *."+zone+", which covers a host outside the organization.")
	awaitWithdrawal(t, ns)
	certify(t, ns, route)
	awaitServed(t, domain, tlsSecret(domain).Name)
	awaitCertificate(t, domain, v1alpha1.CertificateDefault, tlsSecretOf(t, domain))
	reconcileLater(t, domain, later) // What is served in its place stays.
	get(t, &cmv1.Certificate{ObjectMeta: testobjects.Named(ns, route)})

	// While the host is held for the rival, it is the rival's.
	remove(t, theirs)
	claim := existingClaim(t, theirs.Spec.Host)
	awaitClaim(t, claim, func(s v1alpha1.HostClaimSpec) bool { return s.HeldUntil != nil })
	quiesce(t, ns)
	expect(t, domain, status.FailedStatus, certificateInvalid)
	remove(t, claim)
	expect(t, domain, status.CurrentStatus, ready)
	awaitCopy(t, domain, source)
	awaitServed(t, domain, copied.Name)

	// The copy goes, whatever has become of what it is a copy of, and while the App is away.
	remove(t, source)
	remove(t, &v1alpha1.App{ObjectMeta: testobjects.Named(ns, domain.Spec.AppRef.Name)})
	expect(t, domain, status.FailedStatus, map[string]condition{v1alpha1.ConditionReady: failing(v1alpha1.ReasonAppNotFound)})
	get(t, copied)
	holdHost(t, theirs.Spec.Host, rival)
	awaitAbsent(t, copied)
}

func tlsSecretOf(t *testing.T, domain *v1alpha1.Domain) *corev1.Secret {
	t.Helper()
	secret := tlsSecret(domain)
	get(t, secret)
	return secret
}

// awaitWithdrawal waits until the users of an organization are told that a certificate is no longer served.
func awaitWithdrawal(t *testing.T, ns string) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		var list eventsv1.EventList
		if err := api.List(ctx, &list, client.InNamespace(ns)); err != nil {
			return err
		}
		for _, e := range list.Items {
			if e.Action == "WithdrawCertificate" && e.Type == corev1.EventTypeWarning && strings.Contains(e.Note, "no longer served") {
				return nil
			}
		}
		return errNotYet
	})
}

// The certificate of a default host, which a Domain that mirrors the App names, is withdrawn too; the Domain says why.
func TestMirroredCertificateIsWithdrawn(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	app := newApp(t, ns)
	certify(t, ns, app.Name)
	zone := ns + ".example.com"
	newCertificateSecret(t, ns, "bought", pairFor{host: app.Name + "." + baseDomain, names: []string{"shop." + zone}})
	domain := newDomain(t, ns, app.Name+"."+baseDomain, app.Name)
	wantCustom(t, domain, "bought")
	awaitServed(t, app, copyOf(app).Name)
	holdHost(t, "shop."+zone, "rival")
	awaitAbsent(t, copyOf(app))
	want := map[string]condition{v1alpha1.ConditionCertificateReady: failing(v1alpha1.ReasonCertificateInvalid)}
	expect(t, domain, status.FailedStatus, want)
	expect(t, app, status.FailedStatus, want)
	awaitServed(t, app, tlsSecret(app).Name)
}

// Where the organization has to prove that it owns its hosts, so it has to for the names of its certificates.
func TestCustomCertificateWithUnprovenNames(t *testing.T) {
	t.Parallel()
	ns := organizationWith(t, v1alpha1.OrganizationSpec{
		Trusted: new(true), HostVerification: v1alpha1.HostVerificationRequired,
	})
	zone := ns + ".example.com"
	prove(t, holdHost(t, "www."+zone, ns))
	claim := holdHost(t, zone, ns)
	domain := newDomain(t, ns, "www."+zone, newApp(t, ns).Name)
	newCertificateSecret(t, ns, "bought", pairFor{host: domain.Spec.Host, names: []string{"*." + zone}})
	wantCustom(t, domain, "bought")
	expect(t, domain, status.FailedStatus, certificateInvalid)
	says(t, domain, fmt.Sprintf("names *.%s, and the organization has not proven that it owns %s.", zone, zone))
	prove(t, claim)
	expect(t, domain, status.CurrentStatus, ready)
	awaitServed(t, domain, copyOf(domain).Name)

	org := &v1alpha1.Organization{ObjectMeta: metav1.ObjectMeta{Name: ns}}
	patch(t, org, func(client.Object) { org.Spec.HostVerification = v1alpha1.HostVerificationDisabled })
	remove(t, claim)
	quiesce(t, ns)
	expect(t, domain, status.CurrentStatus, ready)
	patch(t, org, func(client.Object) { org.Spec.HostVerification = v1alpha1.HostVerificationRequired })
	quiesce(t, ns)
	expect(t, domain, status.CurrentStatus, ready)
	awaitServed(t, domain, copyOf(domain).Name)
	newCertificateSecret(t, ns, "renewed", pairFor{host: domain.Spec.Host, names: []string{"*." + zone}})
	wantCustom(t, domain, "renewed")
	expect(t, domain, status.FailedStatus, certificateInvalid)
	says(t, domain, "has not proven that it owns "+zone)
	awaitServed(t, domain, copyOf(domain).Name)
}
