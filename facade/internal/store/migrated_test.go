package store

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// TestOlderThan says which organizations may have had API keys before the Namespace of the keys was made.
func TestOlderThan(t *testing.T) {
	keys := metav1.NewTime(time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC))
	before, after := metav1.NewTime(keys.Add(-time.Hour)), metav1.NewTime(keys.Add(time.Minute))
	labelled := map[string]string{v1alpha1.AnnotationExternalID: "e"}
	owned := map[string]string{v1alpha1.AnnotationExternalID: "e", v1alpha1.AnnotationOrganizationUID: "u"}
	migrated := map[string]string{v1alpha1.AnnotationMigratedFrom: "acme"}
	for name, tc := range map[string]struct {
		reason string
		// organization is when the Organization was created, and namespace when its Namespace was; zero for neither.
		organization, namespace metav1.Time
		ofOrganization, ofSpace map[string]string
		want                    bool
	}{
		"None":            {},
		"Older":           {organization: before, namespace: before, ofSpace: owned, want: true},
		"Young":           {organization: after, namespace: after, ofSpace: owned},
		"Labelled":        {namespace: before, ofSpace: labelled, want: true},
		"LabelledYoung":   {namespace: after, ofSpace: labelled},
		"LabelledByHand":  {reason: "It never was an organization.", namespace: before},
		"Migrated":        {organization: after, namespace: before, ofOrganization: migrated, ofSpace: owned, want: true},
		"MigratedJustNow": {organization: after, namespace: before, ofOrganization: migrated, ofSpace: labelled, want: true},
		"MigratedYoung":   {organization: after, namespace: after, ofOrganization: migrated, ofSpace: owned},
		"Adopted":         {reason: "An old Namespace had no keys.", organization: after, namespace: before, ofSpace: owned},
		"OtherName": {
			reason: "The annotation was copied with the manifest of another organization.", organization: after, namespace: before,
			ofOrganization: map[string]string{v1alpha1.AnnotationMigratedFrom: "cowork"}, ofSpace: owned,
		},
	} {
		t.Run(name, func(t *testing.T) {
			var organizations []v1alpha1.Organization
			var namespaces []corev1.Namespace
			if !tc.organization.IsZero() {
				organizations = append(organizations, v1alpha1.Organization{
					ObjectMeta: metav1.ObjectMeta{Name: "acme", CreationTimestamp: tc.organization, Annotations: tc.ofOrganization},
				})
			}
			if !tc.namespace.IsZero() {
				namespaces = append(namespaces, corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "acme", CreationTimestamp: tc.namespace, Annotations: tc.ofSpace}})
			}
			if got := olderThan(&keys, organizations, namespaces); (got == "acme") != tc.want {
				t.Errorf("%s olderThan(...) = %q, want one: %t", tc.reason, got, tc.want)
			}
		})
	}
}
