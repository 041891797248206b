package secretcache

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/testing/testenv"
	"github.com/berth-dev/berth/internal/testing/testlog"
)

// notBlocking gets an informer that may not be synced.
var notBlocking = cache.BlockUntilSynced(false)

const (
	// user is who reads: everybody's Namespaces, and Secrets where a RoleBinding says so.
	user = "reader"
	// role is what the RoleBinding binds.
	role     = "secrets-of-an-organization"
	patient  = 20 * time.Second
	pollTime = 5 * time.Millisecond
)

var (
	// api asks the API server as an administrator.
	api client.Client
	// logged is what was logged.
	logged = &testlog.Buffer{}
	// wanted is the label of the Secrets that are read.
	wanted = map[string]string{v1alpha1.LabelSecret: v1alpha1.SecretEnv}
)

func TestMain(m *testing.M) { os.Exit(testenv.Run(m, setup)) }

func setup(ctx context.Context, config *rest.Config) error {
	klog.SetSlogLogger(slog.New(slog.NewTextHandler(logged, nil)))
	var err error
	if api, err = client.New(config, client.Options{}); err != nil {
		return err
	}
	all := []string{"list", "watch", "create", "update", "patch", "delete"}
	for name, rules := range map[string][]rbacv1.PolicyRule{
		role: {
			{APIGroups: []string{""}, Resources: []string{"secrets", "pods"}, Verbs: all},
			{APIGroups: []string{"apps"}, Resources: []string{"deployments", "replicasets"}, Verbs: all},
		},
		user: {{APIGroups: []string{""}, Resources: []string{"namespaces"}, Verbs: []string{"list", "watch"}}},
	} {
		if err := api.Create(ctx, &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: rules}); err != nil {
			return err
		}
	}
	return api.Create(ctx, &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: user}, RoleRef: roleRef(user), Subjects: subjects()})
}

func roleRef(name string) rbacv1.RoleRef {
	return rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name}
}

func subjects() []rbacv1.Subject {
	return []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}}
}

// reader is a cache under test.
type reader struct {
	cache.Cache
	// client reads from the cache and writes.
	client client.Client
	// heard are the events of a handler that was there before the start.
	heard *events
	// requests are what was asked of the API server.
	requests *requests
	// stop ends the cache, and returns once it has ended.
	stop func()
}

// newReader starts a cache, which stops when the test ends.
func newReader(t *testing.T, namespaces ...string) *reader {
	t.Helper()
	return newReaderOf(t, Options{Namespaces: namespaces})
}

// newReaderOf starts a cache that reads also further kinds.
func newReaderOf(t *testing.T, o Options) *reader {
	t.Helper()
	o.Labels, o.Transform = labels.SelectorFromSet(wanted), cache.TransformStripManagedFields()
	r := &reader{heard: &events{}, requests: &requests{}}
	config := testenv.Config()
	config.Impersonate.UserName = user
	config.Wrap(r.requests.wrap)
	var err error
	r.Cache, err = New(o)(config, cache.Options{ByObject: map[client.Object]cache.ByObject{
		&corev1.Namespace{}: {Label: organizations(t)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	r.client, err = NewClient(config, client.Options{Cache: &client.CacheOptions{Reader: r.Cache, EnableReadYourWritesConsistency: new(true)}})
	if err != nil {
		t.Fatal(err)
	}
	byType := func(o client.Object) []string {
		secret, ok := o.(*corev1.Secret)
		if !ok {
			return nil
		}
		return []string{string(secret.Type)}
	}
	if err := r.IndexField(t.Context(), &corev1.Secret{}, "type", byType); err != nil {
		t.Fatal(err)
	}
	r.listen(t, r.heard)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Start(ctx) }()
	r.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Start(...): %v", err)
		}
		r.stop = func() {}
	}
	t.Cleanup(func() { r.stop() })
	return r
}

func organizations(t *testing.T) labels.Selector {
	t.Helper()
	selector, err := labels.Parse(v1alpha1.LabelOrganization)
	if err != nil {
		t.Fatal(err)
	}
	return selector
}

// listen adds a handler.
func (r *reader) listen(t *testing.T, e *events) toolscache.ResourceEventHandlerRegistration {
	t.Helper()
	informer, err := r.GetInformer(t.Context(), &corev1.Secret{}, notBlocking)
	if err != nil {
		t.Fatal(err)
	}
	registration, err := informer.AddEventHandler(e)
	if err != nil {
		t.Fatal(err)
	}
	return registration
}

// find reads a Secret from the cache.
func (r *reader) find(ctx context.Context, secret *corev1.Secret) (*corev1.Secret, error) {
	found := &corev1.Secret{}
	return found, r.Get(ctx, client.ObjectKeyFromObject(secret), found)
}

// has waits until the cache has a Secret.
func (r *reader) has(t *testing.T, secret *corev1.Secret) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		_, err := r.find(ctx, secret)
		return err
	})
}

// hasNot waits until the cache doesn't have a Secret.
func (r *reader) hasNot(t *testing.T, secret *corev1.Secret) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		_, err := r.find(ctx, secret)
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("got %w, want that it isn't found", err)
	})
}

// awaitSync waits until the cache is synced.
func (r *reader) awaitSync(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patient)
	defer cancel()
	if !r.WaitForCacheSync(ctx) {
		t.Fatal("the cache isn't synced")
	}
}
