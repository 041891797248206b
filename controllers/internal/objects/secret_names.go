package objects

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// ClaimOrganization returns the organization that has a HostClaim, for an index.
func ClaimOrganization(o client.Object) []string {
	claim, ok := o.(*v1alpha1.HostClaim)
	if !ok || claim.Spec.Organization == "" {
		return nil
	}
	return []string{claim.Spec.Organization}
}

// SecretNames returns the names of the Secrets that a Domain, an App, or the environment of a ReplicaSet names.
func SecretNames(o client.Object) []string {
	var found []string
	switch o := o.(type) {
	case *v1alpha1.App:
		for _, e := range o.Spec.Env {
			if e.ValueFrom != nil && e.ValueFrom.SecretKeyRef != nil {
				found = append(found, e.ValueFrom.SecretKeyRef.Name)
			}
		}
		if r := o.Spec.Registry; r != nil && r.CredentialsSecretRef != nil {
			found = append(found, r.CredentialsSecretRef.Name)
		}
	case *appsv1.ReplicaSet:
		found = NamedByPods(&o.Spec.Template.Spec)
	case *v1alpha1.Domain:
		found = NamedByDomain(o)
	}
	return found
}

// NamedByPods returns the Secrets that the Pods of a spec name.
func NamedByPods(spec *corev1.PodSpec) []string {
	var found []string
	for _, c := range spec.Containers {
		for _, e := range c.Env {
			if e.ValueFrom != nil && e.ValueFrom.SecretKeyRef != nil {
				found = append(found, e.ValueFrom.SecretKeyRef.Name)
			}
		}
	}
	return found
}

// NamedByDomain returns the Secrets that a Domain names.
func NamedByDomain(d *v1alpha1.Domain) []string {
	var found []string
	if tls := d.Spec.TLS; tls != nil && tls.SecretRef != nil {
		found = append(found, tls.SecretRef.Name)
	}
	if mail := d.Spec.Mail; mail != nil && mail.PasswordSecretRef != nil {
		found = append(found, mail.PasswordSecretRef.Name)
	}
	return found
}
