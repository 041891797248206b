package controllers

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
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/controllers/internal/status"
	"github.com/berth-dev/berth/internal/policy"
	"github.com/berth-dev/berth/internal/secretsize"
)

// countAgain is how often the usage of the quota and of the limits is written at most: it changes with every Pod and every Secret.
const countAgain = 30 * time.Second

// writeStatus writes what the phases saw into the Organization's status, if it differs. It returns when the usage of the quota is to be written
// again, or zero.
func (r *organizationReconciler) writeStatus(ctx context.Context, s *organizationScope, o *phase.Outcome) (time.Duration, error) {
	now := r.clock.Now()
	parts := status.Parts(o,
		status.Observer{Type: v1alpha1.ConditionNamespaceReady, Part: func() status.Part {
			return status.Succeeded(v1alpha1.ConditionNamespaceReady, fmt.Sprintf("Namespace %s belongs to the organization.", s.org.GetName()))
		}},
		status.Observer{Type: v1alpha1.ConditionAuthorized, Part: func() status.Part {
			return status.Succeeded(v1alpha1.ConditionAuthorized, "The roles of Berth and of the organization's members are bound.")
		}},
		status.Observer{Type: v1alpha1.ConditionBounded, Part: func() status.Part {
			return status.Succeeded(v1alpha1.ConditionBounded, "The quota, the default requests and limits and the NetworkPolicy are in place.")
		}},
	)
	if s.ns != nil { // It owns what the organization has.
		parts = append(parts, r.contested("Organization", s.org.GetName(), s.ns.GetUID())...)
	}
	conditions := status.Conditions(s.org.Status.Conditions, s.org.GetGeneration(), metav1.NewTime(now), parts)
	st := v1alpha1.OrganizationStatus{
		Conditions: conditions, ObservedGeneration: s.org.GetGeneration(),
		ExternalID: s.org.Status.ExternalID, VerificationToken: s.org.Status.VerificationToken, UserNamespaces: s.org.Status.UserNamespaces,
	}
	var again time.Duration
	if s.ns != nil {
		st.ExternalID = cmp.Or(s.ns.GetAnnotations()[v1alpha1.AnnotationExternalID], st.ExternalID)
		st.VerificationToken = cmp.Or(s.ns.GetAnnotations()[v1alpha1.AnnotationVerificationToken], st.VerificationToken)
		st.Quota, st.Usage, again = r.count(s, now)
		var err error
		if st.UserNamespaces, err = r.userNamespaces(ctx, s.org); err != nil {
			return 0, err
		}
	}
	want, err := status.Convert[apiac.OrganizationStatusApplyConfiguration](st)
	if err != nil {
		return 0, err
	}
	config := apiac.Organization(s.org.GetName()).WithStatus(want)
	if err := status.Apply(ctx, r.client, s.org, config, apiac.ExtractOrganizationStatus); err != nil {
		return 0, fmt.Errorf("write status: %w", err)
	}
	status.Announce(r.recorder, s.org, conditions)
	status.Warn(r.recorder, s.org, conditions, v1alpha1.ConditionContested)
	return again, nil
}

// count returns the usage of the quota and of the limits to write, and when to look again if it is too early to write them.
func (r *organizationReconciler) count(s *organizationScope, now time.Time) (*v1alpha1.QuotaUsage, *v1alpha1.LimitUsage, time.Duration) {
	quota, usage := s.org.Status.Quota, s.org.Status.Usage
	if equality.Semantic.DeepEqual(quota, s.quota) && equality.Semantic.DeepEqual(usage, s.usage) {
		return s.quota, s.usage, 0
	}
	comesOrGoes := (quota == nil) != (s.quota == nil) || (usage == nil) != (s.usage == nil)
	if last, ok := r.counted.Load(s.org.GetName()); ok && !comesOrGoes {
		at, _ := last.(time.Time)
		if left := countAgain - now.Sub(at); left > 0 {
			return quota, usage, left
		}
	}
	r.counted.Store(s.org.GetName(), now)
	return s.quota, s.usage, 0
}

// usage counts how much of the limits of the organization is in use.
func (r *organizationReconciler) usage(ctx context.Context, s *organizationScope) error {
	var secrets corev1.SecretList
	err := r.client.List(ctx, &secrets, client.InNamespace(s.ns.GetName()), client.UnsafeDisableDeepCopy, client.DisableReadYourWritesConsistency)
	if err != nil {
		return err
	}
	var size int64
	for i := range secrets.Items {
		size += secretsize.Of(&secrets.Items[i])
	}
	s.usage = &v1alpha1.LimitUsage{SecretBytes: resource.NewQuantity(size, resource.BinarySI)}
	return nil
}

// userNamespaces decides whether the organization's Pods run in user namespaces. What was decided once stays, unless the spec says otherwise:
// a change replaces all Pods.
func (r *organizationReconciler) userNamespaces(ctx context.Context, org *v1alpha1.Organization) (v1alpha1.UserNamespaces, error) {
	if decided := cmp.Or(org.Spec.UserNamespaces, org.Status.UserNamespaces); decided != "" {
		return decided, nil
	}
	if policy.Trusted(*org) {
		return v1alpha1.UserNamespacesDisabled, nil
	}
	var nodes corev1.NodeList
	if err := r.client.List(ctx, &nodes); err != nil {
		return "", err
	}
	for _, node := range nodes.Items {
		if !supportsUserNamespaces(&node) {
			return v1alpha1.UserNamespacesDisabled, nil
		}
	}
	if len(nodes.Items) == 0 {
		return v1alpha1.UserNamespacesDisabled, nil
	}
	return v1alpha1.UserNamespacesEnabled, nil
}

// supportsUserNamespaces reports whether the default runtime handler of a Node, whose name is empty, supports user namespaces.
func supportsUserNamespaces(node *corev1.Node) bool {
	for _, h := range node.Status.RuntimeHandlers {
		if h.Name == "" {
			return h.Features != nil && h.Features.UserNamespaces != nil && *h.Features.UserNamespaces
		}
	}
	return false
}
