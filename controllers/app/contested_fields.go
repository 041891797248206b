package app

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/conditions"
	"github.com/berth-dev/berth/controllers/internal/reconciler"
	"github.com/berth-dev/berth/controllers/internal/ssa"
)

// foreign returns the warning about fields that others have added to the App's Deployment, which its Pods have but the App does not show. If the
// Deployment was just written, the cache will tell with the next event, and what was said before stays.
func (s *Scope) foreign() []conditions.Part {
	if s.Deployment.GetUID() == "" || len(s.Deployment.GetManagedFields()) == 0 {
		before := meta.FindStatusCondition(s.App.Status.Conditions, v1alpha1.ConditionContested)
		if before == nil || before.Reason != v1alpha1.ReasonForeignFields {
			return nil
		}
		return []conditions.Part{reconciler.Warning(before.Reason, before.Message)}
	}
	claims := slices.DeleteFunc(ssa.ForeignClaims(&s.Deployment), func(c ssa.Claim) bool { return c.Field == reconciler.ReplicasField })
	if len(claims) == 0 {
		return nil
	}
	return []conditions.Part{reconciler.Warning(v1alpha1.ReasonForeignFields, fmt.Sprintf(
		"Other clients have added fields to Deployment %[1]s that App %[1]s does not show, and its Pods have them: %[2]s. "+
			"Set them in the App instead, and remove them from the Deployment.", s.App.GetName(), reconciler.Claimed(claims)))}
}

// contested returns the warning about what others change of the App's objects, or else about what they have added.
func (r *Reconciler) contested(s *Scope) []conditions.Part {
	if parts := r.Contested("App", s.App.GetName(), s.App.GetUID()); len(parts) > 0 {
		return parts
	}
	return s.foreign()
}
