package main

import (
	"context"
	"path"
	"path/filepath"

	"github.com/fluxcd/pkg/apis/meta"
	sourcev1 "github.com/fluxcd/source-controller/api/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// defaultBranch is the one of a GitRepository that names none.
const defaultBranch = "master"

// reconciler keeps the artifacts of GitRepositories.
type reconciler struct {
	client client.Client
	git    repository
	// dir is the folder of the artifacts, and url where the cluster finds it.
	dir, url string
}

func (r *reconciler) setUp(m ctrl.Manager) error {
	asked := predicate.Or[client.Object](predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{})
	return ctrl.NewControllerManagedBy(m).For(&sourcev1.GitRepository{}, builder.WithPredicates(asked)).
		Complete(reconcile.AsReconciler(m.GetClient(), r))
}

// Reconcile brings a repository's artifact up to date, and says so, or why it cannot.
func (r *reconciler) Reconcile(ctx context.Context, repo *sourcev1.GitRepository) (ctrl.Result, error) {
	if !repo.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil
	}
	before := repo.DeepCopy()
	ready := metav1.Condition{
		Type: meta.ReadyCondition, Status: metav1.ConditionTrue, Reason: meta.SucceededReason, ObservedGeneration: repo.Generation,
	}
	failure := r.update(ctx, repo)
	if failure == nil {
		ready.Message = "stored artifact for revision " + repo.Status.Artifact.Revision
	} else {
		ready.Status, ready.Reason, ready.Message = metav1.ConditionFalse, sourcev1.GitOperationFailedReason, failure.Error()
	}
	apimeta.SetStatusCondition(&repo.Status.Conditions, ready)
	repo.Status.ObservedGeneration = repo.Generation
	repo.Status.LastHandledReconcileAt = repo.Annotations[meta.ReconcileRequestAnnotation]
	if err := r.client.Status().Patch(ctx, repo, client.MergeFrom(before)); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if failure != nil {
		return ctrl.Result{}, failure
	}
	return ctrl.Result{RequeueAfter: repo.Spec.Interval.Duration}, nil
}

// update makes the artifact of the branch's last commit, unless that is there already.
func (r *reconciler) update(ctx context.Context, repo *sourcev1.GitRepository) error {
	branch := defaultBranch
	if ref := repo.Spec.Reference; ref != nil && ref.Branch != "" {
		branch = ref.Branch
	}
	commit, err := r.git.head(ctx, repo.Spec.URL, branch)
	if err != nil || repo.Status.Artifact.HasRevision(revision(branch, commit)) {
		return err
	}
	name := path.Join("gitrepository", repo.Namespace, repo.Name, commit+".tar.gz")
	file := filepath.Join(r.dir, filepath.FromSlash(name))
	if commit, err = r.git.archive(ctx, repo.Spec.URL, branch, file); err != nil {
		return err
	}
	sum, size, err := digest(file)
	if err != nil {
		return err
	}
	repo.Status.Artifact = &meta.Artifact{
		Path: name, URL: r.url + name, Revision: revision(branch, commit), Digest: sum, Size: &size, LastUpdateTime: metav1.Now(),
	}
	return nil
}

// revision tells a commit of a branch in Flux's words.
func revision(branch, commit string) string { return branch + "@sha1:" + commit }
