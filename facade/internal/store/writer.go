package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/translate"
	"github.com/berth-dev/berth/internal/apiclient"
)

// writer makes the single requests of one write.
type writer struct {
	ctx    context.Context //nolint:containedctx // It lives as long as the write that the writer is made for.
	client client.Client
	// own reads as the facade itself what the caches don't have.
	own client.Client
	// made are the Secrets that the writer has made.
	made []*corev1.Secret
	// spent is the Secret that the writer has deleted; nil if none.
	spent *corev1.Secret
	// dropped are the Secrets that the writer has deleted since they were replaced.
	dropped []*corev1.Secret
	// releases end the reservations of what the writer writes in the budget of the organization.
	releases []func()
	// claimed are the claims that the write has been granted, and claims the HostClaims that were created for them.
	claimed []claim
	claims  []*v1alpha1.HostClaim
	// disclaim deletes these again.
	disclaim func(*writer)
}

// begin returns a writer for who acts in ctx, and what ends its time.
func (s *Store) begin(ctx context.Context) (*writer, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	w := &writer{ctx: ctx, client: s.client, own: s.own, disclaim: s.disclaim}
	return w, func() {
		cancel()
		for _, release := range w.releases {
			release()
		}
	}
}

// secrets makes the Secrets of a plan. When a change is planned once more, those that it still wants are there already, and others go.
func (w *writer) secrets(wanted []*corev1.Secret) error {
	for _, made := range slices.Clone(w.made) {
		if !slices.ContainsFunc(wanted, same(made)) {
			w.discard(made)
		}
	}
	for _, secret := range wanted {
		if w.has(secret) {
			continue
		}
		if err := w.client.Create(w.ctx, secret); err != nil {
			return withoutValues(err)
		}
		w.made = append(w.made, secret)
	}
	return nil
}

// has reports whether the writer has made a Secret already.
func (w *writer) has(secret *corev1.Secret) bool { return slices.ContainsFunc(w.made, same(secret)) }

// same returns what tells whether a Secret has the name and the values of this one.
func same(secret *corev1.Secret) func(*corev1.Secret) bool {
	return func(other *corev1.Secret) bool {
		return other.Name == secret.Name && maps.EqualFunc(other.Data, secret.Data, bytes.Equal)
	}
}

// discard deletes a Secret that the writer has made. What is left if that fails, the controllers collect.
func (w *writer) discard(secret *corev1.Secret) {
	_ = w.client.Delete(w.ctx, secret)
	w.made = slices.DeleteFunc(w.made, func(made *corev1.Secret) bool { return made == secret })
}

// spend deletes a Secret that was there, in this version, if there is one to delete. If that fails, it stays and does no harm.
func (w *writer) spend(secret *corev1.Secret) {
	if secret == nil {
		return
	}
	named := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: secret.Namespace, Name: secret.Name}}
	if w.client.Delete(w.ctx, named, client.Preconditions{UID: &secret.UID, ResourceVersion: &secret.ResourceVersion}) == nil {
		w.spent = named
	}
}

// drop deletes Secrets that are of no use any more and that nothing has used, as they were observed. One that the controllers have taken over
// meanwhile is theirs to delete, and what is left if this fails, too.
func (w *writer) drop(secrets []*corev1.Secret) {
	for _, secret := range secrets {
		named := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: secret.Namespace, Name: secret.Name}}
		if w.client.Delete(w.ctx, named, client.Preconditions{UID: &secret.UID, ResourceVersion: &secret.ResourceVersion}) == nil {
			w.dropped = append(w.dropped, named)
		}
	}
}

// keep applies a Secret that is there in the version that was observed, or isn't there. The error is a 409 if what is there is in the way.
func (w *writer) keep(secret *corev1ac.SecretApplyConfiguration, observed translate.Observed) error {
	version := apiclient.Absent
	if before := observed.Secrets[*secret.Name]; before != nil && before.Labels[v1alpha1.LabelSecret] == secret.Labels[v1alpha1.LabelSecret] {
		version = before.ResourceVersion
	}
	secret.WithResourceVersion(version)
	err := w.client.Apply(w.ctx, secret, client.FieldOwner(v1alpha1.FieldOwnerFacade))
	// All of it is of the facade's making: what makes it invalid is what was there, an immutable Secret or one of another type.
	if apierrors.IsConflict(err) && version == apiclient.Absent || apierrors.IsInvalid(err) {
		return apierr.Conflict(fmt.Sprintf("There is a Secret %s already, which is in the way.", *secret.Name))
	}
	if err != nil {
		return withoutValues(err)
	}
	kept := &corev1.Secret{}
	w.made = append(w.made, kept)
	return convert(secret, kept)
}

// undo discards the Secrets of what wasn't written, and its claims of hosts, and returns why it wasn't written.
func (w *writer) undo(cause error) error {
	if !uncertain(cause) {
		if cause != nil {
			w.disclaim(w)
		}
		for _, secret := range slices.Clone(w.made) {
			w.discard(secret)
		}
	}
	return cause
}

// uncertain tells whether an error leaves open if what was asked for has happened: the API server failed, or its answer didn't arrive.
func uncertain(err error) bool {
	if _, ours := errors.AsType[*apierr.Error](err); ours || err == nil {
		return false
	}
	var status apierrors.APIStatus
	return !errors.As(err, &status) || status.Status().Code >= http.StatusInternalServerError
}

// withoutValues keeps what the API server says about a Secret that it refuses out of answers and logs, where its values could be.
func withoutValues(err error) error {
	if apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) {
		return errors.New("the API server refused a Secret with values of the client")
	}
	return err
}

// app applies the App, if it changes, and notes what the API server made of it in observed.
func (w *writer) app(plan translate.Plan, observed *translate.Observed) error {
	if plan.App == nil {
		return nil
	}
	if plan.TakenOfApp != nil {
		version, err := w.takeOver("App", observed.App, plan.TakenOfApp)
		if err != nil {
			return err
		}
		plan.App.WithResourceVersion(version)
	}
	options := []client.ApplyOption{client.FieldOwner(v1alpha1.FieldOwnerFacade)}
	if plan.Force {
		options = append(options, client.ForceOwnership)
	}
	if err := w.client.Apply(w.ctx, plan.App, options...); err != nil {
		return err
	}
	observed.App = &v1alpha1.App{}
	return convert(plan.App, observed.App)
}

// domain applies the Domain, if it changes, and notes what the API server made of it in observed. A new one belongs to the App.
func (w *writer) domain(plan translate.Plan, observed *translate.Observed) error {
	if plan.Domain == nil {
		return nil
	}
	if plan.TakenOfDomain != nil {
		version, err := w.takeOver("Domain", observed.Domain, plan.TakenOfDomain)
		if err != nil {
			return err
		}
		plan.Domain.WithResourceVersion(version)
	}
	if plan.NewDomain {
		plan.Domain.WithOwnerReferences(translate.OwnerOf(observed.App)).WithResourceVersion(apiclient.Absent)
	}
	if err := w.client.Apply(w.ctx, plan.Domain, client.FieldOwner(v1alpha1.FieldOwnerFacade)); err != nil {
		return err
	}
	observed.Domain = &v1alpha1.Domain{}
	return convert(plan.Domain, observed.Domain)
}

// create writes the plan of a new app. A Domain that is there already comes before the App: that wakes the controllers, which write the Domain's
// status, and the plan is made for the version before. Those of an earlier App of this name it deletes, or the new App's would be one of them.
func (w *writer) create(plan translate.Plan, observed *translate.Observed, leaving []*v1alpha1.Domain) error {
	if err := w.secrets(plan.Secrets); err != nil {
		return err
	}
	if !plan.NewDomain {
		if err := w.domain(plan, observed); err != nil {
			return err
		}
	}
	plan.App.WithResourceVersion(apiclient.Absent)
	if err := w.app(plan, observed); apierrors.IsConflict(err) {
		return slugTaken()
	} else if err != nil {
		return err
	}
	if err := w.inherit(plan, observed, leaving); err != nil {
		// If that fails, the App is left, as an app that its client may delete.
		_ = w.delete(observed.App)
		return err
	}
	return nil
}

// inherit deletes the Domains of an earlier App and applies the new one, if there is one.
func (w *writer) inherit(plan translate.Plan, observed *translate.Observed, leaving []*v1alpha1.Domain) error {
	if err := w.deleteDomains(leaving); err != nil || !plan.NewDomain {
		return err
	}
	return w.domain(plan, observed)
}

func (w *writer) deleteDomains(domains []*v1alpha1.Domain) error {
	for _, domain := range domains {
		if err := w.deleteDomain(domain); err != nil {
			return err
		}
	}
	return nil
}

// convert reads an apply configuration, which holds the whole object after an apply, as the object.
func convert(applied, object any) error {
	encoded, err := json.Marshal(applied)
	if err != nil {
		return fmt.Errorf("read what was applied: %w", err)
	}
	if err := json.Unmarshal(encoded, object); err != nil {
		return fmt.Errorf("read what was applied: %w", err)
	}
	return nil
}

// delete deletes this App, and none that has its name later, which is a conflict. One that is gone is no error.
func (w *writer) delete(app *v1alpha1.App) error {
	named := &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Namespace: app.Namespace, Name: app.Name}}
	err := w.client.Delete(w.ctx, named, client.Preconditions{UID: &app.UID}, client.PropagationPolicy(metav1.DeletePropagationBackground))
	return client.IgnoreNotFound(err)
}

// deleteDomain deletes this Domain, and none that has its name later. One that is gone is no error.
func (w *writer) deleteDomain(domain *v1alpha1.Domain) error {
	named := &v1alpha1.Domain{ObjectMeta: metav1.ObjectMeta{Namespace: domain.Namespace, Name: domain.Name}}
	err := w.client.Delete(w.ctx, named, client.Preconditions{UID: &domain.UID})
	if apierrors.IsConflict(err) {
		return nil
	}
	return client.IgnoreNotFound(err)
}
