package translate

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/wire"
	"github.com/berth-dev/berth/internal/certificate"
	"github.com/berth-dev/berth/internal/host"
	"github.com/berth-dev/berth/internal/names"
)

// authentications are the choices of authentication, in the order of their numbers in the REST API.
var authentications = []v1alpha1.DomainAuthentication{
	v1alpha1.AuthenticationEnabled, v1alpha1.AuthenticationLoginOnly, v1alpha1.AuthenticationDisabled,
}

// ToDomain is the Domain as clients read it, or the default host of an App that has none.
func ToDomain(platform Platform, o Observed) wire.Domain {
	name, mail := platform.hostOf(o), platform.MailFor(o.Domain)
	return wire.Domain{
		Slug:           o.App.Name,
		Domain:         name,
		DomainUnicode:  host.Unicode(name),
		URL:            host.URL(name),
		SSLCertificate: string(chainOf(platform, o).PEM()),
		CertType:       certTypeOf(o.Domain),
		FromEmail:      mail.From,
		EmailHost:      mail.Host,
		EmailPort:      mail.Port,
		EmailHostUser:  mail.User,
		Authentication: slices.Index(authentications, authenticationOf(o.Domain)),
		Billing:        datasetOf(o.App),
		State:          stateOf(o),
		Verification:   verificationOf(o.Domain),
	}
}

// verificationOf is the record that proves whose the host of a Domain is; nil if none is wanted, or it is not known yet of this host.
func verificationOf(domain *v1alpha1.Domain) *wire.Verification {
	if domain == nil || domain.Status.Verification == nil || domain.Status.ObservedGeneration != domain.Generation {
		return nil
	}
	record := domain.Status.Verification
	return &wire.Verification{Name: record.Name, Type: record.Type, Value: record.Value}
}

func (p Platform) hostOf(o Observed) string {
	if o.Domain == nil {
		return p.DefaultHost(o.App.Name)
	}
	return o.Domain.Spec.Host
}

func datasetOf(app *v1alpha1.App) string {
	return string(cmp.Or(app.Spec.Dataset, v1alpha1.DatasetProduction))
}

func authenticationOf(domain *v1alpha1.Domain) v1alpha1.DomainAuthentication {
	if domain == nil {
		return v1alpha1.AuthenticationEnabled
	}
	return cmp.Or(domain.Spec.Authentication, v1alpha1.AuthenticationEnabled)
}

func certTypeOf(domain *v1alpha1.Domain) string {
	if customSecretOf(domain) != nil {
		return wire.CertCustom
	}
	return wire.CertDefault
}

// customSecretOf names the Secret with the Domain's custom certificate; nil if it has none.
func customSecretOf(domain *v1alpha1.Domain) *v1alpha1.SecretRef {
	if domain == nil || domain.Spec.TLS == nil {
		return nil
	}
	return domain.Spec.TLS.SecretRef
}

// tlsSecretOf is the name of the Secret with the certificate that the platform got for the host. An App serves its default host by itself, also
// where a Domain names it.
func (p Platform) tlsSecretOf(o Observed) string {
	if p.hostOf(o) == p.DefaultHost(o.App.Name) {
		return names.TLSSecret(o.App.Name, o.App.UID)
	}
	return names.DomainTLSSecret(o.Domain.Name, o.Domain.UID)
}

// waitingSecretOf is the name of the Secret with the private key that waits for its certificate.
func waitingSecretOf(o Observed) string {
	if o.Domain == nil {
		return names.NewCertSecret(o.App.Name)
	}
	return names.NewCertSecret(o.Domain.Name)
}

// chainOf is the certificate of the host; nil until there is one that can be read. Nothing else that its Secret may hold gets out.
func chainOf(platform Platform, o Observed) certificate.Chain {
	secret := certificateOf(platform, o)
	if secret == nil {
		return nil
	}
	chain, err := certificate.ParseChain(secret.Data[corev1.TLSCertKey])
	if err != nil {
		return nil
	}
	if customSecretOf(o.Domain) != nil {
		chain = chain.Sorted(platform.hostOf(o))
	}
	return chain
}

// certificateOf is the Secret with the certificate of the host; nil if there is none.
func certificateOf(platform Platform, o Observed) *corev1.Secret {
	if ref := customSecretOf(o.Domain); ref != nil {
		return o.secret(ref.Name, v1alpha1.SecretCertificate)
	}
	return o.secret(platform.tlsSecretOf(o), v1alpha1.SecretTLS)
}

func stateOf(o Observed) string {
	if o.Domain == nil {
		return stateOfDefaultHost(o.App)
	}
	is := func(conditionType string) bool {
		c := meta.FindStatusCondition(o.Domain.Status.Conditions, conditionType)
		return c != nil && c.Status == metav1.ConditionTrue && c.ObservedGeneration == o.Domain.Generation
	}
	switch {
	case is(v1alpha1.ConditionReady):
		return wire.StateReady
	case is(v1alpha1.ConditionStalled):
		return wire.StateFailed
	default:
		return wire.StatePending
	}
}

// stateOfDefaultHost looks at what the App says of its host, not at whether its Pods run. No change of an App's spec changes anything about its
// host, so the generation doesn't matter.
func stateOfDefaultHost(app *v1alpha1.App) string {
	state := wire.StateReady
	stalled := meta.FindStatusCondition(app.Status.Conditions, v1alpha1.ConditionStalled)
	for _, part := range []string{v1alpha1.ConditionCertificateReady, v1alpha1.ConditionRouteReady} {
		c := meta.FindStatusCondition(app.Status.Conditions, part)
		switch {
		case c != nil && c.Status == metav1.ConditionTrue:
		case c != nil && stalled != nil && stalled.Status == metav1.ConditionTrue && stalled.Reason == c.Reason:
			return wire.StateFailed
		default:
			state = wire.StatePending
		}
	}
	return state
}
