package store

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// CheckKeys returns an error if the API keys of an earlier version may still be in another Namespace, which the facade has no right to read: a replica
// that does not know them must not take requests from one that does. That is so if an organization is older than the Namespace of the keys, and
// nothing says that they were copied. Once a replica may take requests, it is not asked again: that keys are copied back, or an organization is restored,
// takes away none of those that it has.
func (s *Store) CheckKeys(ctx context.Context) error {
	if s.namespace == s.former || s.keysChecked.Load() {
		return nil
	}
	if err := s.checkKeys(ctx); err != nil {
		return err
	}
	s.keysChecked.Store(true)
	return nil
}

func (s *Store) checkKeys(ctx context.Context) error {
	namespace := &corev1.Namespace{}
	if err := s.cache.Get(ctx, client.ObjectKey{Name: s.namespace}, namespace); err != nil {
		return fmt.Errorf("read the Namespace of the API keys: %w", err)
	}
	if namespace.Annotations[v1alpha1.AnnotationKeysMigrated] != "" {
		return nil
	}
	older, err := s.organizationBefore(ctx, &namespace.CreationTimestamp)
	if err != nil || older == "" {
		return err
	}
	const behind = "organization %s is older than Namespace %s, so API keys may be left in Namespace %s. Run: berthctl apikey migrate"
	return fmt.Errorf(behind, older, s.namespace, s.former)
}

// organizationBefore returns the name of an organization that was created before a time; empty if there is none.
func (s *Store) organizationBefore(ctx context.Context, at *metav1.Time) (string, error) {
	var organizations v1alpha1.OrganizationList
	var namespaces corev1.NamespaceList
	if err := s.cache.List(ctx, &organizations); err != nil {
		return "", err
	}
	if err := s.cache.List(ctx, &namespaces, client.HasLabels{v1alpha1.LabelOrganization}); err != nil {
		return "", err
	}
	return olderThan(at, organizations.Items, namespaces.Items), nil
}

// olderThan returns the name of an organization that was created before a time; empty if there is none. A labelled Namespace of a version without the kind
// Organization has been one since it was created, also after it got its Organization. Other Namespaces may be older than the Organization that adopted them.
func olderThan(at *metav1.Time, organizations []v1alpha1.Organization, namespaces []corev1.Namespace) string {
	migrated := map[string]bool{}
	for _, o := range organizations {
		if o.CreationTimestamp.Before(at) {
			return o.Name
		}
		migrated[o.Name] = o.Annotations[v1alpha1.AnnotationMigratedFrom] == o.Name
	}
	for _, ns := range namespaces {
		unconverted := ns.Annotations[v1alpha1.AnnotationExternalID] != "" && ns.Annotations[v1alpha1.AnnotationOrganizationUID] == ""
		if (unconverted || migrated[ns.Name]) && ns.CreationTimestamp.Before(at) {
			return ns.Name
		}
	}
	return ""
}
