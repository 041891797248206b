package secretgc

import (
	"context"
	"slices"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/objects"
	"github.com/berth-dev/berth/controllers/internal/watches"
)

// comesGoesOrScales lets through that a ReplicaSet comes or goes, begins or ceases to run Pods, and becomes another revision.
var comesGoesOrScales = predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
	before, ok := e.ObjectOld.(*appsv1.ReplicaSet)
	after, alsoOK := e.ObjectNew.(*appsv1.ReplicaSet)
	return ok && alsoOK && (runsPods(before) != runsPods(after) || revisionOf(before) != revisionOf(after))
}}

// secretsOfReplicaSet returns the Secrets that the ReplicaSets of the same App name: which of them a rollback would run depends on all of them.
func (r *Reconciler) secretsOfReplicaSet(ctx context.Context, o client.Object) []reconcile.Request {
	all := NamedSecrets(ctx, o)
	var sets appsv1.ReplicaSetList
	if err := watches.Indexed(ctx, r.Client, &sets, o.GetNamespace(), watches.IndexApp, o.GetLabels()[v1alpha1.LabelApp]); err != nil {
		return append(all, watches.Unlistable(ctx, err)...)
	}
	for i := range sets.Items {
		if sets.Items[i].GetName() != o.GetName() {
			all = append(all, NamedSecrets(ctx, &sets.Items[i])...)
		}
	}
	return all
}

// anyNeeded reports whether one of some ReplicaSets runs Pods, or is the one that a rollback of its Deployment to the revision before would run. Older
// revisions are kept for their history only: the controllers would set the Deployment back.
func (r *Reconciler) anyNeeded(ctx context.Context, sets []appsv1.ReplicaSet) (bool, error) {
	for i := range sets {
		set := &sets[i]
		var siblings appsv1.ReplicaSetList
		if err := watches.Indexed(ctx, r.Client, &siblings, set.GetNamespace(), watches.IndexApp, set.GetLabels()[v1alpha1.LabelApp]); err != nil {
			return false, err
		}
		if isNeeded(set, siblings.Items) {
			return true, nil
		}
	}
	return false, nil
}

// IsRun reports whether the Deployment of the App that a Secret belongs to, or a ReplicaSet that is needed, names the Secret. The API server is asked,
// since the cache may not have the last ReplicaSet yet, and the Deployment may be about to make one. It is of no use for an old Secret: all of that is
// in the cache by then.
func (r *Reconciler) IsRun(ctx context.Context, secret *corev1.Secret) (bool, error) {
	app := secret.GetLabels()[v1alpha1.LabelApp]
	var deployments appsv1.DeploymentList
	var sets appsv1.ReplicaSetList
	for _, list := range []client.ObjectList{&deployments, &sets} {
		if err := r.Live.List(ctx, list, client.InNamespace(secret.GetNamespace()), client.MatchingLabels{v1alpha1.LabelApp: app}); err != nil {
			return false, err
		}
	}
	return slices.ContainsFunc(deployments.Items, func(d appsv1.Deployment) bool {
		return slices.Contains(objects.NamedByPods(&d.Spec.Template.Spec), secret.GetName())
	}) || slices.ContainsFunc(sets.Items, func(set appsv1.ReplicaSet) bool {
		return slices.Contains(objects.SecretNames(&set), secret.GetName()) && isNeeded(&set, sets.Items)
	}), nil
}

// isNeeded reports whether a ReplicaSet runs Pods, or at most one with the same controller is of a later revision.
func isNeeded(set *appsv1.ReplicaSet, siblings []appsv1.ReplicaSet) bool {
	if runsPods(set) {
		return true
	}
	newer := 0
	for i := range siblings {
		sibling := &siblings[i]
		if sameController(set, sibling) && revisionOf(sibling) > revisionOf(set) {
			newer++
		}
	}
	return newer < 2
}

func sameController(a, b metav1.Object) bool {
	of, other := metav1.GetControllerOfNoCopy(a), metav1.GetControllerOfNoCopy(b)
	return of != nil && other != nil && of.UID == other.UID
}

// runsPods reports whether a ReplicaSet has Pods, or is to have some.
func runsPods(set *appsv1.ReplicaSet) bool {
	return ptr.Deref(set.Spec.Replicas, 1) > 0 || set.Status.Replicas > 0
}

// revisionOf returns the number that the Deployment controller has given to a ReplicaSet, or 0.
func revisionOf(set *appsv1.ReplicaSet) int64 {
	revision, err := strconv.ParseInt(set.GetAnnotations()[objects.RevisionAnnotation], 10, 64)
	if err != nil {
		return 0
	}
	return revision
}
