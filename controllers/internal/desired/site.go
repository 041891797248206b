package desired

import (
	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmv1ac "github.com/cert-manager/cert-manager/pkg/client/applyconfigurations/certmanager/v1"
	cmmetav1ac "github.com/cert-manager/cert-manager/pkg/client/applyconfigurations/meta/v1"
	networkingv1 "k8s.io/api/networking/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	networkingv1ac "k8s.io/client-go/applyconfigurations/networking/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// keySize is the size of certificates' ECDSA keys, which makes them P-256.
const keySize = 256

// Site is a host name that leads to an App: all that a certificate and a route need to know.
type Site struct {
	// Namespace of everything below.
	Namespace string
	// Name of the Certificate and of the route.
	Name string
	// Host is the name that clients ask for.
	Host string
	// TLSSecret is the Secret with the certificate and its key.
	TLSSecret string
	// Service is where requests go.
	Service string

	labels map[string]string
	owner  *metav1ac.OwnerReferenceApplyConfiguration
}

// AppSite returns the default host of an App.
func AppSite(app *v1alpha1.App, p Platform) Site {
	return Site{
		Namespace: app.GetNamespace(),
		Name:      app.GetName(),
		Host:      Host(app.GetName(), p.BaseDomain),
		TLSSecret: TLSSecret(app.GetName()),
		Service:   app.GetName(),
		labels:    appLabels(app.GetName()),
		owner:     ownedBy(appKind, app),
	}
}

// DomainSite returns the host of a Domain.
func DomainSite(domain *v1alpha1.Domain) Site {
	return Site{
		Namespace: domain.GetNamespace(),
		Name:      DomainObject(domain.GetName()),
		Host:      domain.Spec.Host,
		TLSSecret: DomainTLSSecret(domain.GetName()),
		Service:   domain.Spec.AppRef.Name,
		labels:    domainLabels(domain),
		owner:     ownedBy(v1alpha1.GroupVersion.WithKind("Domain"), domain),
	}
}

// Certificate returns what makes cert-manager get and renew the certificate of a site.
func Certificate(s Site, p Platform) *cmv1ac.CertificateApplyConfiguration {
	return cmv1ac.Certificate(s.Name, s.Namespace).
		WithLabels(s.labels).
		WithOwnerReferences(s.owner).
		WithSpec(cmv1ac.CertificateSpec().
			WithSecretName(s.TLSSecret).
			WithSecretTemplate(cmv1ac.CertificateSecretTemplate().
				WithLabels(s.labels).
				WithLabels(map[string]string{v1alpha1.LabelSecret: v1alpha1.SecretTLS})).
			WithDNSNames(s.Host).
			// Without the usage "server auth", some clients refuse the certificate of a private CA.
			WithUsages(cmv1.UsageDigitalSignature, cmv1.UsageServerAuth).
			WithRevisionHistoryLimit(1).
			WithPrivateKey(cmv1ac.CertificatePrivateKey().
				WithAlgorithm(cmv1.ECDSAKeyAlgorithm).
				WithSize(keySize).
				WithRotationPolicy(cmv1.RotationPolicyAlways)).
			WithIssuerRef(cmmetav1ac.IssuerReference().
				WithName(p.Issuer.Name).
				WithKind(p.Issuer.Kind).
				WithGroup(p.Issuer.Group)))
}

// CertificateSecret returns what Berth owns of the Secret with the certificate of a site, which cert-manager writes and by default never
// deletes: that it goes with the site's owner.
func CertificateSecret(s Site) *corev1ac.SecretApplyConfiguration {
	return corev1ac.Secret(s.TLSSecret, s.Namespace).WithOwnerReferences(s.owner)
}

// Ingress returns the route of a site as an Ingress.
func Ingress(s Site, p Platform) *networkingv1ac.IngressApplyConfiguration {
	backend := networkingv1ac.IngressBackend().
		WithService(networkingv1ac.IngressServiceBackend().
			WithName(s.Service).
			WithPort(networkingv1ac.ServiceBackendPort().WithName(PortName)))
	spec := networkingv1ac.IngressSpec().
		WithTLS(networkingv1ac.IngressTLS().WithHosts(s.Host).WithSecretName(s.TLSSecret)).
		WithRules(networkingv1ac.IngressRule().
			WithHost(s.Host).
			WithHTTP(networkingv1ac.HTTPIngressRuleValue().
				WithPaths(networkingv1ac.HTTPIngressPath().
					WithPath("/").
					WithPathType(networkingv1.PathTypePrefix).
					WithBackend(backend))))
	if p.IngressClass != "" {
		spec.WithIngressClassName(p.IngressClass)
	}
	return networkingv1ac.Ingress(s.Name, s.Namespace).
		WithLabels(s.labels).
		WithAnnotations(p.IngressAnnotations).
		WithOwnerReferences(s.owner).
		WithSpec(spec)
}
