package controllers

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/ssa"
	"github.com/berth-dev/berth/controllers/internal/status"
)

const (
	// autoscaler is the field manager of the HorizontalPodAutoscaler's controller, which writes the subresource scale.
	autoscaler, scale = "kube-controller-manager", "scale"
	replicasField     = "spec.replicas"
)

// contested returns the warning about what others change of the objects of an App, a Domain or an Organization, if they do. The objects belong to the
// owners.
func (b base) contested(kind, name string, owners ...types.UID) []status.Part {
	contests, _ := b.contests.Of(owners...)
	if len(contests) == 0 {
		return nil
	}
	var fields, advice []string
	often := false
	for _, c := range contests {
		fields = append(fields, contestedFields(c))
		often = often || c.Often
		for _, a := range adviceOn(c, kind, name) {
			if !slices.Contains(advice, a) {
				advice = append(advice, a)
			}
		}
	}
	message := "Other clients change what Berth sets, and Berth sets it back: " + strings.Join(fields, "; ") + "."
	if often {
		message += " Since that goes on, it is set back at most once a minute."
	}
	message += " " + strings.Join(advice, " ")
	return []status.Part{warning(v1alpha1.ReasonFieldConflict, message)}
}

func warning(reason, message string) status.Part {
	return status.Part{Type: v1alpha1.ConditionContested, Status: metav1.ConditionTrue, Reason: reason, Message: message, Warning: true}
}

// contestedFields says which fields of an object others change, and who they are.
func contestedFields(c ssa.Contest) string {
	object := c.Kind + " " + c.Name
	if len(c.Claims) == 0 {
		return "fields that are removed from " + object
	}
	if !c.Rewritten {
		return fmt.Sprintf("%s of %s", claimed(c.Claims), object)
	}
	fields := make([]string, 0, len(c.Claims))
	for _, claim := range c.Claims {
		fields = append(fields, claim.Field)
	}
	return fmt.Sprintf("%s of %s (by an admission webhook or policy)", strings.Join(fields, ", "), object)
}

// claimed lists fields with who sets them.
func claimed(claims []ssa.Claim) string {
	all := make([]string, 0, len(claims))
	for _, c := range claims {
		by := c.Manager
		if by == "" {
			by = "an unknown client"
		}
		if c.Subresource != "" {
			by += ", subresource " + c.Subresource
		}
		all = append(all, fmt.Sprintf("%s (by %s)", c.Field, by))
	}
	return strings.Join(all, ", ")
}

// adviceOn says what to do about a contest.
func adviceOn(c ssa.Contest, kind, name string) []string {
	if c.Rewritten {
		return []string{fmt.Sprintf("Exempt Namespaces of organizations from the webhook, or %ss with the label %s.", c.Kind, v1alpha1.LabelApp)}
	}
	if len(c.Claims) == 0 {
		return []string{"Find the other client in the audit log of the API server, and stop it."}
	}
	var advice []string
	for _, claim := range c.Claims {
		switch {
		case claim.Field == replicasField && claim.Manager == autoscaler && claim.Subresource == scale:
			advice = append(advice, fmt.Sprintf("Point the HorizontalPodAutoscaler at %s %s instead.", kind, name))
		case claim.Field == replicasField:
			advice = append(advice, fmt.Sprintf("Scale %s %s instead.", kind, name))
		default:
			advice = append(advice, fmt.Sprintf("Change %s %s instead.", kind, name))
		}
	}
	return advice
}

// foreign returns the warning about fields that others have added to the App's Deployment, which its Pods have but the App does not show. If the
// Deployment was just written, the cache will tell with the next event, and what was said before stays.
func (s *appScope) foreign() []status.Part {
	if s.deployment.GetUID() == "" || len(s.deployment.GetManagedFields()) == 0 {
		before := meta.FindStatusCondition(s.app.Status.Conditions, v1alpha1.ConditionContested)
		if before == nil || before.Reason != v1alpha1.ReasonForeignFields {
			return nil
		}
		return []status.Part{warning(before.Reason, before.Message)}
	}
	claims := slices.DeleteFunc(ssa.ForeignClaims(&s.deployment), func(c ssa.Claim) bool { return c.Field == replicasField })
	if len(claims) == 0 {
		return nil
	}
	return []status.Part{warning(v1alpha1.ReasonForeignFields, fmt.Sprintf(
		"Other clients have added fields to Deployment %[1]s that App %[1]s does not show, and its Pods have them: %[2]s. "+
			"Set them in the App instead, and remove them from the Deployment.", s.app.GetName(), claimed(claims)))}
}

// contested returns the warning about what others change of the App's objects, or else about what they have added.
func (r *appReconciler) contested(s *appScope) []status.Part {
	if parts := r.base.contested("App", s.app.GetName(), s.app.GetUID()); len(parts) > 0 {
		return parts
	}
	return s.foreign()
}

// forgetContests forgets the contests about objects of owners that are gone.
func (b base) forgetContests() handler.EventHandler {
	return onDelete(func(o client.Object) { b.contests.Forget(o.GetUID()) })
}
