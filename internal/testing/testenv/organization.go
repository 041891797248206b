package testenv

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// Organize makes a trusted Organization and its Namespace, as the operator does where it runs, but without any rights: see GrantIn. The scheme
// of the client must know Berth's kinds.
func Organize(ctx context.Context, c client.Client, org *v1alpha1.Organization, externalID string) error {
	org.Spec.Trusted = new(true)
	if err := c.Create(ctx, org); err != nil {
		return fmt.Errorf("create Organization %s: %w", org.GetName(), err)
	}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name:        org.GetName(),
		Labels:      map[string]string{v1alpha1.LabelOrganization: org.GetName()},
		Annotations: map[string]string{v1alpha1.AnnotationExternalID: externalID, v1alpha1.AnnotationOrganizationUID: string(org.GetUID())},
	}}
	if err := c.Create(ctx, ns); err != nil {
		return fmt.Errorf("create Namespace %s: %w", ns.GetName(), err)
	}
	org.Status.ObservedGeneration, org.Status.ExternalID = org.GetGeneration(), externalID
	if err := c.Status().Update(ctx, org); err != nil {
		return fmt.Errorf("update the status of Organization %s: %w", org.GetName(), err)
	}
	return nil
}
