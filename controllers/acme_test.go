package controllers

import (
	"context"
	"strings"
	"testing"
	"time"

	acmev1 "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/testobjects"
)

// What cert-manager makes while it issues a certificate, played by the tests.

var testIssuer = cmmeta.IssuerReference{Name: "letsencrypt", Kind: "ClusterIssuer", Group: "cert-manager.io"}

func controlled(controller client.Object, apiVersion, kind string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: controller.GetNamespace(), GenerateName: controller.GetName() + "-",
		OwnerReferences: []metav1.OwnerReference{{
			APIVersion: apiVersion, Kind: kind, Name: controller.GetName(), UID: controller.GetUID(), Controller: new(true),
		}},
	}
}

func newRequest(t *testing.T, c *cmv1.Certificate) *cmv1.CertificateRequest {
	t.Helper()
	r := &cmv1.CertificateRequest{
		ObjectMeta: controlled(c, cmv1.SchemeGroupVersion.String(), "Certificate"),
		Spec:       cmv1.CertificateRequestSpec{Request: []byte("request"), IssuerRef: c.Spec.IssuerRef},
	}
	create(t, r)
	return r
}

func newOrder(t *testing.T, r *cmv1.CertificateRequest) *acmev1.Order {
	t.Helper()
	o := &acmev1.Order{
		ObjectMeta: controlled(r, cmv1.SchemeGroupVersion.String(), "CertificateRequest"),
		Spec:       acmev1.OrderSpec{Request: []byte("request"), IssuerRef: testIssuer},
	}
	create(t, o)
	return o
}

func newChallenge(t *testing.T, o *acmev1.Order) *acmev1.Challenge {
	t.Helper()
	c := &acmev1.Challenge{
		ObjectMeta: controlled(o, acmev1.SchemeGroupVersion.String(), "Order"),
		Spec: acmev1.ChallengeSpec{
			URL: "https://acme.example.com/1", AuthorizationURL: "https://acme.example.com/2", DNSName: "www.example.com",
			Type: acmev1.ACMEChallengeTypeHTTP01, Token: "token", Key: "the answer", IssuerRef: testIssuer,
		},
	}
	create(t, c)
	return c
}

func updateStatus(t *testing.T, o client.Object) {
	t.Helper()
	if err := api.Status().Update(t.Context(), o); err != nil {
		t.Fatal(err)
	}
}

func requestCondition(t *testing.T, r *cmv1.CertificateRequest, c cmv1.CertificateRequestCondition) {
	t.Helper()
	r.Status.Conditions = []cmv1.CertificateRequestCondition{c}
	updateStatus(t, r)
}

// While a certificate isn't issued, the Domain says what is nearest to the cause of that.
func TestWordsAboutIssuing(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	domain := newDomain(t, ns, "www."+ns+".example.com", newApp(t, ns).Name)
	certified := func(want condition, words string) {
		t.Helper()
		kstatus := status.InProgressStatus
		if want == succeeded {
			kstatus = status.CurrentStatus
		}
		says(t, domain, words)
		expect(t, domain, kstatus, map[string]condition{v1alpha1.ConditionCertificateReady: want})
	}
	certified(working, "The certificate is being issued.")
	c := &cmv1.Certificate{ObjectMeta: testobjects.Named(ns, domain.Name+".domain")}
	get(t, c)

	request := newRequest(t, c)
	requestCondition(t, request, cmv1.CertificateRequestCondition{
		Type: cmv1.CertificateRequestConditionReady, Status: cmmeta.ConditionFalse, Reason: "Pending",
		Message: `Referenced "ClusterIssuer" not found: clusterissuer.cert-manager.io "letsencrypt" not found`,
	})
	certified(working, `The certificate is being issued. Referenced "ClusterIssuer" not found`)

	order := newOrder(t, request)
	order.Status.State = acmev1.Pending
	updateStatus(t, order)
	certified(working, "The certificate is being issued. The order is pending.")

	challenge := newChallenge(t, order)
	challenge.Status = acmev1.ChallengeStatus{State: acmev1.Pending, Reason: "Waiting for HTTP-01 challenge propagation:\n wrong status code '404'"}
	updateStatus(t, challenge)
	certified(working, "The challenge HTTP-01: Waiting for HTTP-01 challenge propagation: wrong status code '404'")

	challenge.Status = acmev1.ChallengeStatus{State: acmev1.Invalid, Reason: strings.Repeat("DNS problem ", 100)}
	updateStatus(t, challenge)
	order.Status.State, order.Status.Reason = acmev1.Invalid, "the ACME server says no"
	updateStatus(t, order)
	get(t, c)
	c.Status.LastFailureTime = new(metav1.NewTime(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)))
	updateStatus(t, c)
	certificateStatus(t, c, cmv1.CertificateCondition{
		Type: cmv1.CertificateConditionIssuing, Status: cmmeta.ConditionFalse, Reason: "Failed", Message: "it failed",
	})
	certified(working, "No certificate was issued by the attempt of 2026-03-01T12:00:00Z; it is tried again later")
	certified(working, "The challenge HTTP-01: DNS problem")
	if got := message(domain, v1alpha1.ConditionReady); len(got) > 600 {
		t.Errorf("the message has %d bytes", len(got))
	}

	challenge.Status.Reason = ""
	updateStatus(t, challenge)
	certified(working, "The order is invalid: the ACME server says no")
	remove(t, order)
	remove(t, request)
	certified(working, "it failed")

	// The next attempt.
	certificateStatus(t, c, cmv1.CertificateCondition{Type: cmv1.CertificateConditionIssuing, Status: cmmeta.ConditionTrue})
	nextSecond(t)
	requestCondition(t, newRequest(t, c), cmv1.CertificateRequestCondition{
		Type: cmv1.CertificateRequestConditionDenied, Status: cmmeta.ConditionTrue, Message: "not allowed by the policy",
	})
	certified(working, "The request was refused: not allowed by the policy")
	certify(t, ns, c.Name)
	certified(succeeded, "")
}

// For an issuer that cert-manager doesn't know, nobody may ever answer.
func TestWordsAboutAnUnknownIssuer(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	domain := newDomain(t, ns, "www."+ns+".example.com", newApp(t, ns).Name)
	patch(t, domain, func(client.Object) {
		domain.Spec.TLS = &v1alpha1.DomainTLS{IssuerRef: &v1alpha1.IssuerRef{Name: "nope", Kind: "Foo", Group: "bar.example"}}
	})
	c := &cmv1.Certificate{ObjectMeta: testobjects.Named(ns, domain.Name+".domain")}
	eventually(t, func(ctx context.Context) error {
		if err := api.Get(ctx, key(c), c); err != nil {
			return err
		}
		if c.Spec.IssuerRef.Kind != "Foo" {
			return errNotYet
		}
		return nil
	})
	newRequest(t, c)
	says(t, domain, "Nobody has answered yet for the issuer Foo nope of bar.example")
}

// The newest of several requests is the one that counts.
func TestWordsOfTheNewestRequest(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	app := newApp(t, ns)
	awaitStatus(t, app)
	c := &cmv1.Certificate{ObjectMeta: testobjects.Named(ns, app.Name)}
	get(t, c)
	for _, text := range []string{"the older one", "the newer one"} {
		requestCondition(t, newRequest(t, c), cmv1.CertificateRequestCondition{
			Type: cmv1.CertificateRequestConditionReady, Status: cmmeta.ConditionFalse, Message: text,
		})
		nextSecond(t)
	}
	eventually(t, func(ctx context.Context) error {
		if err := api.Get(ctx, key(app), app); err != nil {
			return err
		}
		if !strings.HasSuffix(message(app, v1alpha1.ConditionCertificateReady), "the newer one") {
			return errNotYet
		}
		return nil
	})
}
