// Package translate turns what REST clients say into what is written to the cluster, and what is in the cluster into what they read. It is
// pure: no client, no clock, no chance.
package translate

import (
	"cmp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/wire"
	"github.com/berth-dev/berth/internal/host"
)

// Platform is what holds for every app of the platform.
type Platform struct {
	// Hosts says which hosts are the platform's own.
	Hosts host.Rules
	// IsNamespace reports whether the cluster has a Namespace of a name. Nil for none.
	IsNamespace func(string) bool
	// Mail is how the platform itself sends notifications; what a Domain leaves open is as here.
	Mail Mail
	// SenderDomains are the domains that organizations may send from at the platform's mail server, beside their own. Empty: that of the address that
	// Mail comes from.
	SenderDomains []string
}

// DefaultHost is the host of the app with this slug that has no other.
func (p Platform) DefaultHost(slug string) string { return host.Default(slug, p.Hosts.BaseDomain) }

// Observed is an App with what belongs to it, as they are in the cluster. Nothing of it may be changed: it is shared with the cache.
type Observed struct {
	App *v1alpha1.App
	// Domain is the one that the REST API shows with the app, by Primary; nil without one.
	Domain *v1alpha1.Domain
	// Secrets are those of SecretNames that are there, by name; for ToWire, those of AppSecretNames do.
	Secrets map[string]*corev1.Secret
	// EnvSizes are those of the values of such Secrets in an answer, by the Secret's name and the value's key: so SizeOfApp needs no values.
	EnvSizes map[string]map[string]int
	// Siblings are the other Domains of the App. Keys are the Secrets with the private keys that wait for a certificate of the App's, and then those of
	// the siblings' custom certificates. Only a change of a Domain looks at them.
	Siblings []*v1alpha1.Domain
	Keys     []*corev1.Secret
	// ExternalID is the organization's; empty until it has one.
	ExternalID string
	// ValuesHidden says that the caller has no right to the values of the App's variables: they are shown as empty, and a variable that comes back
	// empty in a change keeps the value that it has.
	ValuesHidden bool
}

// ToWire is the app as clients read it.
func ToWire(platform Platform, o Observed) wire.App {
	name := platform.hostOf(o)
	return wire.App{
		Slug:          o.App.Name,
		Dataset:       datasetOf(o.App),
		Location:      o.App.Annotations[v1alpha1.AnnotationLocationPrefix] + o.App.Spec.Image,
		RoleName:      roleOf(o),
		Env:           envOf(o),
		ExternalID:    o.ExternalID,
		Domain:        name,
		DomainUnicode: host.Unicode(name),
		FromEmail:     platform.MailFor(o.Domain).From,
	}
}

// Primary is the Domain that the REST API shows with the app of this slug, of all that name it: the one with the App's own name, else the
// oldest. It is nil if there is none.
func Primary(slug string, domains []*v1alpha1.Domain) *v1alpha1.Domain {
	if len(domains) == 0 {
		return nil
	}
	return slices.MinFunc(domains, func(a, b *v1alpha1.Domain) int {
		if (a.Name == slug) != (b.Name == slug) {
			if a.Name == slug {
				return -1
			}
			return 1
		}
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
}

// AppSecretNames are the names of the Secrets that ToWire shows something of. A name can be there twice.
func AppSecretNames(o Observed) []string {
	var all []string
	if registry := o.App.Spec.Registry; registry != nil && registry.CredentialsSecretRef != nil {
		all = append(all, registry.CredentialsSecretRef.Name)
	}
	for i := range o.App.Spec.Env {
		if ref := secretRef(&o.App.Spec.Env[i]); ref != nil {
			all = append(all, ref.Name)
		}
	}
	return all
}

// MadeEnvNames are the names of the Secrets in which the facade has put values of an App's variables, as far as their form says so, whether they are
// there or not. A name can be there twice.
func MadeEnvNames(o Observed) []string {
	prefix := envSecretPrefix(o.App)
	var all []string
	for i := range o.App.Spec.Env {
		ref := secretRef(&o.App.Spec.Env[i])
		if ref != nil && len(ref.Name) == len(prefix)+SuffixLength && strings.HasPrefix(ref.Name, prefix) {
			all = append(all, ref.Name)
		}
	}
	return all
}

// envSecretPrefix is what the names of the Secrets begin with in which the facade puts values of an App's variables.
func envSecretPrefix(app *v1alpha1.App) string { return app.Name + "-env-" }

// SecretNames are the names of all the Secrets that what is shown of an App and its Domain is made of, or that a change looks at. A name can be
// there twice.
func SecretNames(platform Platform, o Observed) []string {
	return append(GivenSecretNames(o), platform.tlsSecretOf(o), waitingSecretOf(o))
}

// OwnerOf is what makes an object go when an App does.
func OwnerOf(app *v1alpha1.App) *metav1ac.OwnerReferenceApplyConfiguration {
	return metav1ac.OwnerReference().WithAPIVersion(v1alpha1.GroupVersion.String()).WithKind("App").WithName(app.Name).WithUID(app.UID)
}

// Owns tells whether an object goes when an App does.
func Owns(app *v1alpha1.App, object metav1.Object) bool {
	return slices.ContainsFunc(object.GetOwnerReferences(), func(o metav1.OwnerReference) bool { return o.UID == app.UID })
}

// Outlives tells whether all that an object belongs to is Apps that were there before this one, so that it is about to go though the App stays.
// For an App that isn't made yet, the UID is empty.
func Outlives(app types.UID, object metav1.Object) bool {
	owners := object.GetOwnerReferences()
	return len(owners) > 0 && !slices.ContainsFunc(owners, func(o metav1.OwnerReference) bool {
		return o.Kind != "App" || o.APIVersion != v1alpha1.GroupVersion.String() || o.UID == app
	})
}

// secret returns the Secret of a name if it is there for this purpose, one of v1alpha1's values of LabelSecret; else nil.
func (o *Observed) secret(name, purpose string) *corev1.Secret {
	if secret := o.Secrets[name]; secret != nil && secret.Labels[v1alpha1.LabelSecret] == purpose {
		return secret
	}
	return nil
}

func envOf(o Observed) []wire.EnvVar {
	env := make([]wire.EnvVar, 0, len(o.App.Spec.Env))
	for i := range o.App.Spec.Env {
		env = append(env, wire.EnvVar{Name: o.App.Spec.Env[i].Name, Value: valueOf(o, &o.App.Spec.Env[i])})
	}
	return env
}

// valueOf is the value of a variable as clients see it: a literal, or what a REST client gave. What the App takes from elsewhere, by Git's or
// kubectl's word, the facade doesn't know and shows as empty. So are all values if they are hidden.
func valueOf(o Observed, variable *v1alpha1.EnvVar) string {
	if o.ValuesHidden {
		return ""
	}
	value, _ := knownValue(o, variable)
	return value
}

// knownValue returns the value of a variable, hidden or not, and whether the facade knows it.
func knownValue(o Observed, variable *v1alpha1.EnvVar) (value string, known bool) {
	if variable.Value != nil {
		return *variable.Value, true
	}
	given, known := givenValue(o, variable)
	return string(given), known
}

// givenValue returns the value that a REST client gave to a variable, as it is in a Secret, and whether it is there.
func givenValue(o Observed, variable *v1alpha1.EnvVar) (value []byte, known bool) {
	ref := secretRef(variable)
	if ref == nil {
		return nil, false
	}
	secret := o.secret(ref.Name, v1alpha1.SecretEnv)
	if secret == nil {
		return nil, false
	}
	value, known = secret.Data[ref.Key]
	return value, known
}

func secretRef(variable *v1alpha1.EnvVar) *v1alpha1.KeyRef {
	if variable.ValueFrom == nil {
		return nil
	}
	return variable.ValueFrom.SecretKeyRef
}
