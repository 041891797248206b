package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/internal/apikey"
)

const (
	// endedPrefix is what the name of the Secret of an ended session begins with.
	endedPrefix = "ended-session-"
	// maxEnded is how many ended sessions are kept of one person at a time.
	maxEnded = 50
	// keepEnded is how long an ended session is kept: twice as long as its cookie is valid, for clocks that differ.
	keepEnded = 2 * time.Hour
)

// endedSessions are the sessions that their people have ended, by the names of their Secrets, which say nothing else: what a session is sealed
// in knows neither of them nor of other replicas.
type endedSessions struct {
	// namespace is where the Secrets are.
	namespace string

	mu     sync.RWMutex
	byName map[string]endedSession
}

// endedSession is the Secret of an ended session.
type endedSession struct {
	uid   types.UID
	ended time.Time
}

func (e *endedSessions) set(secret *corev1.Secret) {
	if secret.Namespace != e.namespace || secret.Labels[v1alpha1.LabelSecret] != v1alpha1.SecretEndedSession {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.byName == nil {
		e.byName = map[string]endedSession{}
	}
	e.byName[secret.Name] = endedSession{uid: secret.UID, ended: secret.CreationTimestamp.Time}
}

func (e *endedSessions) remove(secret *corev1.Secret) {
	if secret.Namespace != e.namespace {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.byName, secret.Name)
}

func (e *endedSessions) has(name string) bool {
	e.mu.RLock()
	defer e.mu.RUnlock()
	_, found := e.byName[name]
	return found
}

// count returns how many have names that begin so.
func (e *endedSessions) count(prefix string) (number int) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	for name := range e.byName {
		if strings.HasPrefix(name, prefix) {
			number++
		}
	}
	return number
}

// before returns those that were ended before a time.
func (e *endedSessions) before(at time.Time) map[string]endedSession {
	e.mu.RLock()
	defer e.mu.RUnlock()
	old := map[string]endedSession{}
	for name, session := range e.byName {
		if session.ended.Before(at) {
			old[name] = session
		}
	}
	return old
}

// endedOf is what the names of the Secrets of a person's ended sessions begin with.
func endedOf(account apikey.Account) string {
	return endedPrefix + digest(account.Issuer + "\x00" + account.Subject)[:20] + "-"
}

// endedName is the name of the Secret of a session, once it is ended.
func endedName(account apikey.Account, id string) string { return endedOf(account) + digest(id)[:32] }

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// SessionEnded reports whether a person has ended a session, on this replica or on another.
func (s *Store) SessionEnded(account apikey.Account, id string) bool {
	return s.ended.has(endedName(account, id))
}

// EndSession ends a session of a person on all replicas, also if ctx ends meanwhile: a person who signs out often closes the browser next. The error is
// the 429 if the person has ended very many lately.
func (s *Store) EndSession(ctx context.Context, account apikey.Account, id string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	name := endedName(account, id)
	if !s.ended.has(name) && s.ended.count(endedOf(account)) >= maxEnded {
		return apierr.TooManyRequests(keepEnded)
	}
	immutable := true
	err := s.own.Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: s.namespace, Name: name, Labels: map[string]string{v1alpha1.LabelSecret: v1alpha1.SecretEndedSession},
		},
		Immutable: &immutable, Type: corev1.SecretTypeOpaque,
	})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	ctx, cancelWait := context.WithTimeout(ctx, seenTimeout)
	defer cancelWait()
	s.changes.await(ctx, func() bool { return s.ended.has(name) })
	return nil
}

// ForgetEndedBefore deletes the records of sessions that were ended before a time.
func (s *Store) ForgetEndedBefore(ctx context.Context, at time.Time) {
	for name, session := range s.ended.before(at) {
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name}}
		err := s.own.Delete(ctx, secret, client.Preconditions{UID: &session.uid})
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			s.uses.log.DebugContext(ctx, "the record of an ended session is not deleted", "secret", name, "error", err)
			return // It is tried again.
		}
	}
}
