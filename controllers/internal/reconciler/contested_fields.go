package reconciler

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/conditions"
	"github.com/berth-dev/berth/controllers/internal/ssa"
	"github.com/berth-dev/berth/controllers/internal/watches"
)

const (
	// autoscaler is the field manager of the HorizontalPodAutoscaler's controller, which writes the subresource scale.
	autoscaler, scale = "kube-controller-manager", "scale"
	// ReplicasField is the path of the number of Pods.
	ReplicasField = "spec.replicas"
)

// Contested returns the warning about what others change of the objects of an App, a Domain or an Organization, if they do. The objects belong to the
// owners.
func (b Base) Contested(kind, name string, owners ...types.UID) []conditions.Part {
	contests, _ := b.Contests.Of(owners...)
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
	return []conditions.Part{Warning(v1alpha1.ReasonFieldConflict, message)}
}

// Warning returns a condition Contested with this reason.
func Warning(reason, message string) conditions.Part {
	return conditions.Part{Type: v1alpha1.ConditionContested, Status: metav1.ConditionTrue, Reason: reason, Message: message, Warning: true}
}

// contestedFields says which fields of an object others change, and who they are.
func contestedFields(c ssa.Contest) string {
	object := c.Kind + " " + c.Name
	if len(c.Claims) == 0 {
		return "fields that are removed from " + object
	}
	if !c.Rewritten {
		return fmt.Sprintf("%s of %s", Claimed(c.Claims), object)
	}
	fields := make([]string, 0, len(c.Claims))
	for _, claim := range c.Claims {
		fields = append(fields, claim.Field)
	}
	return fmt.Sprintf("%s of %s (by an admission webhook or policy)", strings.Join(fields, ", "), object)
}

// Claimed lists fields with who sets them.
func Claimed(claims []ssa.Claim) string {
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
		case claim.Field == ReplicasField && claim.Manager == autoscaler && claim.Subresource == scale:
			advice = append(advice, fmt.Sprintf("Point the HorizontalPodAutoscaler at %s %s instead.", kind, name))
		case claim.Field == ReplicasField:
			advice = append(advice, fmt.Sprintf("Scale %s %s instead.", kind, name))
		default:
			advice = append(advice, fmt.Sprintf("Change %s %s instead.", kind, name))
		}
	}
	return advice
}

// ForgetContests forgets the contests about objects of owners that are gone.
func (b Base) ForgetContests() handler.EventHandler {
	return watches.OnDelete(func(o client.Object) { b.Contests.Forget(o.GetUID()) })
}
