// Package secretcache is a cache that reads Secrets only in the Namespaces that are organizations. RBAC can't restrict a list by label, so
// a cache that watches the Secrets of the whole cluster takes the right to read them all; this one takes the right to list and watch them
// in each organization.
//
// It is controller-runtime's cache in all but where its Secrets come from: each organization is listed and watched by itself, from when
// its Namespace gets the label until it loses it or goes, and all of them feed one informer. Thus handlers, indexes, selectors and lists
// work as usual. When an organization ends, its Secrets leave the cache with delete events.
//
// An organization costs one watch at the API server, four goroutines and about 80 KB here, however many handlers there are, and each of
// its Secrets what it would cost in any cache. A thousand organizations are a thousand watches on a few connections, and 80 MB.
package secretcache

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
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

// Options say which Secrets a Cache holds.
type Options struct {
	// Labels select the Secrets. Required.
	Labels labels.Selector
	// Transform is called once for each version of a Secret, before it enters the cache. Required.
	Transform toolscache.TransformFunc
	// Namespaces are read beside those that are organizations. The cache isn't synced before it can read them.
	Namespaces []string
}

// Cache is a cache whose typed Secrets are those of organizations. A Namespace that is none has no Secrets: NotFound.
//
// An organization may be young: then Get and List wait until its Secrets are there. They don't wait much longer than a second for one
// whose Secrets may not be listed, which is so until its RoleBindings are made, and fail with a ServiceUnavailable error. An organization
// that can't be read keeps nobody from reading the others.
type Cache struct {
	cache.Cache
	source *source
}

// New returns a function that makes a Cache. The options that it takes must hold Namespaces, at least those with the label of an
// organization, and say nothing about Secrets.
func New(o Options) cache.NewCacheFunc {
	return func(config *rest.Config, opts cache.Options) (cache.Cache, error) {
		if opts.HTTPClient == nil {
			var err error
			if opts.HTTPClient, err = rest.HTTPClientFor(config); err != nil {
				return nil, fmt.Errorf("make an HTTP client: %w", err)
			}
		}
		gvk := corev1.SchemeGroupVersion.WithKind("Secret")
		api, err := apiutil.RESTClientForGVK(gvk, false, false, config, serializer.NewCodecFactory(clientgoscheme.Scheme), opts.HTTPClient)
		if err != nil {
			return nil, fmt.Errorf("make a client for Secrets: %w", err)
		}
		s := newSource(api, o)
		inner, err := cache.New(config, s.feedInto(opts))
		if err != nil {
			return nil, err
		}
		c := &Cache{Cache: inner, source: s}
		return c, c.register()
	}
}

// feedInto makes the source be where the informer for Secrets has them from.
func (s *source) feedInto(opts cache.Options) cache.Options {
	opts.ByObject = maps.Clone(opts.ByObject)
	opts.ByObject[&corev1.Secret{}] = cache.ByObject{
		Transform: func(in any) (any, error) { return in, nil }, // The source has done it.
	}
	other := opts.NewInformer
	if other == nil {
		other = toolscache.NewSharedIndexInformer
	}
	opts.NewInformer = func(lw toolscache.ListerWatcher, o runtime.Object, resync time.Duration, i toolscache.Indexers) toolscache.SharedIndexInformer {
		if _, ok := o.(*corev1.Secret); ok {
			lw = s.listerWatcher()
		}
		return other(lw, o, resync, i)
	}
	return opts
}

// register makes the source hear which Namespaces are organizations, and how far the informer has come.
func (c *Cache) register() error {
	ctx := context.Background() // Nothing is waited for.
	secrets, err := c.GetInformer(ctx, &corev1.Secret{}, cache.BlockUntilSynced(false))
	if err != nil {
		return fmt.Errorf("watch Secrets: %w", err)
	}
	if _, err := secrets.AddEventHandlerWithResyncPeriod(c.source.progress(), 0); err != nil {
		return fmt.Errorf("watch Secrets: %w", err)
	}
	namespaces, err := c.GetInformer(ctx, &corev1.Namespace{}, cache.BlockUntilSynced(false))
	if err != nil {
		return fmt.Errorf("watch Namespaces: %w", err)
	}
	registration, err := namespaces.AddEventHandler(c.source.organizations())
	if err != nil {
		return fmt.Errorf("watch Namespaces: %w", err)
	}
	c.source.namespaces = registration.HasSyncedChecker()
	return nil
}

// Start fills the cache and keeps it up to date until ctx ends.
func (c *Cache) Start(ctx context.Context) error {
	stop := c.source.start(ctx)
	defer stop()
	return c.Cache.Start(ctx)
}

// Get reads an object.
func (c *Cache) Get(ctx context.Context, key client.ObjectKey, object client.Object, opts ...client.GetOption) error {
	if _, ok := object.(*corev1.Secret); ok {
		if err := c.await(ctx, key.Namespace); err != nil {
			return err
		}
	}
	return c.Cache.Get(ctx, key, object, opts...)
}

// List reads a list of objects. One of the Secrets of all Namespaces fails if an organization can't be read.
func (c *Cache) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	if _, ok := list.(*corev1.SecretList); ok {
		for _, namespace := range c.listed((&client.ListOptions{}).ApplyOptions(opts).Namespace) {
			if err := c.await(ctx, namespace); err != nil {
				return err
			}
		}
	}
	return c.Cache.List(ctx, list, opts...)
}

// RemoveInformer stops the watch of a kind other than Secrets.
func (c *Cache) RemoveInformer(ctx context.Context, object client.Object) error {
	if _, ok := object.(*corev1.Secret); ok {
		return fmt.Errorf("stop the watch of Secrets: %w", errors.ErrUnsupported)
	}
	return c.Cache.RemoveInformer(ctx, object)
}

// listed returns the Namespaces whose Secrets are in a list of those of a Namespace, or of all.
func (c *Cache) listed(namespace string) []string {
	if namespace != corev1.NamespaceAll {
		return []string{namespace}
	}
	return c.source.read()
}

// await waits until the Secrets of a Namespace can be read, if they are in the cache.
func (c *Cache) await(ctx context.Context, namespace string) error {
	if err := c.notice(ctx, namespace); err != nil {
		return err
	}
	return c.source.await(ctx, namespace)
}

// notice makes sure that a Namespace which the cache has as an organization is read, for the informer may be slow to tell.
func (c *Cache) notice(ctx context.Context, namespace string) error {
	if c.source.reads(namespace) {
		return nil
	}
	if is, err := c.isOrganization(ctx, namespace); err != nil || !is {
		return err
	}
	c.source.begin(namespace)
	is, err := c.isOrganization(ctx, namespace)
	if err == nil && !is { // The informer may have told so before it was begun.
		c.source.end(namespace)
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
