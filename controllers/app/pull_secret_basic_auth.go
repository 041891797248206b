package app

import (
	"context"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/controllers/internal/resources"
	"github.com/berth-dev/berth/internal/credential"
	"github.com/berth-dev/berth/internal/registry"
)

// pullByLogin keeps the login in the Secret that a user or a REST client has given. It is read past the cache, which has no logins, only when
// its Secret has changed.
func (r *Reconciler) pullByLogin(ctx context.Context, s *Scope, have *corev1.Secret) error {
	source, err := r.login(ctx, r.Client, s.App)
	if err != nil {
		return err
	}
	if isRegistrySecret(source, s.App) {
		if err := r.adopt(ctx, s.App, source.GetName()); err != nil {
			return err
		}
	}
	host := registry.Of(s.App.Spec.Image)
	if have.GetAnnotations()[v1alpha1.AnnotationCredentialsFrom] == fromSecretOf(host, source) {
		if kept, err := r.isKept(s.App, have); err != nil || kept {
			return err
		}
	}
	if source, err = r.login(ctx, r.Live, s.App); err != nil {
		return err
	}
	// A line break at the end of a file that kubectl made the Secret of would have the registry refuse the login.
	user := credential.TrimLineBreak(string(source.Data[corev1.BasicAuthUsernameKey]))
	password := credential.TrimLineBreak(string(source.Data[corev1.BasicAuthPasswordKey]))
	if user == "" || password == "" || strings.Contains(user, ":") {
		return phase.Stall(v1alpha1.ReasonCredentialsInvalid,
			"Secret %s needs a user name, without a colon, and a password; neither may be empty.", source.GetName())
	}
	login, err := resources.Login(host, user, password)
	if err != nil {
		return err
	}
	return r.keepLogin(ctx, s.App, login, map[string]string{v1alpha1.AnnotationCredentialsFrom: fromSecretOf(host, source)})
}

// login reads the Secret that the App names for its registry.
func (r *Reconciler) login(ctx context.Context, from client.Reader, app *v1alpha1.App) (*corev1.Secret, error) {
	name, secret := app.Spec.Registry.CredentialsSecretRef.Name, &corev1.Secret{}
	err := from.Get(ctx, client.ObjectKey{Namespace: app.GetNamespace(), Name: name}, secret)
	if apierrors.IsNotFound(err) || err == nil && secret.GetLabels()[v1alpha1.LabelSecret] != v1alpha1.SecretRegistry {
		return nil, r.MissingDependency(app, v1alpha1.ReasonSecretNotFound, "There is no Secret %s with the label %s=%s in the Namespace.",
			name, v1alpha1.LabelSecret, v1alpha1.SecretRegistry)
	}
	if err != nil {
		return nil, err
	}
	for _, key := range []string{corev1.BasicAuthUsernameKey, corev1.BasicAuthPasswordKey} {
		if _, ok := secret.Data[key]; !ok {
			return nil, phase.Wait(0, v1alpha1.ReasonSecretNotFound, "The login for the registry is in Secret %s, which has no key %s.", name, key)
		}
	}
	return secret, nil
}

func isRegistrySecret(secret *corev1.Secret, app *v1alpha1.App) bool {
	l := secret.GetLabels()
	return l[v1alpha1.LabelSecret] == v1alpha1.SecretRegistry && l[v1alpha1.LabelApp] == app.GetName()
}

// fromSecretOf names a version of a Secret. A digest of a login would let its password be guessed.
func fromSecretOf(host string, source *corev1.Secret) string {
	return strings.Join([]string{host, source.GetName(), string(source.GetUID()), source.GetResourceVersion()}, " ")
}
