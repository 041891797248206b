package objects

import (
	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/resources"
	"github.com/berth-dev/berth/controllers/internal/ssa"
)

// OrphanLabels are the labels that an orphaned object is known by.
var OrphanLabels = []string{resources.LabelManagedBy, v1alpha1.LabelApp, v1alpha1.LabelDomain}

// IsOrphaned reports whether Berth has applied an object for an App or a Domain, and nothing controls it any more: its owner was deleted with
// --cascade=orphan, or it was restored from a backup without its owner. A Secret that cert-manager has written is not counted, since the Certificate
// decides about it; see isUnownedKey. Nor is a Secret that goes with another owner.
func IsOrphaned(o metav1.Object) bool {
	labels := o.GetLabels()
	_, ofApp := labels[v1alpha1.LabelApp]
	_, ofDomain := labels[v1alpha1.LabelDomain]
	if !ofApp && !ofDomain || labels[resources.LabelManagedBy] != resources.ManagedBy || metav1.GetControllerOfNoCopy(o) != nil || !ssa.IsApplied(o) {
		return false
	}
	if _, ok := o.(*corev1.Secret); !ok {
		return true
	}
	_, issued := o.GetAnnotations()[cmv1.CertificateNameKey]
	return !issued && len(o.GetOwnerReferences()) == 0
}
