// Package translate turns what REST clients say into what is written to the cluster, and what is in the cluster into what they read. It is
// pure: no client, no clock, no chance.
package translate

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/wire"
)

// Platform is what holds for every app of the platform.
type Platform struct {
	// BaseDomain is the domain that apps have their default hosts under.
	BaseDomain string
	// FromEmail is the address of notifications where an app names none; may be empty.
	FromEmail string
}

// DefaultHost is the host of the app with this slug that has no other.
func (p Platform) DefaultHost(slug string) string { return slug + "." + p.BaseDomain }

// Observed is an App with what belongs to it, as they are in the cluster. Nothing of it may be changed: it is shared with the cache.
type Observed struct {
	App *v1alpha1.App
	// Domain is the one that the REST API shows with the app, by Primary; nil without one.
	Domain *v1alpha1.Domain
	// Secrets are those with values of the App's environment that may be shown, by name.
	Secrets map[string]*corev1.Secret
	// ExternalID is the organization's; empty until it has one.
	ExternalID string
}

// ToWire is the app as clients read it.
func ToWire(platform Platform, o Observed) wire.App {
	app := wire.App{
		Slug:       o.App.Name,
		Dataset:    string(cmp.Or(o.App.Spec.Dataset, v1alpha1.DatasetProduction)),
		Location:   o.App.Annotations[v1alpha1.AnnotationLocationPrefix] + o.App.Spec.Image,
		RoleName:   roleOf(o.App),
		Env:        envOf(o),
		ExternalID: o.ExternalID,
		Domain:     platform.DefaultHost(o.App.Name),
		FromEmail:  cmp.Or(fromOf(o.Domain), platform.FromEmail),
	}
	if o.Domain != nil {
		app.Domain = o.Domain.Spec.Host
	}
	return app
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

// EnvSecrets are the names of the Secrets that the App's environment takes values from, each once.
func EnvSecrets(app *v1alpha1.App) []string {
	var names []string
	for i := range app.Spec.Env {
		if ref := secretRef(&app.Spec.Env[i]); ref != nil && !slices.Contains(names, ref.Name) {
			names = append(names, ref.Name)
		}
	}
	return names
}

func roleOf(app *v1alpha1.App) string {
	if app.Spec.Registry == nil {
		return ""
	}
	return app.Spec.Registry.RoleARN
}

func fromOf(domain *v1alpha1.Domain) string {
	if domain == nil || domain.Spec.Mail == nil {
		return ""
	}
	return domain.Spec.Mail.From
}

func envOf(o Observed) []wire.EnvVar {
	env := make([]wire.EnvVar, 0, len(o.App.Spec.Env))
	for i := range o.App.Spec.Env {
		env = append(env, wire.EnvVar{Name: o.App.Spec.Env[i].Name, Value: valueOf(o, &o.App.Spec.Env[i])})
	}
	return env
}

// valueOf is the value of a variable as clients see it: a literal, or what a REST client gave. What the App takes from elsewhere, by Git's or
// kubectl's word, the facade doesn't know and shows as empty.
func valueOf(o Observed, variable *v1alpha1.EnvVar) string {
	if variable.Value != nil {
		return *variable.Value
	}
	ref := secretRef(variable)
	if ref == nil || o.Secrets[ref.Name] == nil {
		return ""
	}
	return string(o.Secrets[ref.Name].Data[ref.Key])
}

func secretRef(variable *v1alpha1.EnvVar) *v1alpha1.KeyRef {
	if variable.ValueFrom == nil {
		return nil
	}
	return variable.ValueFrom.SecretKeyRef
}
