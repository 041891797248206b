package apikey

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// exclusionPrefix is what the name of the Secret begins with that excludes a key from an organization; the key's id follows.
const exclusionPrefix = "excluded-key-"

// Exclusion is the Secret that excludes the key with this id from an organization. It is empty: its name says everything.
func Exclusion(organization, id string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: organization, Name: exclusionPrefix + id, Labels: map[string]string{v1alpha1.LabelSecret: v1alpha1.SecretExcludedKey},
		},
		Immutable: new(true),
		Type:      corev1.SecretTypeOpaque,
	}
}

// ExcludedBy returns the id of the key that a Secret excludes from its organization.
func ExcludedBy(secret *corev1.Secret) (id string, ok bool) {
	id, ok = strings.CutPrefix(secret.Name, exclusionPrefix)
	return id, ok && secret.Labels[v1alpha1.LabelSecret] == v1alpha1.SecretExcludedKey
}

// Without returns the key without the organizations that exclude it. A key of host staff names none, and none excludes it.
func (k Key) Without(excludes func(organization string) bool) Key {
	if slices.ContainsFunc(k.Organizations, excludes) {
		k.Organizations = slices.DeleteFunc(slices.Clone(k.Organizations), excludes)
	}
	return k
}
