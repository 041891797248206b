package store

import (
	"context"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/translate"
	"github.com/berth-dev/berth/internal/secretsize"
	"github.com/berth-dev/berth/internal/sideindex"
)

// encodedSizes has of each cached Secret with an environment how many bytes each of its values has in an answer.
var encodedSizes sideindex.Index[map[string]int]

// keepOfSecret leaves out of memory who wrote a Secret and the values that are secret: those of environments, passwords and private keys. Which keys an
// environment has, and how large its values are, is kept. Of API keys, which are hashes, all is.
func keepOfSecret(object any) (any, error) {
	if secret, ok := object.(*corev1.Secret); ok {
		secretsize.Note(secret)
		switch secret.Labels[v1alpha1.LabelSecret] {
		case v1alpha1.SecretEnv:
			sideindex.Put(&encodedSizes, secret, translate.EncodedSizes(secret))
			dropValues(secret, func(string) bool { return true })
		case v1alpha1.SecretMailPassword:
			dropValues(secret, func(string) bool { return true })
		case v1alpha1.SecretTLS, v1alpha1.SecretCertificate, v1alpha1.SecretNewCertKey:
			dropValues(secret, func(key string) bool { return key != corev1.TLSCertKey })
		case v1alpha1.SecretRegistry:
			dropValues(secret, func(key string) bool { return key != corev1.BasicAuthUsernameKey })
		}
	}
	return cache.TransformStripManagedFields()(object)
}

func dropValues(secret *corev1.Secret, secretKey func(key string) bool) {
	for key := range secret.Data {
		if secretKey(key) {
			secret.Data[key] = nil
		}
	}
}

// purposes are those of the Secrets whose values are wanted, of v1alpha1's values of LabelSecret. Logins for registries are never read.
type purposes []string

var (
	ofApp    = purposes{v1alpha1.SecretEnv}
	ofDomain = purposes{v1alpha1.SecretMailPassword, v1alpha1.SecretCertificate, v1alpha1.SecretNewCertKey}
)

func (p purposes) include(secret *corev1.Secret) bool {
	return slices.Contains(p, secret.Labels[v1alpha1.LabelSecret])
}

// EnvOf returns an app that List or Get has returned with the values of its variables. A Secret that wasn't read lately costs a request to the API server.
// The error is the 404 if the app is gone by now.
func (s *Store) EnvOf(ctx context.Context, observed translate.Observed) (translate.Observed, error) {
	app := client.ObjectKeyFromObject(observed.App)
	first := &observed
	return s.withValues(ctx, ofApp, func(ctx context.Context) (translate.Observed, error) {
		if found := first; found != nil {
			first = nil
			return *found, nil
		}
		return s.Get(ctx, app.Namespace, app.Name)
	})
}

// MailPasswordOf returns what GetDomain finds by a name with the password of its mail server.
func (s *Store) MailPasswordOf(ctx context.Context, organization, name string) (translate.Observed, error) {
	return s.withValues(ctx, purposes{v1alpha1.SecretMailPassword}, func(ctx context.Context) (translate.Observed, error) {
		return s.GetDomain(ctx, organization, name)
	})
}

// maxUnseen is how many Secrets of an app are read that the cache does not have. The facade puts all values of a change into one Secret, so there is
// rarely more than one; a user could name any number.
const maxUnseen = 4

// withValues returns what find finds, with the values of its Secrets of some purposes. A Secret that is gone may have been replaced by another replica:
// then the cache is about to have the next version of what names it, which is waited for. Otherwise values that there are would be shown as empty, and
// come back as such.
func (s *Store) withValues(ctx context.Context, wanted purposes, find finder) (translate.Observed, error) {
	ctx, cancel := context.WithTimeout(ctx, seenTimeout)
	defer cancel()
	for {
		observed, err := find(ctx)
		if err != nil {
			return observed, err
		}
		complete, err := s.addValues(ctx, wanted, &observed)
		if err != nil || complete {
			return observed, err
		}
		behind, err := s.isBehind(ctx, observed)
		if err != nil {
			return observed, apierr.Unavailable(err)
		}
		if !behind {
			return observed, s.addUnseen(ctx, wanted, &observed)
		}
		if !s.awaitNewer(ctx, observed, translate.Plan{}, find) {
			return observed, apierr.Unavailable(stale("App", observed.App.Name))
		}
	}
}

// written is what was written with what belongs to it now, and values of the same purposes that were looked at. What the write has read or made of them
// isn't read again. What is gone by now is left out: the write has succeeded.
func (s *Store) written(w *writer, after translate.Observed, wanted purposes) (translate.Observed, error) {
	observed := observe(after.App, after.Domain, after.ExternalID)
	if err := s.addSecrets(w.ctx, observed, translate.SecretNames(s.platform, observed)); err != nil {
		return observed, err
	}
	// Of environments, the cache has no values.
	maps.DeleteFunc(observed.Secrets, func(_ string, secret *corev1.Secret) bool { return ofApp.include(secret) })
	maps.Copy(observed.Secrets, after.Secrets)
	for _, secret := range w.made {
		observed.Secrets[secret.Name] = secret
	}
	return observed, s.addUnseen(w.ctx, wanted, &observed)
}

// addValues puts Secrets with their values in the place of those of the cache, and reports whether all are there that the facade has made.
func (s *Store) addValues(ctx context.Context, wanted purposes, observed *translate.Observed) (complete bool, err error) {
	complete = true
	secrets := map[string]*corev1.Secret{}
	for name, secret := range observed.Secrets {
		if wanted.include(secret) {
			if secret, err = s.readSecret(ctx, secret); err != nil {
				return false, err
			}
		}
		if secret == nil {
			complete = false
			continue
		}
		secrets[name] = secret
	}
	observed.Secrets = secrets
	complete = complete && len(unseen(wanted, *observed)) == 0
	return complete, s.addKeyValues(ctx, wanted, observed)
}

// unseen returns the names of the Secrets with values of an app that the facade has made and that were not found.
func unseen(wanted purposes, observed translate.Observed) []string {
	if !slices.Contains(wanted, v1alpha1.SecretEnv) {
		return nil
	}
	var names []string
	for _, name := range translate.MadeEnvNames(observed) {
		if observed.Secrets[name] == nil && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// addUnseen adds Secrets that another replica has made a moment ago, if they are there.
func (s *Store) addUnseen(ctx context.Context, wanted purposes, observed *translate.Observed) error {
	names := unseen(wanted, *observed)
	for _, name := range names[:min(len(names), maxUnseen)] {
		secret, err := s.readSecret(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
			Namespace: observed.App.Namespace, Name: name, Labels: map[string]string{v1alpha1.LabelSecret: v1alpha1.SecretEnv},
		}})
		if err != nil {
			return err
		}
		if secret != nil {
			observed.Secrets[name] = secret
		}
	}
	return nil
}

// addKeyValues does so with private keys. Of one that is gone, what the cache has stays, which fits no certificate.
func (s *Store) addKeyValues(ctx context.Context, wanted purposes, observed *translate.Observed) error {
	observed.Keys = slices.Clone(observed.Keys)
	for i, secret := range observed.Keys {
		if !wanted.include(secret) {
			continue
		}
		read, err := s.readSecret(ctx, secret)
		if err != nil {
			return err
		}
		if read != nil {
			observed.Keys[i] = read
		}
	}
	return nil
}

// readSecret returns a Secret of the cache with its values. It returns nil if the Secret is gone, or is for another purpose by now.
func (s *Store) readSecret(ctx context.Context, cached *corev1.Secret) (*corev1.Secret, error) {
	if recent, ok := s.recent.GetIfPresent(secretVersionOf(cached)); ok {
		return recent, nil
	}
	// The API server answers from a cache of its own once that has the version of the facade's cache or a newer one.
	notOlder := &client.GetOptions{Raw: &metav1.GetOptions{ResourceVersion: cached.ResourceVersion}}
	secret := &corev1.Secret{}
	err := s.own.Get(ctx, client.ObjectKeyFromObject(cached), secret, notOlder)
	if apierrors.IsNotFound(err) || err == nil && secret.Labels[v1alpha1.LabelSecret] != cached.Labels[v1alpha1.LabelSecret] {
		return nil, nil
	}
	if err != nil {
		// It is the facade's own request: what it may not do is not the caller's concern.
		return nil, apierr.Unavailable(fmt.Errorf("read Secret %s/%s: %w", cached.Namespace, cached.Name, err))
	}
	if ofApp.include(secret) {
		s.recent.Set(secretVersionOf(secret), secret)
	}
	return secret, nil
}
