package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metaac "k8s.io/client-go/applyconfigurations/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/auth"
	"github.com/berth-dev/berth/facade/internal/translate"
)

// +kubebuilder:rbac:groups=berth.dev,resources=apps,verbs=create;patch;delete
// +kubebuilder:rbac:groups=berth.dev,resources=domains,verbs=create;patch;delete
// +kubebuilder:rbac:groups="",resources=secrets,verbs=create;delete

// absent is a resource version that no App or Domain ever has, since etcd counts from 1 and much is written before the first of them. The API
// server ignores the version when an apply makes an object, and refuses an apply to an object with another version: so an apply with this one
// makes an object, under the facade's own field owner, and never changes one.
const absent = "1"

// writer makes the single requests of one write.
type writer struct {
	ctx    context.Context //nolint:containedctx // It lives as long as the write that the writer is made for.
	client client.Client
	// made is the Secret that the writer has made.
	made *corev1.Secret
}

// begin returns the writer for a principal, and what ends its time.
func (s *Store) begin(ctx context.Context, principal auth.Principal) (*writer, context.CancelFunc, error) {
	c, err := s.clients(principal)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	return &writer{ctx: ctx, client: c}, cancel, nil
}

// secret makes the Secret, if there is one, and notes it in observed. When a change is planned once more, it is there already.
func (w *writer) secret(secret *corev1.Secret, observed *translate.Observed) error {
	if secret == nil {
		return nil
	}
	if w.made == nil || !maps.EqualFunc(w.made.Data, secret.Data, bytes.Equal) {
		w.discard()
		if err := w.client.Create(w.ctx, secret); err != nil {
			return withoutValues(err)
		}
		w.made = secret
	}
	secrets := maps.Clone(observed.Secrets)
	secrets[w.made.Name] = w.made
	observed.Secrets = secrets
	return nil
}

// discard deletes the Secret that the writer has made. What is left if that fails, the controllers collect.
func (w *writer) discard() {
	if w.made != nil {
		_ = w.client.Delete(w.ctx, w.made)
		w.made = nil
	}
}

// undo discards the Secret of an App that wasn't written, and returns why it wasn't.
func (w *writer) undo(cause error) error {
	if !uncertain(cause) {
		w.discard()
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
		return errors.New("the API server refused the Secret with the values of the environment")
	}
	return err
}

// app applies the App, if it changes, and notes what the API server made of it in observed.
func (w *writer) app(plan translate.Plan, observed *translate.Observed) error {
	if plan.App == nil {
		return nil
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
	if plan.NewDomain {
		owner := metaac.OwnerReference().
			WithAPIVersion(v1alpha1.GroupVersion.String()).WithKind("App").
			WithName(observed.App.Name).WithUID(observed.App.UID)
		plan.Domain.WithOwnerReferences(owner).WithResourceVersion(absent)
	}
	if err := w.client.Apply(w.ctx, plan.Domain, client.FieldOwner(v1alpha1.FieldOwnerFacade)); err != nil {
		return err
	}
	observed.Domain = &v1alpha1.Domain{}
	return convert(plan.Domain, observed.Domain)
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

// delete deletes this App, and none that has its name later. One that is gone is no error.
func (w *writer) delete(app *v1alpha1.App) error {
	named := &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Namespace: app.Namespace, Name: app.Name}}
	err := w.client.Delete(w.ctx, named, client.Preconditions{UID: &app.UID}, client.PropagationPolicy(metav1.DeletePropagationBackground))
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// deleteDomain deletes the Domain of an App that is gone. If that fails, the cluster does it later.
func (w *writer) deleteDomain(domain *v1alpha1.Domain) {
	named := &v1alpha1.Domain{ObjectMeta: metav1.ObjectMeta{Namespace: domain.Namespace, Name: domain.Name}}
	_ = w.client.Delete(w.ctx, named, client.Preconditions{UID: &domain.UID})
}

// undoApp deletes an App that was made a moment ago. If that fails, it is left, as an app that its client may delete.
func (w *writer) undoApp(app *v1alpha1.App) { _ = w.delete(app) }
