package reconciler

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/conditions"
	"github.com/berth-dev/berth/controllers/internal/objects"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/controllers/internal/resources"
	"github.com/berth-dev/berth/internal/policy"
)

// dependencyGracePeriod is for how long an object waits for what it needs before it says that a person must act.
const dependencyGracePeriod = 5 * time.Second

// RequireOrganization stalls unless the Namespace is that of an Organization, and waits until the controllers may write in it. What an object
// had before its Namespace stopped being one stays as it is. In a Namespace that is being deleted, nothing can be made any more.
func (b Base) RequireOrganization(ctx context.Context, o conditions.Object) error {
	name := o.GetNamespace()
	org, err := b.PolicyOf(ctx, name)
	if apierrors.IsNotFound(err) && b.awaitsMigration(ctx, name) {
		return phase.Wait(0, v1alpha1.ReasonProgressing, "Organization %s is being set up.", name)
	}
	if apierrors.IsNotFound(err) {
		return b.MissingDependency(o, v1alpha1.ReasonNotInOrganization,
			"Namespace %[1]s is not an organization: there is no Organization %[1]s. Ask the platform's administrators to create it.", name)
	}
	if err != nil {
		return err
	}
	if message := namespaceRefused(&org); message != "" {
		return b.MissingDependency(o, v1alpha1.ReasonNotInOrganization, "Namespace %s is not an organization: %s", name, message)
	}
	var ns corev1.Namespace
	err = b.Client.Get(ctx, client.ObjectKey{Name: name}, &ns)
	switch {
	case apierrors.IsNotFound(err), err == nil && org.Status.UserNamespaces == "":
		return phase.Wait(0, v1alpha1.ReasonProgressing, "Organization %s is being set up.", name)
	case err != nil:
		return err
	case !objects.IsLabelled(&ns):
		return b.MissingDependency(o, v1alpha1.ReasonNotInOrganization,
			"Namespace %s is not an organization: it lacks the label %s.", name, v1alpha1.LabelOrganization)
	case !ns.GetDeletionTimestamp().IsZero(), !org.GetDeletionTimestamp().IsZero():
		return phase.Wait(0, v1alpha1.ReasonProgressing, "Organization %s is being deleted.", name)
	}
	return b.RequireRights(ctx, &ns)
}

// namespaceRefused returns why an Organization does not have the Namespace of its name, or nothing if it has it or may get it.
func namespaceRefused(org *v1alpha1.Organization) string {
	c := meta.FindStatusCondition(org.Status.Conditions, v1alpha1.ConditionNamespaceReady)
	if c == nil || c.Reason != v1alpha1.ReasonNotOwned && c.Reason != v1alpha1.ReasonNamespaceReserved {
		return ""
	}
	return c.Message
}

// PolicyOf returns the Organization of a Namespace from the cache; the error is NotFound if there is none.
func (b Base) PolicyOf(ctx context.Context, namespace string) (v1alpha1.Organization, error) {
	var org v1alpha1.Organization
	err := b.Client.Get(ctx, client.ObjectKey{Name: namespace}, &org)
	return org, err
}

// Tenant returns what the objects of an organization's Apps and Domains take from it.
func (b Base) Tenant(ctx context.Context, org v1alpha1.Organization) (resources.Tenant, error) {
	var ns corev1.Namespace
	err := b.Client.Get(ctx, client.ObjectKey{Name: org.GetName()}, &ns)
	return resources.Tenant{
		NamespaceUID: ns.GetUID(), UserNamespaces: org.Status.UserNamespaces == v1alpha1.UserNamespacesEnabled, Restricted: policy.Restricted(org, &ns),
	}, err
}

// RequireWritable waits until the controllers may write in a Namespace. They may only in organizations.
func (b Base) RequireWritable(ctx context.Context, name string) error {
	org := client.ObjectKey{Name: name}
	var ns corev1.Namespace
	err := cmp.Or(b.Client.Get(ctx, org, &v1alpha1.Organization{}), b.Client.Get(ctx, org, &ns))
	if apierrors.IsNotFound(err) {
		return phase.Wait(0, v1alpha1.ReasonNotInOrganization, "Namespace %s is not an organization.", name)
	}
	if err != nil {
		return err
	}
	return b.RequireRights(ctx, &ns)
}

// IsInOrganization reports whether the Namespace of an object is an organization that the controllers may write in.
func (b Base) IsInOrganization(ctx context.Context, o conditions.Object) bool {
	return b.RequireOrganization(ctx, o) == nil
}

// MissingDependency stalls an object for the lack of something else, but lets it wait for that at first: both may have been written together, and
// what is gone may be about to be replaced.
func (b Base) MissingDependency(o conditions.Object, reason, format string, args ...any) error {
	if left := b.GraceLeft(o); left > 0 {
		return phase.Wait(left, v1alpha1.ReasonProgressing, format, args...)
	}
	return phase.Stall(reason, format, args...)
}

// GraceLeft returns for how long an object still waits for what belongs to it, which is not positive once it doesn't.
func (b Base) GraceLeft(o conditions.Object) time.Duration {
	now := b.Clock.Now()
	return dependencyGracePeriod - now.Sub(waitingSince(o, now))
}

// waitingSince returns since when an object may lack something, as far as that can be told: since it was made, or since it is worked on again,
// which begins now if its spec was changed or if it lacked nothing before.
func waitingSince(o conditions.Object, now time.Time) time.Time {
	made := o.GetCreationTimestamp().Time
	stalled := meta.IsStatusConditionTrue(o.GetConditions(), v1alpha1.ConditionStalled)
	reconciling := meta.FindStatusCondition(o.GetConditions(), v1alpha1.ConditionReconciling)
	switch {
	case reconciling == nil:
		return made
	case reconciling.ObservedGeneration < o.GetGeneration():
		return now
	case stalled:
		return made
	case reconciling.Status == metav1.ConditionTrue:
		return reconciling.LastTransitionTime.Time
	default:
		return now
	}
}

// PhaseOrganization is the first phase of Apps and Domains.
const PhaseOrganization = "organization"

// awaitsMigration reports whether a Namespace without an Organization is about to get one.
func (b Base) awaitsMigration(ctx context.Context, name string) bool {
	var ns corev1.Namespace
	return b.Client.Get(ctx, client.ObjectKey{Name: name}, &ns) == nil && policy.Migrates(&ns)
}

// IsReservedNamespace reports whether a Namespace belongs to the platform. What makes an organization of it would give tenants rights there.
func (b Base) IsReservedNamespace(name string) bool {
	return name == metav1.NamespaceDefault || strings.HasPrefix(name, "kube-") || slices.Contains(b.Never, name)
}

// PolicyChanged lets through that an Organization comes or goes, and that what it says of its Apps and Domains changes.
var PolicyChanged = predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
	before, ok := e.ObjectOld.(*v1alpha1.Organization)
	after, alsoOK := e.ObjectNew.(*v1alpha1.Organization)
	return ok && alsoOK && (before.GetGeneration() != after.GetGeneration() || before.Status.UserNamespaces != after.Status.UserNamespaces ||
		before.GetDeletionTimestamp().IsZero() != after.GetDeletionTimestamp().IsZero() || namespaceRefused(before) != namespaceRefused(after))
}}
