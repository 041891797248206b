// Package ssa writes objects by server-side apply, under three rules: what is as it should be is not written, what belongs to somebody
// else is never touched, and what is no longer wanted is deleted only if it is the owner's own.
//
// It reads through the client it is given and takes its answers for the truth, so that client has to read its own writes from its
// cache (client.CacheOptions.EnableReadYourWritesConsistency), and the cache has to hold the managed fields of v1alpha1.FieldOwner, or what Digest
// makes of them.
package ssa

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/apiclient"
)

// Configuration is a generated apply configuration, such as *appsv1.DeploymentApplyConfiguration.
type Configuration[C any] interface {
	runtime.ApplyConfiguration
	GetName() *string
	GetNamespace() *string
	WithUID(types.UID) C
	WithResourceVersion(string) C
}

// Extract returns what a field owner has applied of an object: one of the generated functions, such as appsv1.ExtractDeployment.
type Extract[O client.Object, C any] func(obj O, fieldOwner string) (C, error)

// ErrReplaced says that an object was made, or deleted and made anew, since it was looked for. It is to be read again.
var ErrReplaced = errors.New("the object was made or replaced since it was read")

// NotOwnedError says that an object exists already and belongs to somebody else.
type NotOwnedError struct {
	// Kind and Name of the object; it lies in its owner's Namespace.
	Kind, Name string
}

// Error says which object is in the way.
func (e *NotOwnedError) Error() string {
	return fmt.Sprintf("%s %s exists already and belongs to somebody else", e.Kind, e.Name)
}

// Apply makes an object of the owner be as want says, and reads it into obj. If the object is so already, nothing is written.
//
// It returns a *NotOwnedError if the object exists and the owner doesn't control it, and otherwise the API server's error.
func Apply[O client.Object, C Configuration[C]](ctx context.Context, c client.Client, owner metav1.Object, want C, obj O, extract Extract[O, C]) error {
	err := c.Get(ctx, client.ObjectKey{Namespace: *want.GetNamespace(), Name: *want.GetName()}, obj)
	if apierrors.IsNotFound(err) {
		return create(ctx, c, want, obj)
	}
	if err != nil {
		return err
	}
	if !metav1.IsControlledBy(obj, owner) {
		return notOwned(c, obj)
	}
	return update(ctx, c, owner, want, obj, extract)
}

// Applied reports whether an object is the owner's and is already as want says, and reads it into obj. It is for who only looks on, and
// for an object that the cache doesn't hold as it is, since it is secret: want is what the cache would hold of it.
//
// It returns a *NotOwnedError if the object exists and the owner doesn't control it.
func Applied[O client.Object, C any](ctx context.Context, c client.Client, owner metav1.Object, want C, obj O, extract Extract[O, C]) (bool, error) {
	err := c.Get(ctx, client.ObjectKeyFromObject(obj), obj)
	if err != nil {
		return false, client.IgnoreNotFound(err)
	}
	if !metav1.IsControlledBy(obj, owner) {
		return false, notOwned(c, obj)
	}
	return Same(obj, want, extract)
}

// Adopt applies to an object that somebody else makes: one that isn't there, or that has another controller, is left alone.
func Adopt[O client.Object, C Configuration[C]](ctx context.Context, c client.Client, owner metav1.Object, want C, obj O, extract Extract[O, C]) error {
	err := c.Get(ctx, client.ObjectKey{Namespace: *want.GetNamespace(), Name: *want.GetName()}, obj)
	if err != nil {
		return client.IgnoreNotFound(err)
	}
	controller := metav1.GetControllerOfNoCopy(obj)
	if controller != nil && controller.UID != owner.GetUID() {
		return nil
	}
	if err := update(ctx, c, owner, want, obj, extract); err != nil {
		return err
	}
	if controller == nil && metav1.IsControlledBy(obj, owner) {
		journalOf(ctx).adopted(ctx, owner, kindOf(c, obj), obj)
	}
	return nil
}

// Share applies fields to an object that others own too, and that obj is as it was read. Nothing is forced: a field that somebody else has set
// answers with a conflict.
func Share[O client.Object, C Configuration[C]](ctx context.Context, c client.Client, want C, obj O, extract Extract[O, C]) error {
	same, err := Same(obj, want, extract)
	if err != nil || same {
		return err
	}
	return c.Apply(ctx, want.WithUID(obj.GetUID()), client.FieldOwner(v1alpha1.FieldOwner))
}

// Has reports whether there is an object, of which obj has the name and Namespace, that the owner controls and that isn't being deleted.
// It is read into obj.
func Has(ctx context.Context, c client.Reader, owner metav1.Object, obj client.Object) (bool, error) {
	err := c.Get(ctx, client.ObjectKeyFromObject(obj), obj)
	if err != nil {
		return false, client.IgnoreNotFound(err)
	}
	return metav1.IsControlledBy(obj, owner) && obj.GetDeletionTimestamp().IsZero(), nil
}

// Prune deletes an object, of which obj has the name and Namespace, if the owner controls it. The Journal of ctx reports it with the reason, as
// Journal.Deleted says; without one, the caller reports it.
func Prune(ctx context.Context, c client.Client, owner metav1.Object, obj client.Object, why string) error {
	if has, err := Has(ctx, c, owner, obj); err != nil || !has {
		return err
	}
	err := c.Delete(ctx, obj, client.Preconditions{UID: new(obj.GetUID())})
	if err == nil && why != "" {
		journalOf(ctx).Deleted(ctx, owner, kindOf(c, obj), obj, why)
	}
	return client.IgnoreNotFound(err)
}

// AppliedAt returns when Berth last changed an object by an apply, or else when the object was created: for how long it has been at least
// as Berth has it. Its fractions of a second are cut off.
func AppliedAt(obj client.Object) time.Time {
	for _, f := range obj.GetManagedFields() {
		if isOurs(&f) && f.Subresource == "" && f.Time != nil {
			return f.Time.Time
		}
	}
	return obj.GetCreationTimestamp().Time
}

// Same reports whether an object's fields of Berth's are what want says. A field that somebody else has changed is no longer
// Berth's, so it makes a difference too.
func Same[O client.Object, C any](obj O, want C, extract Extract[O, C]) (bool, error) {
	wanted, err := digestOf(want)
	if err != nil {
		return false, err
	}
	digested := false
	// An object has a digest for each part that Berth applies. That of another part is of other fields, and never like what is wanted of this one.
	for _, f := range obj.GetManagedFields() {
		if !isOurs(&f) || !isDigest(f.FieldsV1) {
			continue
		}
		digested = true
		if f.FieldsV1.GetRawString() == wanted {
			return true, nil
		}
	}
	if digested {
		return false, nil
	}
	have, err := extract(obj, v1alpha1.FieldOwner)
	if err != nil {
		return false, nil //nolint:nilerr // See noDigest.
	}
	got, err := digestOf(have)
	return got == wanted, err
}

// create makes an object. One that somebody made since the cache was read answers with a conflict instead of being taken over, even if it
// differs in no field that is applied.
func create[O client.Object, C Configuration[C]](ctx context.Context, c client.Client, want C, obj O) error {
	err := c.Apply(ctx, want.WithResourceVersion(apiclient.Absent), client.FieldOwner(v1alpha1.FieldOwner))
	if apierrors.HasStatusCause(err, metav1.CauseTypeFieldManagerConflict) {
		obj.SetName(*want.GetName())
		return notOwned(c, obj)
	}
	if apierrors.IsConflict(err) {
		return ErrReplaced
	}
	if err != nil {
		return err
	}
	if err := answer(want, obj); err != nil {
		return err
	}
	wrote(ctx, c, obj, "Created")
	return nil
}

// update applies with force: the object has one writer, and what others changed of its fields is set right. The UID makes sure that it
// is still the object that was looked at.
//
// The first attempt does not force, so that the API server tells what others have changed. What they change back again and again is written less and
// less, and obj is then as the cache has it.
func update[O client.Object, C Configuration[C]](ctx context.Context, c client.Client, owner metav1.Object, want C, obj O, extract Extract[O, C]) error {
	same, err := Same(obj, want, extract)
	if err != nil || same {
		return err
	}
	gvk, err := apiutil.GVKForObject(obj, c.Scheme())
	if err != nil {
		return err
	}
	told, contests := Contest{Kind: gvk.Kind, Name: obj.GetName()}, contestsOf(ctx)
	wanted, err := json.Marshal(want)
	if err != nil {
		return fmt.Errorf("write what is applied: %w", err)
	}
	digest, uid := digestOfJSON(wanted), obj.GetUID()
	if contests.held(owner.GetUID(), told, uid, digest) {
		return nil
	}
	err = c.Apply(ctx, want.WithUID(uid), client.FieldOwner(v1alpha1.FieldOwner))
	conflict := apierrors.HasStatusCause(err, metav1.CauseTypeFieldManagerConflict)
	if conflict {
		told.Claims = contests.claims(ctx, c, obj, err)
		err = c.Apply(ctx, want.WithUID(uid), client.FieldOwner(v1alpha1.FieldOwner), client.ForceOwnership)
	}
	if isReplaced(err) {
		return ErrReplaced
	}
	if err != nil {
		return err
	}
	answered, err := json.Marshal(want)
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if changed := rewritten(wanted, answered); !conflict && len(changed) > 0 {
		told.Claims, told.Rewritten = changed, true
	}
	contests.written(owner.GetUID(), told, uid, digest, len(told.Claims) > 0)
	if err := answer(want, obj); err != nil {
		return err
	}
	wrote(ctx, c, obj, "Changed")
	return nil
}

// isReplaced reports whether the API server refused a write since the object has another UID than was given.
func isReplaced(err error) bool {
	status, ok := errors.AsType[*apierrors.StatusError](err)
	return ok && status.ErrStatus.Details != nil && slices.ContainsFunc(status.ErrStatus.Details.Causes,
		func(c metav1.StatusCause) bool { return c.Field == "metadata.uid" })
}

// answer reads what the API server answered, which the client left in the apply configuration, into obj.
func answer[O client.Object, C any](applied C, obj O) error {
	raw, err := json.Marshal(applied)
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if err := json.Unmarshal(raw, obj); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	return nil
}

func notOwned(c client.Client, obj client.Object) error {
	gvk, err := apiutil.GVKForObject(obj, c.Scheme())
	if err != nil {
		return err
	}
	return &NotOwnedError{Kind: gvk.Kind, Name: obj.GetName()}
}
