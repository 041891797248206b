package exposure

import (
	"context"
	"time"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	cmv1ac "github.com/cert-manager/cert-manager/pkg/client/applyconfigurations/certmanager/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/conditions"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/controllers/internal/resources"
	"github.com/berth-dev/berth/controllers/internal/ssa"
	"github.com/berth-dev/berth/internal/policy"
)

// Certify gets the certificate that a site wants and chooses which one its route is to serve.
func (s Exposures) Certify(ctx context.Context, owner conditions.Object, v *Rotation) error {
	if v.Site.Source == "" {
		return s.certifyIssued(ctx, owner, v)
	}
	err := s.copyCustom(ctx, owner, v)
	if len(v.custom.chain) > 0 || !v.Withdrawn && !hasForeignNames(err) {
		s.selectSecret(v, err == nil)
		return err
	}
	// Nothing of the user's may be served, so the host gets what it would have without it.
	v.fallback = true
	if failure := s.certifyIssued(ctx, owner, v); failure != nil && !phase.IsProblem(failure) {
		return failure
	}
	return err
}

// certifyIssued gets the certificate that an issuer signs for a site, or relies on the router's default certificate.
func (s Exposures) certifyIssued(ctx context.Context, owner conditions.Object, v *Rotation) error {
	if v.Site.Wildcard {
		s.selectSecret(v, true)
		return nil
	}
	err := s.issue(ctx, owner, v)
	s.selectSecret(v, err == nil && IsIssued(&v.certificate))
	return s.UnlessExpired(v, err)
}

// issue makes cert-manager get the certificate of a site, and the Secret that it is written to go with the owner.
func (s Exposures) issue(ctx context.Context, owner conditions.Object, v *Rotation) error {
	if err := s.adoptRenewed(ctx, owner, v.Site); err != nil {
		return err
	}
	if err := s.requireIssuer(ctx, v.Site); err != nil {
		return err
	}
	if err := s.request(ctx, owner, v); err != nil {
		return err
	}
	want := resources.Certificate(v.Site)
	if err := ssa.Apply(ctx, s.Client, owner, want, &v.certificate, cmv1ac.ExtractCertificate); err != nil {
		return err
	}
	s.paid.Delete(paymentOf(owner, v.Site))
	if err := s.adoptIssued(ctx, owner, v.Site); err != nil {
		return err
	}
	return s.explain(ctx, v)
}

// request prepares that the Certificate of a site is written. If cert-manager would request a new certificate for it, one that was issued before is used
// again, or else the request is counted.
func (s Exposures) request(ctx context.Context, owner conditions.Object, v *Rotation) error {
	requests, err := s.requestsNew(ctx, owner, v.Site)
	if err != nil || !requests {
		return err
	}
	if reused, err := s.reuse(ctx, owner, v); err != nil || reused {
		return err
	}
	return s.requireBudget(ctx, owner, v)
}

// requireIssuer stalls unless the organization may use the issuer of a site. What is served stays, and is renewed by the issuer that has signed it.
func (s Exposures) requireIssuer(ctx context.Context, site resources.Site) error {
	if site.Issuer == s.Platform.Issuer {
		return nil
	}
	org, err := s.PolicyOf(ctx, site.Namespace)
	if err != nil || policy.AllowsIssuer(org, v1alpha1.IssuerRef(site.Issuer), v1alpha1.IssuerRef(s.Platform.Issuer)) {
		return err
	}
	return phase.Stall(v1alpha1.ReasonIssuerNotAllowed, "The organization may not use the issuer %s %s of %s. "+
		"Name another issuer in tls.issuerRef, or ask the platform's administrator to add it to spec.allowedIssuers of the Organization.",
		site.Issuer.Kind, site.Issuer.Name, site.Issuer.Group)
}

// adoptRenewed makes the Secret of a Certificate that the owner has already go with the owner, whatever becomes of the Certificate.
func (s Exposures) adoptRenewed(ctx context.Context, owner metav1.Object, site resources.Site) error {
	has, err := ssa.Has(ctx, s.Client, owner, issuedObjects(site)[0])
	if err != nil || !has {
		return err
	}
	return s.adoptIssued(ctx, owner, site)
}

// adoptIssued makes the owner own the Secret that cert-manager has written for a site, and the claim of the host, which can keep it. A user's Secret
// of that name is not changed.
func (s Exposures) adoptIssued(ctx context.Context, owner metav1.Object, site resources.Site) error {
	secret := &corev1.Secret{}
	err := s.Client.Get(ctx, client.ObjectKey{Namespace: site.Namespace, Name: site.TLSSecret}, secret)
	if err != nil {
		return client.IgnoreNotFound(err)
	}
	if !metav1.IsControlledBy(secret, owner) && secret.GetAnnotations()[cmv1.CertificateNameKey] != site.Name {
		return nil
	}
	claim, err := s.ClaimOf(ctx, site.Namespace, site.Host)
	if err != nil {
		return err
	}
	return ssa.Adopt(ctx, s.Client, owner, resources.CertificateSecret(site, claim), secret, corev1ac.ExtractSecret)
}

// IsIssued reports whether cert-manager has issued a Certificate as it is now.
func IsIssued(c *cmv1.Certificate) bool {
	ready := certificateCondition(c, cmv1.CertificateConditionReady)
	return ready.Status == cmmeta.ConditionTrue && ready.ObservedGeneration == c.GetGeneration()
}

// Certified says how far the certificate that a site wants is.
func (v *Rotation) Certified(now time.Time) conditions.Part {
	const condition = v1alpha1.ConditionCertificateReady
	wanted, it, _ := v.wanted()
	switch {
	case v.Site.Source == "" && v.expired(now):
		return v.ended()
	case v.Site.Source == "" && !v.Site.Wildcard && !IsIssued(&v.certificate):
		return conditions.Progressing(condition, v.hint)
	case v.Site.Source == "" && !v.Site.Wildcard && !it.exists:
		return v.useless(it, now)
	case !v.Routed || v.Secret != wanted:
		return conditions.Progressing(condition, "The certificate is valid and will be served in a moment.")
	case v.Site.Source != "":
		return conditions.Succeeded(condition, "The custom certificate is valid.")
	case v.Site.Wildcard:
		return conditions.Succeeded(condition, "The host has the platform's wildcard certificate, which Berth does not look at.")
	case !it.good:
		return v.useless(it, now)
	default:
		return conditions.Succeeded(condition, "The certificate is valid.")
	}
}

// certificateCondition returns the condition of a type, which is empty if the certificate doesn't have it.
func certificateCondition(c *cmv1.Certificate, t cmv1.CertificateConditionType) cmv1.CertificateCondition {
	for _, condition := range c.Status.Conditions {
		if condition.Type == t {
			return condition
		}
	}
	return cmv1.CertificateCondition{}
}
