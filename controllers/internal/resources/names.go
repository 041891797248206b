package resources

import "github.com/berth-dev/berth/api/v1alpha1"

// Labels that tell other tools what an object is, as Kubernetes recommends them.
const (
	// LabelName is the name of the App that an object serves.
	LabelName = "app.kubernetes.io/name"
	// LabelManagedBy is ManagedBy on everything that the controllers write.
	LabelManagedBy = "app.kubernetes.io/managed-by"
	// ManagedBy is the value of LabelManagedBy.
	ManagedBy = "berth"
)

// Selector returns the labels that the Pods of an App are selected by.
func Selector(app string) map[string]string {
	return map[string]string{v1alpha1.LabelApp: app}
}

func appLabels(app string) map[string]string {
	return map[string]string{LabelName: app, LabelManagedBy: ManagedBy, v1alpha1.LabelApp: app}
}

func domainLabels(domain *v1alpha1.Domain) map[string]string {
	return map[string]string{
		LabelName:            domain.Spec.AppRef.Name,
		LabelManagedBy:       ManagedBy,
		v1alpha1.LabelDomain: string(domain.GetUID()),
	}
}
