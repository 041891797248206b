package secretcache

import (
	"context"
	"errors"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	appsv1ac "k8s.io/client-go/applyconfigurations/apps/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// NewClient makes a client that reads from a Cache. Whoever writes a Secret with it, or an object of another kind that the Cache reads in
// organizations alone, reads what was written, as controller-runtime's client has it for other kinds if it is asked to. For these it can't: it follows one
// resource version for all Namespaces, and takes for seen what was written into one of them once something newer has come from another.
func NewClient(config *rest.Config, o client.Options) (client.Client, error) {
	if o.Cache == nil {
		return nil, errors.New("make a client: it has no cache to read from")
	}
	c, ok := o.Cache.Reader.(*Cache)
	if !ok {
		return nil, errors.New("make a client: it reads from no secretcache.Cache")
	}
	all, err := client.New(config, o)
	if err != nil {
		return nil, err
	}
	plain := *o.Cache
	plain.EnableReadYourWritesConsistency = nil
	o.Cache = &plain
	writer, err := client.New(config, o)
	return &consistent{Client: all, writer: writer, cache: c}, err
}

// consistent tells the cache what it writes of the kinds that are read in organizations alone.
type consistent struct {
	client.Client
	// writer writes objects of these kinds.
	writer client.Client
	cache  *Cache
}

// Create makes an object.
func (c *consistent) Create(ctx context.Context, o client.Object, opts ...client.CreateOption) error {
	return c.write(ctx, o, func(to client.Client) error { return to.Create(ctx, o, opts...) })
}

// Update changes an object.
func (c *consistent) Update(ctx context.Context, o client.Object, opts ...client.UpdateOption) error {
	return c.write(ctx, o, func(to client.Client) error { return to.Update(ctx, o, opts...) })
}

// Patch changes an object.
func (c *consistent) Patch(ctx context.Context, o client.Object, patch client.Patch, opts ...client.PatchOption) error {
	return c.write(ctx, o, func(to client.Client) error { return to.Patch(ctx, o, patch, opts...) })
}

func (c *consistent) write(ctx context.Context, o client.Object, write func(client.Client) error) error {
	s := c.cache.sourceOf(o)
	if s == nil {
		return write(c.Client)
	}
	// What is begun only after the write might not know what it has to reach.
	if err := c.cache.notice(ctx, s, o.GetNamespace()); err != nil {
		return err
	}
	if err := write(c.writer); err != nil {
		return err
	}
	s.written(o.GetNamespace(), o.GetResourceVersion())
	return nil
}

// Apply makes or changes an object by server-side apply.
func (c *consistent) Apply(ctx context.Context, o runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
	object, fields := applied(o)
	s := c.cache.sourceOf(object)
	if s == nil {
		return c.Client.Apply(ctx, o, opts...)
	}
	namespace := ptr.Deref(fields().Namespace, "")
	if err := c.cache.notice(ctx, s, namespace); err != nil {
		return err
	}
	if err := c.writer.Apply(ctx, o, opts...); err != nil {
		return err
	}
	s.written(namespace, ptr.Deref(fields().ResourceVersion, "")) // They hold the server's answer now.
	return nil
}

// applied returns an empty object of the kind that is applied, and its metadata in the apply configuration; nil if it is none of those that may be read
// in organizations alone and are written.
func applied(o runtime.ApplyConfiguration) (client.Object, func() *metav1ac.ObjectMetaApplyConfiguration) {
	switch o := o.(type) {
	case *corev1ac.SecretApplyConfiguration:
		return &corev1.Secret{}, func() *metav1ac.ObjectMetaApplyConfiguration { return o.ObjectMetaApplyConfiguration }
	case *appsv1ac.DeploymentApplyConfiguration:
		return &appsv1.Deployment{}, func() *metav1ac.ObjectMetaApplyConfiguration { return o.ObjectMetaApplyConfiguration }
	default:
		return nil, nil
	}
}

// Delete deletes an object.
func (c *consistent) Delete(ctx context.Context, o client.Object, opts ...client.DeleteOption) error {
	s := c.cache.sourceOf(o)
	if s == nil {
		return c.Client.Delete(ctx, o, opts...)
	}
	if err := c.writer.Delete(ctx, o, opts...); err != nil {
		return err
	}
	uid := o.GetUID()
	if p := (&client.DeleteOptions{}).ApplyOptions(opts).Preconditions; p != nil {
		uid = ptr.Deref(p.UID, uid)
	}
	s.deleted(o.GetNamespace(), o.GetName(), uid)
	return nil
}

// written has the reads of a Namespace wait for a resource version.
func (s *source) written(namespace, version string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.feeds[namespace]; f != nil && !atLeast(f.written, version) {
		f.written = version
	}
}

// deleted has the reads of a Namespace wait until an object, if it is known, is gone or about to go. An empty uid means whichever is known.
func (s *source) deleted(namespace, name string, uid types.UID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.feeds[namespace]
	if f == nil || f.known[name] == nil {
		return
	}
	if uid == "" {
		uid = f.known[name].GetUID()
	}
	f.deleted[name] = uid
}
