package organization

import (
	"cmp"
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	apiac "github.com/berth-dev/berth/api/v1alpha1/applyconfiguration/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/conditions"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/internal/policy"
	"github.com/berth-dev/berth/internal/secretsize"
)

// countAgain is how often the usage of the quota and of the limits is written at most: it changes with every Pod and every Secret.
const countAgain = 30 * time.Second

// writeStatus writes what the phases saw into the Organization's status, if it differs. It returns when the usage of the quota is to be written
// again, or zero.
func (r *Reconciler) writeStatus(ctx context.Context, s *Scope, o *phase.Outcome) (time.Duration, error) {
	now := r.Clock.Now()
	parts := conditions.Parts(o,
		conditions.Observer{Type: v1alpha1.ConditionNamespaceReady, Part: func() conditions.Part {
			return conditions.Succeeded(v1alpha1.ConditionNamespaceReady, fmt.Sprintf("Namespace %s belongs to the organization.", s.Org.GetName()))
		}},
		conditions.Observer{Type: v1alpha1.ConditionAuthorized, Part: func() conditions.Part {
			return conditions.Succeeded(v1alpha1.ConditionAuthorized, "The roles of Berth and of the organization's members are bound.")
		}},
		conditions.Observer{Type: v1alpha1.ConditionBounded, Part: func() conditions.Part {
			return conditions.Succeeded(v1alpha1.ConditionBounded, "The quota, the default requests and limits and the NetworkPolicy are in place.")
		}},
	)
	if s.Ns != nil { // It owns what the organization has.
		parts = append(parts, r.Contested("Organization", s.Org.GetName(), s.Ns.GetUID())...)
	}
	written := conditions.Conditions(s.Org.Status.Conditions, s.Org.GetGeneration(), metav1.NewTime(now), parts)
	st := v1alpha1.OrganizationStatus{
		Conditions: written, ObservedGeneration: s.Org.GetGeneration(),
		ExternalID: s.Org.Status.ExternalID, VerificationToken: s.Org.Status.VerificationToken, UserNamespaces: s.Org.Status.UserNamespaces,
	}
	var again time.Duration
	if s.Ns != nil {
		st.ExternalID = cmp.Or(s.Ns.GetAnnotations()[v1alpha1.AnnotationExternalID], st.ExternalID)
		st.VerificationToken = cmp.Or(s.Ns.GetAnnotations()[v1alpha1.AnnotationVerificationToken], st.VerificationToken)
		st.Quota, st.Usage, again = r.Count(s, now)
		var err error
		if st.UserNamespaces, err = r.userNamespaces(ctx, s.Org); err != nil {
			return 0, err
		}
	}
	want, err := conditions.Convert[apiac.OrganizationStatusApplyConfiguration](st)
	if err != nil {
		return 0, err
	}
	config := apiac.Organization(s.Org.GetName()).WithStatus(want)
	if err := conditions.Apply(ctx, r.Client, s.Org, config, apiac.ExtractOrganizationStatus); err != nil {
		return 0, fmt.Errorf("write status: %w", err)
	}
	conditions.Announce(r.Recorder, s.Org, written)
	conditions.Warn(r.Recorder, s.Org, written, v1alpha1.ConditionContested)
	return again, nil
}

// Count returns the usage of the quota and of the limits to write, and when to look again if it is too early to write them.
func (r *Reconciler) Count(s *Scope, now time.Time) (*v1alpha1.QuotaUsage, *v1alpha1.LimitUsage, time.Duration) {
	quota, usage := s.Org.Status.Quota, s.Org.Status.Usage
	if equality.Semantic.DeepEqual(quota, s.Quota) && equality.Semantic.DeepEqual(usage, s.Usage) {
		return s.Quota, s.Usage, 0
	}
	comesOrGoes := (quota == nil) != (s.Quota == nil) || (usage == nil) != (s.Usage == nil)
	if last, ok := r.counted.Load(s.Org.GetName()); ok && !comesOrGoes {
		at, _ := last.(time.Time)
		if left := countAgain - now.Sub(at); left > 0 {
			return quota, usage, left
		}
	}
	r.counted.Store(s.Org.GetName(), now)
	return s.Quota, s.Usage, 0
}

// Usage counts how much of the limits of the organization is in use.
func (r *Reconciler) Usage(ctx context.Context, s *Scope) error {
	var secrets corev1.SecretList
	err := r.Client.List(ctx, &secrets, client.InNamespace(s.Ns.GetName()), client.UnsafeDisableDeepCopy, client.DisableReadYourWritesConsistency)
	if err != nil {
		return err
	}
	var size int64
	for i := range secrets.Items {
		size += secretsize.Of(&secrets.Items[i])
	}
	s.Usage = &v1alpha1.LimitUsage{SecretBytes: resource.NewQuantity(size, resource.BinarySI)}
	return nil
}

// userNamespaces decides whether the organization's Pods run in user namespaces. What was decided once stays, unless the spec says otherwise:
// a change replaces all Pods.
func (r *Reconciler) userNamespaces(ctx context.Context, org *v1alpha1.Organization) (v1alpha1.UserNamespaces, error) {
	if decided := cmp.Or(org.Spec.UserNamespaces, org.Status.UserNamespaces); decided != "" {
		return decided, nil
	}
	if policy.Trusted(*org) {
		return v1alpha1.UserNamespacesDisabled, nil
	}
	var nodes corev1.NodeList
	if err := r.Client.List(ctx, &nodes); err != nil {
		return "", err
	}
	for _, node := range nodes.Items {
		if !SupportsUserNamespaces(&node) {
			return v1alpha1.UserNamespacesDisabled, nil
		}
	}
	if len(nodes.Items) == 0 {
		return v1alpha1.UserNamespacesDisabled, nil
	}
	return v1alpha1.UserNamespacesEnabled, nil
}

// SupportsUserNamespaces reports whether the default runtime handler of a Node, whose name is empty, supports user namespaces.
func SupportsUserNamespaces(node *corev1.Node) bool {
	for _, h := range node.Status.RuntimeHandlers {
		if h.Name == "" {
			return h.Features != nil && h.Features.UserNamespaces != nil && *h.Features.UserNamespaces
		}
	}
	return false
}
