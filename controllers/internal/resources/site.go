package resources

import (
	"maps"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmv1ac "github.com/cert-manager/cert-manager/pkg/client/applyconfigurations/certmanager/v1"
	cmmetav1ac "github.com/cert-manager/cert-manager/pkg/client/applyconfigurations/meta/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	networkingv1ac "k8s.io/client-go/applyconfigurations/networking/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/host"
	"github.com/berth-dev/berth/internal/names"
)

// keySize is the size of certificates' ECDSA keys, which makes them P-256.
const keySize = 256

var domainKind = v1alpha1.GroupVersion.WithKind("Domain")

// Site is a host name that leads to an App: all that its certificates and a route need to know.
type Site struct {
	// Namespace of everything below.
	Namespace string
	// Name of the Certificate.
	Name string
	// Route is the name of the route.
	Route string
	// Host is the name that clients ask for.
	Host string
	// Service is where requests go. It has the name of the App. Port is the name of its port, which WithBackend sets.
	Service, Port string
	// Issuer signs the certificate, unless the site has a Source.
	Issuer Issuer
	// Default says that Host is an App's default host, which a wildcard certificate may cover.
	Default bool
	// Wildcard says that the ingress controller's default certificate is the host's, unless the site has a Source. The Issuer then signs none.
	Wildcard bool
	// TLSSecret is the Secret with the certificate that the Issuer signs, and its key.
	TLSSecret string
	// Source is the Secret with the custom certificate that the site is to serve. Empty: it is to serve the Issuer's.
	Source string
	// CustomSecret is the Secret with the copy of what the Source holds, which is what is served.
	CustomSecret string

	// former is the name that CustomSecret had before.
	former string
	labels map[string]string
	owner  *metav1ac.OwnerReferenceApplyConfiguration
}

// AppSite returns the default host of an App.
func AppSite(app *v1alpha1.App, p Platform) Site {
	return Site{
		Namespace:    app.GetNamespace(),
		Name:         app.GetName(),
		Route:        names.AppRoute(app.GetName(), app.GetUID()),
		Host:         host.Default(app.GetName(), p.BaseDomain),
		Service:      app.GetName(),
		Issuer:       p.Issuer,
		Default:      true,
		Wildcard:     p.WildcardCertificate,
		TLSSecret:    names.TLSSecret(app.GetName(), app.GetUID()),
		CustomSecret: names.CustomSecret(app.GetName(), app.GetUID()),
		former:       names.FormerCustomSecret(app.GetName()),
		labels:       appLabels(app.GetName()),
		owner:        ownedBy(appKind, app),
	}
}

// DomainSite returns the host of a Domain.
func DomainSite(domain *v1alpha1.Domain, p Platform) Site {
	return Site{
		Namespace:    domain.GetNamespace(),
		Name:         names.DomainObject(domain.GetName()),
		Route:        names.DomainRoute(domain.GetName(), domain.GetUID()),
		Host:         domain.Spec.Host,
		Service:      domain.Spec.AppRef.Name,
		Issuer:       p.Issuer,
		TLSSecret:    names.DomainTLSSecret(domain.GetName(), domain.GetUID()),
		CustomSecret: names.DomainCustomSecret(domain.GetName(), domain.GetUID()),
		former:       names.FormerDomainCustomSecret(domain.GetName()),
		labels:       domainLabels(domain),
		owner:        ownedBy(domainKind, domain),
	}.WithTLS(domain.Spec.TLS)
}

// WithTLS returns the site with a certificate from where a Domain wants it.
func (s Site) WithTLS(tls *v1alpha1.DomainTLS) Site {
	if tls == nil {
		return s
	}
	if ref := tls.IssuerRef; ref != nil {
		s.Issuer, s.Wildcard = Issuer{Name: ref.Name, Kind: ref.Kind, Group: ref.Group}, false
	}
	if ref := tls.SecretRef; ref != nil {
		s.Source = ref.Name
	}
	return s
}

// WithBackend returns the site with the Service of an App as the one where requests go.
func (s Site) WithBackend(app *v1alpha1.App) Site {
	s.Service, s.Port = app.GetName(), names.RoutePort(app.GetUID())
	return s
}

// Former returns the site with the names that its route and the copy of its custom certificate had before they ended in a part of a UID.
func (s Site) Former() Site {
	s.Route, s.CustomSecret = s.Name, s.former
	return s
}

// Certificate returns what makes cert-manager get and renew the certificate of a site.
func Certificate(s Site) *cmv1ac.CertificateApplyConfiguration {
	return cmv1ac.Certificate(s.Name, s.Namespace).
		WithLabels(s.labels).
		WithOwnerReferences(s.owner).
		WithSpec(cmv1ac.CertificateSpec().
			WithSecretName(s.TLSSecret).
			WithSecretTemplate(cmv1ac.CertificateSecretTemplate().WithLabels(s.secretLabels())).
			WithDNSNames(s.Host).
			// Without the usage "server auth", some clients refuse the certificate of a private CA.
			WithUsages(cmv1.UsageDigitalSignature, cmv1.UsageServerAuth).
			WithRevisionHistoryLimit(1).
			WithPrivateKey(cmv1ac.CertificatePrivateKey().
				WithAlgorithm(cmv1.ECDSAKeyAlgorithm).
				WithSize(keySize).
				WithRotationPolicy(cmv1.RotationPolicyAlways)).
			WithIssuerRef(cmmetav1ac.IssuerReference().
				WithName(s.Issuer.Name).
				WithKind(s.Issuer.Kind).
				WithGroup(s.Issuer.Group)))
}

// CustomCertificate returns the copy of a site's custom certificate: its chain and its key, as PEM.
func CustomCertificate(s Site, chain, key []byte) *corev1ac.SecretApplyConfiguration {
	return corev1ac.Secret(s.CustomSecret, s.Namespace).
		WithLabels(s.secretLabels()).
		WithOwnerReferences(s.owner).
		WithType(corev1.SecretTypeTLS).
		WithData(map[string][]byte{corev1.TLSCertKey: chain, corev1.TLSPrivateKeyKey: key})
}

// DomainSecret returns what the controllers own of a Secret that a REST client made for a Domain: that it goes with the Domain.
func DomainSecret(domain *v1alpha1.Domain, name string) *corev1ac.SecretApplyConfiguration {
	return corev1ac.Secret(name, domain.GetNamespace()).WithOwnerReferences(ownedBy(domainKind, domain))
}

func (s Site) secretLabels() map[string]string {
	labels := maps.Clone(s.labels)
	labels[v1alpha1.LabelSecret] = v1alpha1.SecretTLS
	return labels
}

// Ingress returns the route of a site as an Ingress, with the certificate that a Secret holds, or with the ingress controller's default one if
// there is no name of a Secret.
func Ingress(s Site, secret string, p Platform) *networkingv1ac.IngressApplyConfiguration {
	backend := networkingv1ac.IngressBackend().
		WithService(networkingv1ac.IngressServiceBackend().
			WithName(s.Service).
			WithPort(networkingv1ac.ServiceBackendPort().WithName(s.Port)))
	tls := networkingv1ac.IngressTLS().WithHosts(s.Host)
	if secret != "" {
		tls.WithSecretName(secret)
	}
	spec := networkingv1ac.IngressSpec().
		WithTLS(tls).
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
	return networkingv1ac.Ingress(s.Route, s.Namespace).
		WithLabels(s.labels).
		WithAnnotations(p.IngressAnnotations).
		WithOwnerReferences(s.owner).
		WithSpec(spec)
}
