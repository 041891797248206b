package organization

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/conditions"
	"github.com/berth-dev/berth/controllers/internal/objects"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/controllers/internal/resources"
	"github.com/berth-dev/berth/controllers/internal/watches"
	"github.com/berth-dev/berth/internal/policy"
	"github.com/berth-dev/berth/internal/rbac"
)

const (
	// externalIDLength is how many characters an external id has. Customers write it into policies, and AWS takes 2 to 1224 of them.
	externalIDLength = 32
	// adoptAgain is when Berth retries to get a Namespace that is not the organization's, if no change of the Namespace wakes it before.
	adoptAgain = 5 * time.Minute
	// doomedAgain is when Berth looks again whether a Namespace has been deleted, if no change of the Namespace wakes it before.
	doomedAgain = time.Minute
)

// ensureNamespace creates the organization's Namespace, or finds the one that it may have.
func (r *Reconciler) ensureNamespace(ctx context.Context, s *Scope) error {
	name := s.Org.GetName()
	if r.IsReservedNamespace(name) {
		if err := r.retire(ctx, name); err != nil {
			return err
		}
		return phase.Stall(v1alpha1.ReasonNamespaceReserved,
			"Namespace %s belongs to the platform and cannot become an organization. Delete this Organization and choose another name.", name)
	}
	ns := &corev1.Namespace{}
	err := r.Client.Get(ctx, client.ObjectKey{Name: name}, ns)
	switch {
	case apierrors.IsNotFound(err):
		return r.createNamespace(ctx, s)
	case err != nil:
		return err
	case !ns.GetDeletionTimestamp().IsZero():
		return phase.Wait(0, v1alpha1.ReasonProgressing, "Namespace %s is being deleted. It is created again once it is gone.", name)
	case !consents(ns):
		return r.notOwned(ctx, s.Org)
	case isDoomed(ns, s.Org):
		return phase.Wait(doomedAgain, v1alpha1.ReasonProgressing, "Namespace %s belongs to an earlier Organization of the name and is about to be "+
			"deleted. It is created again once it is gone.", name)
	}
	s.Ns = ns
	return nil
}

// isDoomed reports whether the garbage collector is about to delete a Namespace, since it is owned by an earlier Organization of the name. To adopt it
// would be a race, and give the new organization what the earlier one had. One that was orphaned has no such owner.
func isDoomed(ns *corev1.Namespace, org *v1alpha1.Organization) bool {
	return slices.ContainsFunc(ns.GetOwnerReferences(), func(ref metav1.OwnerReference) bool {
		return resources.IsOrganization(ref) && ref.UID != org.GetUID()
	})
}

// consents reports whether the Organization of a Namespace's name may have it. One that was an organization before Organizations were a kind may
// have the label with another value.
func consents(ns *corev1.Namespace) bool {
	value, labelled := ns.GetLabels()[v1alpha1.LabelOrganization]
	return labelled && (value == ns.GetName() || ns.GetAnnotations()[v1alpha1.AnnotationExternalID] != "")
}

// createNamespace creates the Namespace. Ids that the status remembers, since the Namespace was deleted alone, are used again.
func (r *Reconciler) createNamespace(ctx context.Context, s *Scope) error {
	if s.Org.Status.VerificationToken == "" {
		if err := r.forgetProofs(ctx, s.Org); err != nil {
			return err
		}
	}
	ns := resources.OrganizationNamespace(s.Org, cmp.Or(s.Org.Status.ExternalID, newID()), cmp.Or(s.Org.Status.VerificationToken, newID()))
	err := r.Client.Create(ctx, ns, client.FieldOwner(v1alpha1.FieldOwner))
	if apierrors.IsAlreadyExists(err) {
		return r.notOwned(ctx, s.Org)
	}
	if err != nil {
		return err
	}
	r.report(ctx, s.Org, v1alpha1.ReasonNamespaceCreated, "Created Namespace "+ns.GetName()+".")
	s.Ns = ns
	return nil
}

// forgetProofs makes the hosts that are held for an earlier organization of the name unproven: the new one gets another token, and may be another
// customer's.
func (r *Reconciler) forgetProofs(ctx context.Context, org *v1alpha1.Organization) error {
	var claims v1alpha1.HostClaimList
	if err := watches.Indexed(ctx, r.Client, &claims, metav1.NamespaceAll, watches.IndexOrganization, org.GetName()); err != nil {
		return err
	}
	for i := range claims.Items {
		claim := &claims.Items[i]
		if claim.Status.VerifiedAt == nil {
			continue
		}
		claim.Status.VerifiedAt = nil
		if err := r.Client.Status().Update(ctx, claim); client.IgnoreNotFound(err) != nil {
			return err
		}
		r.report(ctx, org, v1alpha1.ReasonProofForgotten, "Host "+claim.GetName()+" is held for an earlier organization of this name. It has to be proven again.")
	}
	return nil
}

// notOwned removes the rights that an organization had in a Namespace that is not, or no longer, its own, and stalls.
func (r *Reconciler) notOwned(ctx context.Context, org *v1alpha1.Organization) error {
	if err := r.retire(ctx, org.GetName()); err != nil {
		return err
	}
	message := fmt.Sprintf("Namespace %[1]s already exists and lacks the label that lets the organization have it. To let Berth adopt it: "+
		"kubectl label --overwrite namespace %[1]s %[2]s=%[1]s", org.GetName(), v1alpha1.LabelOrganization)
	if left := r.GraceLeft(org); left > 0 { // The cache may not have it yet.
		return phase.Wait(left, v1alpha1.ReasonProgressing, "%s", message)
	}
	return phase.StallFor(adoptAgain, v1alpha1.ReasonNotOwned, "%s", message)
}

// Adopt makes the Organization own its Namespace and generates the external id of one that has none, and the token by which it proves that it
// owns a host. It never changes either: customers rely on them. They are not part of what is applied, so that they stay in any case.
func (r *Reconciler) Adopt(ctx context.Context, s *Scope) error {
	ns := s.Ns.DeepCopy()
	for id, kept := range map[string]string{
		v1alpha1.AnnotationExternalID: s.Org.Status.ExternalID, v1alpha1.AnnotationVerificationToken: s.Org.Status.VerificationToken,
	} {
		if ns.GetAnnotations()[id] == "" {
			metav1.SetMetaDataAnnotation(&ns.ObjectMeta, id, cmp.Or(kept, newID()))
		}
	}
	adopts := ns.GetAnnotations()[v1alpha1.AnnotationOrganizationUID] != string(s.Org.GetUID())
	metav1.SetMetaDataAnnotation(&ns.ObjectMeta, v1alpha1.AnnotationOrganizationUID, string(s.Org.GetUID()))
	ns.SetOwnerReferences(resources.NamespaceOwners(ns.GetOwnerReferences(), s.Org))
	if equality.Semantic.DeepEqual(ns.ObjectMeta, s.Ns.ObjectMeta) {
		return nil
	}
	if err := r.stillThere(ctx, s.Org); err != nil {
		return err
	}
	// With the lock, an id that another client has written meanwhile makes this write fail.
	patch := client.MergeFromWithOptions(s.Ns, client.MergeFromWithOptimisticLock{})
	if err := r.Client.Patch(ctx, ns, patch, client.FieldOwner(v1alpha1.FieldOwner)); err != nil {
		return err
	}
	if adopts {
		r.report(ctx, s.Org, v1alpha1.ReasonNamespaceAdopted, "Adopted Namespace "+ns.GetName()+".")
	}
	s.Ns = ns
	return nil
}

// stillThere waits for the news that an Organization is deleted. The cache may have it for a moment longer than its Namespace as somebody has orphaned
// it. To adopt that again would have the garbage collector delete it, with all that is in it.
func (r *Reconciler) stillThere(ctx context.Context, org *v1alpha1.Organization) error {
	var now v1alpha1.OrganizationList // It is listed, since the operator may do that already.
	if err := r.Live.List(ctx, &now, client.MatchingFields{"metadata.name": org.GetName()}); err != nil {
		return err
	}
	is := func(o v1alpha1.Organization) bool {
		return o.GetUID() == org.GetUID() && o.GetDeletionTimestamp().IsZero()
	}
	if !slices.ContainsFunc(now.Items, is) {
		return phase.Wait(0, v1alpha1.ReasonProgressing, "Organization %s is being deleted.", org.GetName())
	}
	return nil
}

// newID returns a random string of letters and digits, with 160 bits of entropy.
func newID() string {
	return (rand.Text() + rand.Text())[:externalIDLength]
}

// withoutOrganization turns a Namespace that is an organization by its label alone into one, or removes the rights of one whose Organization
// was deleted.
func (r *Reconciler) withoutOrganization(ctx context.Context, name string) (reconcile.Result, error) {
	ns := &corev1.Namespace{}
	err := r.Client.Get(ctx, client.ObjectKey{Name: name}, ns)
	if err == nil && policy.Migrates(ns) {
		return r.migrate(ctx, ns)
	}
	if client.IgnoreNotFound(err) != nil {
		return reconcile.Result{}, err
	}
	r.counted.Delete(name)
	return reconcile.Result{}, r.retire(ctx, name)
}

// retire removes all rights in a Namespace that is not an organization, or not any more, the controllers' own last. What else it had
// stays: without its NetworkPolicy, the Pods that still run in it would be open to all.
func (r *Reconciler) retire(ctx context.Context, name string) error {
	r.Rights.Delete(name)
	var errs []error
	var removed []string
	for _, b := range slices.Backward(rbac.Bindings(name, r.namespace)) {
		gone, err := r.unbind(ctx, name, b.Name)
		errs = append(errs, err)
		if gone {
			removed = append(removed, b.Name)
		}
	}
	if len(removed) > 0 {
		r.report(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, v1alpha1.ReasonAccessRemoved,
			fmt.Sprintf("Removed the RoleBindings %s: Namespace %s is no longer an organization.", strings.Join(removed, ", "), name))
	}
	return errors.Join(errs...)
}

// unbind deletes one of the RoleBindings, if an organization controls it; the UID of the Namespace is no longer known. It reports whether it has.
func (r *Reconciler) unbind(ctx context.Context, namespace, name string) (bool, error) {
	binding := &rbacv1.RoleBinding{}
	err := r.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, binding)
	if err != nil || !objects.IsOrganizations(binding) {
		return false, client.IgnoreNotFound(err)
	}
	err = r.Client.Delete(ctx, binding, client.Preconditions{UID: new(binding.GetUID())})
	return err == nil, client.IgnoreNotFound(err)
}

// report logs what Berth has done, and emits an event.
func (r *Reconciler) report(ctx context.Context, o client.Object, reason, message string) {
	log.FromContext(ctx).Info(message, "reason", reason, "organization", o.GetName())
	conditions.Note(r.Recorder, o, reason, message)
}
