package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/auth"
	"github.com/berth-dev/berth/facade/internal/translate"
	"github.com/berth-dev/berth/facade/internal/wire"
)

const (
	// writeTimeout bounds all the requests of one write. A write that has begun isn't ended by its client's going away, which would leave half
	// of it.
	writeTimeout = 30 * time.Second
	// seenTimeout is how long an answer to a write is held back for the caches to see it, so that the client's next read does.
	seenTimeout = 2 * time.Second
	// attempts is how often a change is planned since somebody else's came in between.
	attempts = 20
	// suffixLength is that of the chance part of a Secret's name.
	suffixLength = 10
)

// Create makes an app. The error is a 400 that names the slug or the domain if it is taken. All of the app is made, or nothing.
func (s *Store) Create(ctx context.Context, principal auth.Principal, organization string, body wire.AppBody) (translate.Observed, error) {
	externalID, err := s.externalID(ctx, organization)
	if err != nil {
		return translate.Observed{}, err
	}
	slug := ptr.Deref(body.Slug, "")
	unlock, err := s.locks.lock(ctx, slug)
	if err != nil {
		return translate.Observed{}, err
	}
	defer unlock()
	domain, err := s.domainFor(ctx, organization, slug)
	if err != nil {
		return translate.Observed{}, err
	}
	plan, err := translate.Create(s.platform, organization, body, domain, s.fresh())
	if err != nil {
		return translate.Observed{}, err
	}
	if err := s.checkSlug(ctx, organization, slug); err != nil {
		return translate.Observed{}, err
	}
	if err := s.checkDomain(ctx, organization, slug, plan); err != nil {
		return translate.Observed{}, err
	}
	w, done, err := s.begin(ctx, principal)
	if err != nil {
		return translate.Observed{}, err
	}
	defer done()
	plan.App.WithResourceVersion(absent)
	observed := translate.Observed{Domain: domain, ExternalID: externalID, Secrets: map[string]*corev1.Secret{}}
	if err := w.secret(plan.Secret, &observed); err != nil {
		return translate.Observed{}, err
	}
	if err := w.app(plan, &observed); apierrors.IsConflict(err) {
		_ = w.undo(err)
		return translate.Observed{}, slugTaken()
	} else if err != nil {
		return translate.Observed{}, w.undo(err)
	}
	if err := w.domain(plan, &observed); err != nil {
		w.undoApp(observed.App)
		return translate.Observed{}, w.undo(err)
	}
	s.awaitSeen(ctx, observed)
	return observed, nil
}

// Change changes an app as plan says, which is asked again if somebody else's change came in between. The error is the 404 if there is no such
// app, a 400 if a host is taken, or a 409 that names who else has set a field.
func (s *Store) Change(ctx context.Context, principal auth.Principal, organization, slug string, plan Planner) (translate.Observed, error) {
	unlock, err := s.locks.lock(ctx, slug)
	if err != nil {
		return translate.Observed{}, err
	}
	defer unlock()
	w, done, err := s.begin(ctx, principal)
	if err != nil {
		return translate.Observed{}, err
	}
	defer done()
	fresh := s.fresh()
	for range attempts {
		before, planErr := s.Get(ctx, organization, slug)
		if planErr != nil {
			return before, w.undo(planErr)
		}
		changes, planErr := plan(s.platform, before, fresh)
		if planErr != nil || changes.Empty() {
			return before, w.undo(planErr)
		}
		var after translate.Observed
		after, err = s.change(w, before, changes)
		if err == nil {
			s.awaitSeen(ctx, after)
			return after, nil
		}
		if !apierrors.IsConflict(err) || !s.awaitNewer(ctx, before) {
			break
		}
	}
	return translate.Observed{}, w.undo(err)
}

// Planner plans the change of an app.
type Planner func(platform translate.Platform, observed translate.Observed, fresh translate.Fresh) (translate.Plan, error)

// change writes a plan. The Domain comes before the App, since it is what can still be refused: what the App is to be has been looked at
// already.
func (s *Store) change(w *writer, observed translate.Observed, plan translate.Plan) (translate.Observed, error) {
	if err := s.checkDomain(w.ctx, observed.App.Namespace, observed.App.Name, plan); err != nil {
		return observed, err
	}
	if err := w.domain(plan, &observed); err != nil {
		return observed, err
	}
	if err := w.secret(plan.Secret, &observed); err != nil {
		return observed, err
	}
	return observed, w.app(plan, &observed)
}

// Delete deletes an app; what belongs to it goes with it. The error is the 404 if there is none.
func (s *Store) Delete(ctx context.Context, principal auth.Principal, organization, slug string) error {
	unlock, err := s.locks.lock(ctx, slug)
	if err != nil {
		return err
	}
	defer unlock()
	observed, err := s.Get(ctx, organization, slug)
	if err != nil {
		return err
	}
	w, done, err := s.begin(ctx, principal)
	if err != nil {
		return err
	}
	defer done()
	if err := w.delete(observed.App); err != nil {
		return err
	}
	// The cluster deletes what the App owns, but in its own time: until then, a new app with this slug would have the old one's Domain.
	if owns(observed.App, observed.Domain) {
		w.deleteDomain(observed.Domain)
	} else {
		observed.Domain = nil
	}
	s.awaitGone(ctx, observed)
	return nil
}

// owns tells whether a Domain goes with an App.
func owns(app *v1alpha1.App, domain *v1alpha1.Domain) bool {
	return domain != nil && slices.ContainsFunc(domain.OwnerReferences, func(o metav1.OwnerReference) bool { return o.UID == app.UID })
}

func (s *Store) fresh() translate.Fresh {
	return translate.Fresh{Now: s.now(), Suffix: rand.String(suffixLength)}
}

// checkSlug is the 400 about a slug that can't be had: it is an app's on this platform, or its default host is somebody's domain. It doesn't
// tell whose.
func (s *Store) checkSlug(ctx context.Context, organization, slug string) error {
	apps := s.apps.withName(slug)
	if len(apps) == 1 && apps[0].Namespace == organization && !apps[0].DeletionTimestamp.IsZero() {
		return apierr.Field("slug", "The app with this slug is still being deleted; try again.")
	}
	if len(apps) > 0 {
		return slugTaken()
	}
	taken, err := s.taken(ctx, s.platform.DefaultHost(slug), organization, slug)
	if err == nil && taken {
		err = slugTaken()
	}
	return err
}

func slugTaken() error { return apierr.Field("slug", "This slug is taken.") }

// checkDomain is the 400 about a host that is somebody else's, or the 409 about a Domain that can't be made, since its name, which is the app's,
// is that of one for another app.
func (s *Store) checkDomain(ctx context.Context, organization, slug string, plan translate.Plan) error {
	if plan.Host != "" {
		taken, err := s.taken(ctx, plan.Host, organization, slug)
		if err == nil && taken {
			err = apierr.Field("domain", "This domain is taken.")
		}
		if err != nil {
			return err
		}
	}
	if !plan.NewDomain {
		return nil
	}
	domain := &v1alpha1.Domain{}
	err := s.cache.Get(ctx, client.ObjectKey{Namespace: organization, Name: slug}, domain, client.UnsafeDisableDeepCopy)
	if err == nil && domain.Spec.AppRef.Name != slug {
		return apierr.Conflict(fmt.Sprintf("The Domain that is named %s serves the app %s and is in the way.", slug, domain.Spec.AppRef.Name))
	}
	return client.IgnoreNotFound(err)
}

// awaitSeen waits for the caches to have what was written. If they are late, the client's next read may be, too.
func (s *Store) awaitSeen(ctx context.Context, written translate.Observed) {
	ctx, cancel := context.WithTimeout(ctx, seenTimeout)
	defer cancel()
	s.changes.await(ctx, func() bool {
		app := s.apps.get(written.App.Namespace, written.App.Name)
		if app == nil || !reached(app.ResourceVersion, written.App.ResourceVersion) {
			return false
		}
		if !s.domainSeen(ctx, written.Domain) {
			return false
		}
		for _, name := range translate.EnvSecrets(written.App) {
			if written.Secrets[name] == nil {
				continue
			}
			if s.cache.Get(ctx, client.ObjectKey{Namespace: app.Namespace, Name: name}, &corev1.Secret{}, client.UnsafeDisableDeepCopy) != nil {
				return false
			}
		}
		return true
	})
}

// awaitGone waits for the caches to have seen that an App and its Domain go.
func (s *Store) awaitGone(ctx context.Context, gone translate.Observed) {
	ctx, cancel := context.WithTimeout(ctx, seenTimeout)
	defer cancel()
	s.AwaitGone(ctx, gone.App)
	s.changes.await(ctx, func() bool {
		return gone.Domain == nil || s.cache.Get(ctx, client.ObjectKeyFromObject(gone.Domain), &v1alpha1.Domain{}, client.UnsafeDisableDeepCopy) != nil
	})
}

func (s *Store) domainSeen(ctx context.Context, written *v1alpha1.Domain) bool {
	if written == nil {
		return true
	}
	domain := &v1alpha1.Domain{}
	err := s.cache.Get(ctx, client.ObjectKeyFromObject(written), domain, client.UnsafeDisableDeepCopy)
	return err == nil && reached(domain.ResourceVersion, written.ResourceVersion)
}

// awaitNewer waits, not for long, for the cache to have another version of an app or its Domain than the one that a plan was made for, and
// tells whether it does.
func (s *Store) awaitNewer(ctx context.Context, old translate.Observed) bool {
	ctx, cancel := context.WithTimeout(ctx, seenTimeout)
	defer cancel()
	return s.changes.await(ctx, func() bool {
		now, err := s.Get(ctx, old.App.Namespace, old.App.Name)
		if err != nil || now.App.ResourceVersion != old.App.ResourceVersion {
			return true
		}
		return versionOf(now.Domain) != versionOf(old.Domain)
	})
}

func versionOf(domain *v1alpha1.Domain) string {
	if domain == nil {
		return ""
	}
	return domain.ResourceVersion
}
