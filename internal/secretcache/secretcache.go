// Package secretcache is a cache that reads kinds whose objects may hold secrets only in the Namespaces that are organizations: Secrets, and on request
// such kinds as Pods, whose specs have environments. RBAC can't restrict a list by label, so a cache that watches the Secrets of the whole cluster takes
// the right to read them all; this one takes the right to list and watch them in each organization.
//
// It is controller-runtime's cache in all but where the objects of these kinds come from: each organization is listed and watched by itself, from when
// its Namespace gets the label until it loses it or goes, and all of them feed one informer for each kind. Thus handlers, indexes, selectors and lists
// work as usual. When an organization ends, its objects leave the cache with delete events.
//
// For each kind, an organization costs one watch at the API server, four goroutines and about 32 KB here, however many handlers there are, and each of
// its objects what it would cost in any cache. With compressed answers, it is 80 KB. BenchmarkOrganizations measures it.
package secretcache

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"reflect"
	"time"

	"golang.org/x/sync/semaphore"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// Options say what a Cache reads in organizations alone.
type Options struct {
	// Labels select the Secrets. Required.
	Labels labels.Selector
	// Transform is called once for each version of a Secret, before it enters the cache. Required.
	Transform toolscache.TransformFunc
	// Namespaces are those whose Secrets are read beside those of organizations. The cache isn't synced before it can read them.
	Namespaces []string
	// Others are further kinds that are read in organizations alone.
	Others []Kind
}

// Kind is a kind of the Kubernetes API that is read in organizations alone.
type Kind struct {
	// Object is an empty one of the kind. Required.
	Object client.Object
	// Labels select the objects. Required.
	Labels labels.Selector
	// Transform is called once for each version of an object, before it enters the cache. Required.
	Transform toolscache.TransformFunc
}

// Cache is a cache whose typed Secrets, and typed objects of the other kinds that its options name, are those of organizations. A Namespace that is
// none has none of them: NotFound.
//
// An organization may be young: then Get and List wait until its objects are there. They don't wait much longer than a second for one
// whose objects may not be listed, which is so until its RoleBindings are made, and fail with a ServiceUnavailable error. An organization
// that can't be read keeps nobody from reading the others.
type Cache struct {
	cache.Cache
	// sources are those of the kinds, by the types of an object and of a list.
	sources map[reflect.Type]*source
	begins  *semaphore.Weighted
}

// New returns a function that makes a Cache. The options that it takes must hold Namespaces, at least those with the label of an
// organization, and say nothing about Secrets and the other kinds.
func New(o Options) cache.NewCacheFunc {
	return func(config *rest.Config, opts cache.Options) (cache.Cache, error) {
		if opts.HTTPClient == nil {
			var err error
			if opts.HTTPClient, err = rest.HTTPClientFor(config); err != nil {
				return nil, fmt.Errorf("make an HTTP client: %w", err)
			}
		}
		c := &Cache{sources: map[reflect.Type]*source{}, begins: semaphore.NewWeighted(beginsAtOnce)}
		for _, kind := range append([]Kind{{Object: &corev1.Secret{}, Labels: o.Labels, Transform: o.Transform}}, o.Others...) {
			var always []string
			if _, ok := kind.Object.(*corev1.Secret); ok {
				always = o.Namespaces
			}
			if err := c.add(config, opts.HTTPClient, kind, always); err != nil {
				return nil, err
			}
		}
		var err error
		if c.Cache, err = cache.New(config, c.feedInto(opts)); err != nil {
			return nil, err
		}
		return c, c.register()
	}
}

// add adds the source of a kind.
func (c *Cache) add(config *rest.Config, client *http.Client, kind Kind, always []string) error {
	gvk, err := apiutil.GVKForObject(kind.Object, clientgoscheme.Scheme)
	if err != nil {
		return fmt.Errorf("read a kind in organizations alone: %w", err)
	}
	api, err := apiutil.RESTClientForGVK(gvk, false, false, config, serializer.NewCodecFactory(clientgoscheme.Scheme), client)
	if err != nil {
		return fmt.Errorf("make a client for %s: %w", gvk.Kind, err)
	}
	list, err := clientgoscheme.Scheme.New(gvk.GroupVersion().WithKind(gvk.Kind + "List"))
	if err != nil {
		return fmt.Errorf("list %s: %w", gvk.Kind, err)
	}
	resource, _ := meta.UnsafeGuessKindToResource(gvk)
	s := newSource(api, resource.Resource, kind, always, c.begins)
	c.sources[reflect.TypeOf(kind.Object)], c.sources[reflect.TypeOf(list)] = s, s
	return nil
}

// sourceOf returns the source of an object or a list; nil if it is of another kind.
func (c *Cache) sourceOf(o any) *source { return c.sources[reflect.TypeOf(o)] }

// each returns the sources, each once.
func (c *Cache) each() iter.Seq[*source] {
	return func(yield func(*source) bool) {
		for kind, s := range c.sources {
			if kind == reflect.TypeOf(s.kind.Object) && !yield(s) {
				return
			}
		}
	}
}

// feedInto makes the sources be where the informers for their kinds have the objects from.
func (c *Cache) feedInto(opts cache.Options) cache.Options {
	opts.ByObject = maps.Clone(opts.ByObject)
	for s := range c.each() {
		opts.ByObject[s.kind.Object] = cache.ByObject{
			Transform: func(in any) (any, error) { return in, nil }, // The source has done it.
		}
	}
	other := opts.NewInformer
	if other == nil {
		other = toolscache.NewSharedIndexInformer
	}
	opts.NewInformer = func(lw toolscache.ListerWatcher, o runtime.Object, resync time.Duration, i toolscache.Indexers) toolscache.SharedIndexInformer {
		if s := c.sourceOf(o); s != nil {
			lw = s.listerWatcher()
		}
		return other(lw, o, resync, i)
	}
	return opts
}

// register makes the sources hear which Namespaces are organizations, and how far the informers have come.
func (c *Cache) register() error {
	ctx := context.Background() // Nothing is waited for.
	namespaces, err := c.GetInformer(ctx, &corev1.Namespace{}, cache.BlockUntilSynced(false))
	if err != nil {
		return fmt.Errorf("watch Namespaces: %w", err)
	}
	for s := range c.each() {
		informer, err := c.GetInformer(ctx, s.kind.Object, cache.BlockUntilSynced(false))
		if err != nil {
			return fmt.Errorf("watch %s: %w", s.resource, err)
		}
		if _, err := informer.AddEventHandlerWithResyncPeriod(s.progress(), 0); err != nil {
			return fmt.Errorf("watch %s: %w", s.resource, err)
		}
		registration, err := namespaces.AddEventHandler(s.organizations())
		if err != nil {
			return fmt.Errorf("watch Namespaces: %w", err)
		}
		s.namespaces = registration.HasSyncedChecker()
	}
	return nil
}

// Start fills the cache and keeps it up to date until ctx ends.
func (c *Cache) Start(ctx context.Context) error {
	var stops []func()
	for s := range c.each() {
		stops = append(stops, s.start(ctx))
	}
	defer func() {
		for _, stop := range stops {
			stop()
		}
	}()
	return c.Cache.Start(ctx)
}

// Get reads an object.
func (c *Cache) Get(ctx context.Context, key client.ObjectKey, object client.Object, opts ...client.GetOption) error {
	if s := c.sourceOf(object); s != nil {
		if err := c.await(ctx, s, key.Namespace); err != nil {
			return err
		}
	}
	return c.Cache.Get(ctx, key, object, opts...)
}

// List reads a list of objects. One of Secrets, or of another kind that is read in organizations alone, of all Namespaces fails if an organization can't
// be read.
func (c *Cache) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	if s := c.sourceOf(list); s != nil {
		for _, namespace := range s.listed((&client.ListOptions{}).ApplyOptions(opts).Namespace) {
			if err := c.await(ctx, s, namespace); err != nil {
				return err
			}
		}
	}
	return c.Cache.List(ctx, list, opts...)
}

// RemoveInformer stops the watch of a kind that isn't read in organizations alone.
func (c *Cache) RemoveInformer(ctx context.Context, object client.Object) error {
	if s := c.sourceOf(object); s != nil {
		return fmt.Errorf("stop the watch of %s: %w", s.resource, errors.ErrUnsupported)
	}
	return c.Cache.RemoveInformer(ctx, object)
}

// await waits until the objects of a Namespace can be read, if they are in the cache.
func (c *Cache) await(ctx context.Context, s *source, namespace string) error {
	if err := c.notice(ctx, s, namespace); err != nil {
		return err
	}
	return s.await(ctx, namespace)
}

// notice makes sure that a Namespace which the cache has as an organization is read, for the informer may be slow to tell.
func (c *Cache) notice(ctx context.Context, s *source, namespace string) error {
	if s.reads(namespace) {
		return nil
	}
	if is, err := c.isOrganization(ctx, namespace); err != nil || !is {
		return err
	}
	s.begin(namespace)
	is, err := c.isOrganization(ctx, namespace)
	if err == nil && !is { // The informer may have told so before it was begun.
		s.end(namespace)
	}
	return err
}

func (c *Cache) isOrganization(ctx context.Context, namespace string) (bool, error) {
	o := &corev1.Namespace{}
	if err := c.Cache.Get(ctx, client.ObjectKey{Name: namespace}, o, client.UnsafeDisableDeepCopy); err != nil {
		return false, client.IgnoreNotFound(err)
	}
	return isOrganization(o), nil
}

func isOrganization(namespace *corev1.Namespace) bool {
	_, ok := namespace.GetLabels()[v1alpha1.LabelOrganization]
	return ok
}
