package secretcache

import (
	"context"
	"errors"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// NewClient makes a client that reads from a Cache. Whoever writes a Secret with it reads what was written, as controller-runtime's client
// has it for other kinds if it is asked to. For Secrets it can't: it follows one resource version for all Namespaces, and takes for seen
// what was written into one of them once something newer has come from another.
func NewClient(config *rest.Config, o client.Options) (client.Client, error) {
	if o.Cache == nil {
		return nil, errors.New("make a client: it has no cache to read from")
	}
	secrets, ok := o.Cache.Reader.(*Cache)
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
	return &consistent{Client: all, secrets: writer, cache: secrets}, err
}

// consistent tells the cache which Secrets it writes.
type consistent struct {
	client.Client
	// secrets writes Secrets.
	secrets client.Client
	cache   *Cache
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
	secret, ok := o.(*corev1.Secret)
	if !ok {
		return write(c.Client)
	}
	// What is begun only after the write might not know what it has to reach.
	if err := c.cache.notice(ctx, secret.Namespace); err != nil {
		return err
	}
	if err := write(c.secrets); err != nil {
		return err
	}
	c.cache.source.written(secret.Namespace, secret.ResourceVersion)
	return nil
}

// Apply makes or changes an object by server-side apply.
func (c *consistent) Apply(ctx context.Context, o runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
	secret, ok := o.(*corev1ac.SecretApplyConfiguration)
	if !ok {
		return c.Client.Apply(ctx, o, opts...)
	}
	namespace := ptr.Deref(secret.GetNamespace(), "")
	if err := c.cache.notice(ctx, namespace); err != nil {
		return err
	}
	if err := c.secrets.Apply(ctx, o, opts...); err != nil {
		return err
	}
	c.cache.source.written(namespace, ptr.Deref(secret.ResourceVersion, "")) // It holds the server's answer now.
	return nil
}

// Delete deletes an object.
func (c *consistent) Delete(ctx context.Context, o client.Object, opts ...client.DeleteOption) error {
	secret, ok := o.(*corev1.Secret)
	if !ok {
		return c.Client.Delete(ctx, o, opts...)
	}
	if err := c.secrets.Delete(ctx, o, opts...); err != nil {
		return err
	}
	uid := secret.UID
	if p := (&client.DeleteOptions{}).ApplyOptions(opts).Preconditions; p != nil {
		uid = ptr.Deref(p.UID, uid)
	}
	c.cache.source.deleted(secret.Namespace, secret.Name, uid)
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

// deleted has the reads of a Namespace wait until a Secret, if it is known, is gone or about to go. An empty uid means whichever is known.
func (s *source) deleted(namespace, name string, uid types.UID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.feeds[namespace]
	if f == nil || f.known[name] == nil {
		return
	}
	if uid == "" {
		uid = f.known[name].UID
	}
	f.deleted[name] = uid
}
