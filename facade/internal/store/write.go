package store

import (
	"cmp"
	"context"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/translate"
	"github.com/berth-dev/berth/facade/internal/wire"
)

const (
	// writeTimeout bounds all the requests of one write. A write that has begun isn't ended by its client's going away, which would leave half
	// of it.
	writeTimeout = 30 * time.Second
	// youngTimeout bounds the wait for the Secrets of a young organization, and youngInterval is how often they are looked for.
	youngTimeout, youngInterval = 10 * time.Second, 100 * time.Millisecond
	// attempts is how often a change is planned if others change the same objects in between, which can be many times a second. writeTimeout ends it
	// before that if the API server is slow.
	attempts = 100
)

// Create makes an app. The error is a 400 that names the slug or the domain if it is taken. All of the app is made, or nothing, but for what
// changes of a Domain that somebody has made for it before.
func (s *Store) Create(ctx context.Context, organization string, body wire.AppBody) (translate.Observed, error) {
	externalID, err := s.externalID(ctx, organization)
	if err != nil {
		return translate.Observed{}, err
	}
	slug := ptr.Deref(body.Slug, "")
	unlock, err := s.locks.lock(ctx, client.ObjectKey{Namespace: organization, Name: slug})
	if err != nil {
		return translate.Observed{}, err
	}
	defer unlock()
	leaving, lasting := s.partDomains("", organization, slug)
	observed := translate.Observed{Domain: translate.Primary(slug, lasting), ExternalID: externalID}
	plan, err := translate.Create(s.platform, organization, body, observed, s.fresh())
	if err != nil {
		return translate.Observed{}, err
	}
	w, done := s.begin(ctx)
	defer done()
	observed.App = &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Namespace: organization, Name: slug}}
	if err := s.checkSlug(w.ctx, organization, slug); err != nil {
		return translate.Observed{}, err
	}
	if err := s.checkName(organization, slug, plan); err != nil {
		return translate.Observed{}, err
	}
	if err := s.readable(w.ctx, organization); err != nil {
		return translate.Observed{}, err
	}
	// What a client that is told of the domain sends again has the same slug.
	if err := s.claim(w, s.appClaim(organization, slug), nil); err != nil {
		return translate.Observed{}, err
	}
	if err := s.claimPlanned(w, organization, slug, plan, leaving); err != nil {
		return translate.Observed{}, w.undo(err)
	}
	if err := s.afford(w, observed, plan); err != nil {
		return translate.Observed{}, w.undo(err)
	}
	if err := w.create(plan, &observed, leaving); err != nil {
		return translate.Observed{}, w.undo(err)
	}
	s.awaitSeen(w.ctx, w, observed)
	return s.written(w, observed, ofApp)
}

// readable is nil once the Secrets of an organization can be read. In a young one they can't yet: what was written then could not be shown, and
// the client would be told that it wasn't. The RoleBinding that lets them be read is on its way, so it is waited for.
func (s *Store) readable(ctx context.Context, organization string) error {
	one := client.ObjectKey{Namespace: organization, Name: "any"}
	var last error
	err := wait.PollUntilContextTimeout(ctx, youngInterval, youngTimeout, true, func(ctx context.Context) (bool, error) {
		last = client.IgnoreNotFound(s.cache.Get(ctx, one, &corev1.Secret{}, client.UnsafeDisableDeepCopy))
		return !apierrors.IsServiceUnavailable(last), nil
	})
	return cmp.Or(last, err)
}

// partDomains returns the Domains that name an app, which has no UID if it isn't made yet: those of an earlier one, which the cluster is about to
// delete, and those that stay.
func (s *Store) partDomains(app types.UID, organization, slug string) (leaving, lasting []*v1alpha1.Domain) {
	for _, domain := range s.domains.ofApp(organization, slug) {
		if translate.Outlives(app, domain) {
			leaving = append(leaving, domain)
		} else {
			lasting = append(lasting, domain)
		}
	}
	return leaving, lasting
}

// Planner plans the change of an app or a Domain.
type Planner func(platform translate.Platform, observed translate.Observed, fresh translate.Fresh) (translate.Plan, error)

// finder finds what is to change, as it is now.
type finder func(ctx context.Context) (translate.Observed, error)

func (s *Store) appFinder(app client.ObjectKey) finder {
	return func(ctx context.Context) (translate.Observed, error) { return s.whole(ctx, app.Namespace, app.Name) }
}

// bareFinder finds an app without its Secrets.
func (s *Store) bareFinder(app client.ObjectKey) finder {
	return func(ctx context.Context) (translate.Observed, error) { return s.bare(ctx, app.Namespace, app.Name) }
}

// Change changes an app as plan says, which is asked again if somebody else's change came in between. The error is the 404 if there is no such
// app, a 400 if a host is taken, or a 409 that names who else has set a field.
func (s *Store) Change(ctx context.Context, organization, slug string, plan Planner) (translate.Observed, error) {
	app := client.ObjectKey{Namespace: organization, Name: slug}
	return s.change(ctx, app, s.appFinder(app), ofApp, plan)
}

func (s *Store) change(ctx context.Context, app client.ObjectKey, find finder, wanted purposes, plan Planner) (translate.Observed, error) {
	unlock, err := s.locks.lock(ctx, app)
	if err != nil {
		return translate.Observed{}, err
	}
	defer unlock()
	w, done := s.begin(ctx)
	defer done()
	fresh := s.fresh()
	for range attempts {
		before, planErr := s.latest(w.ctx, app, find, wanted)
		if planErr != nil {
			return before, w.undo(planErr)
		}
		leaving, planErr := s.disown(&before)
		if planErr != nil {
			return before, w.undo(planErr)
		}
		changes, planErr := plan(s.platform, before, fresh)
		if planErr != nil {
			if err = planErr; s.outdated(w.ctx, before, planErr) && s.awaitNewer(w.ctx, before, changes, find) {
				continue
			}
			return before, w.undo(planErr)
		}
		var after translate.Observed
		after, err = s.attempt(w, before, changes, leaving)
		switch {
		case err == nil && changes.Empty():
			return before, w.undo(nil)
		case err == nil:
			s.awaitSeen(w.ctx, w, after)
			return s.written(w, after, wanted)
		}
		if !apierrors.IsConflict(err) || !s.awaitNewer(w.ctx, before, changes, find) {
			break
		}
	}
	return translate.Observed{}, w.undo(err)
}

// latest finds what a write is about, with the values that it looks at, also if another facade has made the App a moment ago.
func (s *Store) latest(ctx context.Context, app client.ObjectKey, find finder, wanted purposes) (translate.Observed, error) {
	if err := s.settle(ctx, app); err != nil {
		return translate.Observed{}, err
	}
	return s.withValues(ctx, wanted, find)
}

// Exists is nil if there is an app to change, and the 404 if not.
func (s *Store) Exists(ctx context.Context, organization, slug string) error {
	app := client.ObjectKey{Namespace: organization, Name: slug}
	_, err := s.latest(ctx, app, s.bareFinder(app), nil)
	return err
}

// disown takes a Domain of an earlier app of the name out of what was observed, since what is written to it goes with it. It returns all such
// Domains, if that was one; the error is the 404 if it isn't the one that is shown with the app, but was asked for by its host.
func (s *Store) disown(observed *translate.Observed) ([]*v1alpha1.Domain, error) {
	app := observed.App
	if observed.Domain == nil || !translate.Outlives(app.UID, observed.Domain) {
		return nil, nil
	}
	if observed.Domain != s.domainFor(app.Namespace, app.Name) {
		return nil, apierr.NotFound()
	}
	leaving, lasting := s.partDomains(app.UID, app.Namespace, app.Name)
	observed.Domain = translate.Primary(app.Name, lasting)
	return leaving, nil
}

// evict deletes Domains that are about to go and would be in the way, if their app isn't there, which the cache may not know yet.
func (s *Store) evict(w *writer, app *v1alpha1.App, leaving []*v1alpha1.Domain) error {
	if len(leaving) == 0 {
		return nil
	}
	if err := s.expect(w.ctx, "App", app); err != nil {
		return err
	}
	return w.deleteDomains(leaving)
}

// attempt writes a plan. The Domain comes before the App, since it is what can still be refused: what the App is to be has been looked at
// already.
func (s *Store) attempt(w *writer, observed translate.Observed, plan translate.Plan, leaving []*v1alpha1.Domain) (translate.Observed, error) {
	if err := s.evict(w, observed.App, leaving); err != nil {
		return observed, err
	}
	if err := s.confirm(w.ctx, plan, observed); err != nil || plan.Empty() {
		return observed, err
	}
	if err := s.checkName(observed.App.Namespace, observed.App.Name, plan); err != nil {
		return observed, err
	}
	if err := s.claimPlanned(w, observed.App.Namespace, observed.App.Name, plan, leaving); err != nil {
		return observed, err
	}
	if err := s.afford(w, observed, plan); err != nil {
		return observed, err
	}
	before := observed
	if err := w.secrets(plan.Secrets); err != nil {
		return observed, err
	}
	if err := w.domain(plan, &observed); err != nil {
		return observed, err
	}
	if err := w.app(plan, &observed); err != nil {
		return observed, err
	}
	w.spend(plan.Spent)
	w.drop(translate.Replaced(before, observed))
	return observed, nil
}

// Delete deletes an app; what belongs to it goes with it. The error is the 404 if there is none.
func (s *Store) Delete(ctx context.Context, organization, slug string) error {
	unlock, err := s.locks.lock(ctx, client.ObjectKey{Namespace: organization, Name: slug})
	if err != nil {
		return err
	}
	defer unlock()
	w, done := s.begin(ctx)
	defer done()
	app := client.ObjectKey{Namespace: organization, Name: slug}
	find := s.bareFinder(app)
	for range attempts {
		observed, findErr := s.latest(w.ctx, app, find, nil)
		if findErr != nil {
			return findErr
		}
		if err = w.delete(observed.App); err == nil {
			s.deleteDomains(w, observed.App)
			return nil
		}
		// The app is there, but anew.
		if !apierrors.IsConflict(err) || !s.awaitNewer(w.ctx, observed, translate.Plan{}, find) {
			break
		}
	}
	return err
}

// deleteDomains deletes the Domains of an App that is gone, and waits for both to be seen to go. The cluster deletes what the App owned, but in
// its own time: until then, a new app with this slug would have the old one's Domains.
func (s *Store) deleteDomains(w *writer, app *v1alpha1.App) {
	domains := slices.DeleteFunc(slices.Clone(s.domains.ofApp(app.Namespace, app.Name)), func(d *v1alpha1.Domain) bool { return !translate.Owns(app, d) })
	for _, domain := range domains {
		_ = w.deleteDomain(domain) // If that fails, the cluster does it later.
	}
	s.awaitGone(w.ctx, app, domains)
}

func (s *Store) fresh() translate.Fresh {
	return translate.Fresh{Now: s.now(), Suffix: rand.String(translate.SuffixLength)}
}
