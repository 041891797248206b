// Package store is the facade's view of the cluster: reads come from caches and cost the API server nothing, but for values that are secret, of which
// only what was read lately is in memory; every write goes to the API server under the field owner of the facade and is seen by the reads that follow it.
package store

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/selection"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/auth"
	"github.com/berth-dev/berth/facade/internal/translate"
	"github.com/berth-dev/berth/internal/apikey"
	"github.com/berth-dev/berth/internal/secretcache"
)

// Options say what a Store reads and how.
type Options struct {
	// Config reaches the API server.
	Config *rest.Config
	// KeysNamespace holds the API keys. Keys elsewhere are none: whoever may write Secrets in an organization must not be able to make one.
	KeysNamespace string
	// FormerKeysNamespace is the Namespace of the API keys in earlier versions. It is not read.
	FormerKeysNamespace string
	// Platform is what holds for every app. The Store knows the Namespaces for it.
	Platform translate.Platform
	// KeyLimits bound the API keys that people make.
	KeyLimits apikey.Limits
	// OwnerSeen is within which time the owner of a key has to have signed in for the key to work; 0 for any time.
	OwnerSeen time.Duration
	// VerifyDomains says that hosts require a proof of ownership, unless an Organization says otherwise.
	VerifyDomains bool
	// Log is told what goes wrong behind the requests' backs.
	Log *slog.Logger
}

// Store reads and writes Apps with what belongs to them.
type Store struct {
	listing

	cache cache.Cache
	// client writes as whoever acts in a request's context.
	client client.Client
	// own acts as the facade itself: it writes what is about API keys, claims hosts, and asks for objects where the cache may be behind.
	own       client.Client
	uses      uses
	sightings uses
	ownerSeen time.Duration
	keys      keyIndex
	keyLimits apikey.Limits
	ended     endedSessions
	// exclusions are the keys that organizations exclude.
	exclusions exclusions
	budget     *budget
	recent     *otter.Cache[secretVersion, *corev1.Secret]
	// namespace holds the API keys, and former held them in earlier versions.
	namespace string
	former    string
	// keysChecked says that no keys are left there.
	keysChecked   atomic.Bool
	platform      translate.Platform
	verifyDomains bool
	changes       changes
	locks         locks
	now           func() time.Time

	registrations []toolscache.ResourceEventHandlerRegistration
}

// New makes a Store. It reads no object before Start, but asks the API server which kinds it serves.
func New(ctx context.Context, options Options) (*Store, error) {
	scheme := NewScheme()
	informers, err := secretcache.New(secretOptions(options.KeysNamespace))(options.Config, cacheOptions(scheme))
	if err != nil {
		return nil, fmt.Errorf("make the cache: %w", err)
	}
	own, writer, err := newClients(options.Config, scheme)
	if err != nil {
		return nil, fmt.Errorf("make the clients: %w", err)
	}
	recent, err := newRecent()
	if err != nil {
		return nil, fmt.Errorf("make the cache of environments: %w", err)
	}
	s := &Store{
		cache:         informers,
		client:        writer,
		own:           own,
		uses:          newUses(options.Log),
		sightings:     newUses(options.Log),
		ownerSeen:     options.OwnerSeen,
		keys:          keyIndex{namespace: options.KeysNamespace},
		keyLimits:     options.KeyLimits,
		ended:         endedSessions{namespace: options.KeysNamespace},
		namespace:     options.KeysNamespace,
		former:        options.FormerKeysNamespace,
		platform:      options.Platform,
		verifyDomains: options.VerifyDomains,
		changes:       changes{happened: make(chan struct{})},
		budget:        newBudget(),
		recent:        recent,
		now:           time.Now,
	}
	s.platform.IsNamespace = s.isNamespace
	return s, s.watch(ctx)
}

// newClients makes the client that writes as the facade itself, and the one that writes as whoever acts in a request's context. What kinds
// there are, the second one asks as the facade, too.
func newClients(config *rest.Config, scheme *runtime.Scheme) (own, writer client.Client, err error) {
	if own, err = client.New(config, client.Options{Scheme: scheme}); err != nil {
		return nil, nil, err
	}
	if writer, err = client.New(auth.Impersonating(config), client.Options{Scheme: scheme, Mapper: own.RESTMapper()}); err != nil {
		return nil, nil, err
	}
	return strict(own), strict(writer), nil
}

// strict lets a client write under the facade's field owner, and nothing that the API server doesn't know.
func strict(c client.Client) client.Client {
	return client.WithFieldValidation(client.WithFieldOwner(c, v1alpha1.FieldOwnerFacade), metav1.FieldValidationStrict)
}

// NewScheme knows the kinds that the facade works with.
func NewScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			panic(err) // Two packages register one kind differently: a mistake that no input can bring about.
		}
	}
	return scheme
}

// cacheOptions say what is kept in memory: all Apps, Domains and Organizations, the metadata of all Namespaces, and the addresses
// of all Nodes. For Secrets, secretOptions do.
func cacheOptions(scheme *runtime.Scheme) cache.Options {
	return cache.Options{
		Scheme:                      scheme,
		ReaderFailOnMissingInformer: true,
		ByObject: map[client.Object]cache.ByObject{
			&v1alpha1.App{}:          {Transform: keepSetters},
			&v1alpha1.Domain{}:       {Transform: keepSetters},
			&v1alpha1.Organization{}: {Transform: cache.TransformStripManagedFields()},
			&corev1.Namespace{}:      {Transform: keepOfNamespace},
			&corev1.Node{}:           {Transform: keepOfNode},
		},
	}
}

// keepOfNamespace keeps the identity and the labels of a Namespace, which say whether its Secrets are read, and of its annotations those that say whether
// it becomes an Organization or has got the API keys of an earlier version.
func keepOfNamespace(object any) (any, error) {
	namespace, ok := object.(*corev1.Namespace)
	if !ok {
		return object, nil
	}
	var annotations map[string]string
	for _, kept := range []string{v1alpha1.AnnotationExternalID, v1alpha1.AnnotationOrganizationUID, v1alpha1.AnnotationKeysMigrated} {
		if value, ok := namespace.Annotations[kept]; ok {
			if annotations == nil {
				annotations = map[string]string{}
			}
			annotations[kept] = value
		}
	}
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: namespace.Name, UID: namespace.UID, ResourceVersion: namespace.ResourceVersion, Labels: namespace.Labels, Annotations: annotations,
		CreationTimestamp: namespace.CreationTimestamp, DeletionTimestamp: namespace.DeletionTimestamp,
	}}, nil
}

// keepSetters leaves out of memory who has set which field of a status: that is asked only of what the facade may set as well.
func keepSetters(object any) (any, error) {
	if o, err := meta.Accessor(object); err == nil {
		o.SetManagedFields(slices.DeleteFunc(o.GetManagedFields(), func(entry metav1.ManagedFieldsEntry) bool { return entry.Subresource != "" }))
	}
	return object, nil
}

// secretOptions say what is kept of Secrets: those with Berth's label in organizations, and in the Namespace of the API keys and the ended sessions.
func secretOptions(namespace string) secretcache.Options {
	return secretcache.Options{
		Labels: mustSelect(v1alpha1.LabelSecret, selection.In,
			v1alpha1.SecretAPIKey, v1alpha1.SecretEndedSession, v1alpha1.SecretExcludedKey, v1alpha1.SecretEnv, v1alpha1.SecretTLS,
			v1alpha1.SecretCertificate, v1alpha1.SecretMailPassword, v1alpha1.SecretNewCertKey, v1alpha1.SecretRegistry),
		Transform:  keepOfSecret,
		Namespaces: []string{namespace},
	}
}

func mustSelect(label string, operator selection.Operator, values ...string) labels.Selector {
	requirement, err := labels.NewRequirement(label, operator, values)
	if err != nil {
		panic(err) // The labels are constants.
	}
	return labels.NewSelector().Add(*requirement)
}

// Start fills the caches and keeps them up to date until ctx ends.
func (s *Store) Start(ctx context.Context) error {
	var noting sync.WaitGroup
	defer noting.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	defer s.recent.StopAllGoroutines()
	noting.Go(func() { s.uses.work(ctx, s.noteUse) })
	noting.Go(func() { s.sightings.work(ctx, s.noteSeen) })
	noting.Go(func() { s.collect(ctx) })
	return s.cache.Start(ctx)
}

// Synced tells whether the caches are filled. Before that, nothing can be found.
func (s *Store) Synced() bool {
	for _, registration := range s.registrations {
		if !registration.HasSynced() {
			return false
		}
	}
	return true
}

// watch sets up what is kept in memory beside the objects themselves.
func (s *Store) watch(ctx context.Context) error {
	for object, handler := range map[client.Object]toolscache.ResourceEventHandler{
		&v1alpha1.App{}:    indexing(&s.listing, &s.apps, &s.changes),
		&v1alpha1.Domain{}: indexing(&s.listing, &s.domains, &s.changes),
		&corev1.Secret{}:   indexHandler[*corev1.Secret]{set: s.setSecret, remove: s.removeSecret, changes: &s.changes},

		&v1alpha1.Organization{}: s.changes.handler(),
		&corev1.Namespace{}:      s.changes.handler(),
		&corev1.Node{}:           toolscache.ResourceEventHandlerFuncs{},
	} {
		informer, err := s.cache.GetInformer(ctx, object)
		if err != nil {
			return fmt.Errorf("watch %T: %w", object, err)
		}
		registration, err := informer.AddEventHandler(handler)
		if err != nil {
			return fmt.Errorf("watch %T: %w", object, err)
		}
		s.registrations = append(s.registrations, registration)
	}
	return s.addIndexes(ctx)
}

// setSecret keeps what is made of Secrets.
func (s *Store) setSecret(secret *corev1.Secret) {
	s.keys.set(secret)
	s.ended.set(secret)
	s.exclusions.set(secret)
	s.budget.set(secret)
}

func (s *Store) removeSecret(secret *corev1.Secret) {
	s.keys.remove(secret)
	s.ended.remove(secret)
	s.exclusions.remove(secret)
	s.budget.remove(secret)
}
