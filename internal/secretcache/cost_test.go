package secretcache

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/apiclient"
	"github.com/berth-dev/berth/internal/testing/testenv"
)

// podKinds are those that the operator reads beside Secrets.
func podKinds() []Kind {
	var kinds []Kind
	for _, o := range []client.Object{&appsv1.Deployment{}, &appsv1.ReplicaSet{}, &corev1.Pod{}} {
		kinds = append(kinds, Kind{Object: o, Labels: labels.Everything(), Transform: cache.TransformStripManagedFields()})
	}
	return kinds
}

// used returns the goroutines that there are, and the bytes that they and the heap take.
func used() (goroutines int, bytes uint64) {
	var m runtime.MemStats
	for range 2 {
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return runtime.NumGoroutine(), m.HeapAlloc + m.StackInuse
}

// BenchmarkOrganizations says what b.N organizations cost in which nothing is: run it by -bench=Organizations -benchtime=1000x. What it reports of one
// organization is for all kinds together.
func BenchmarkOrganizations(b *testing.B) {
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	c, open := countedCache(b)
	ended := make(chan error, 1)
	go func() { ended <- c.Start(ctx) }()
	if !c.WaitForCacheSync(ctx) {
		b.Fatal("the cache isn't synced")
	}
	goroutines, bytes := used()
	connections := open.Load()
	b.ResetTimer()
	for i := range b.N {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("cost-%d-%d", b.N, i)}}
		ns.Labels = map[string]string{v1alpha1.LabelOrganization: ns.Name}
		if err := api.Create(ctx, ns); err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = label(context.Background(), ns.Name, nil) })
	}
	for s := range c.each() {
		for len(s.read()) < b.N {
			runtime.Gosched()
		}
		for _, ns := range s.read() {
			if err := s.await(ctx, ns); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.StopTimer()
	now, nowBytes := used()
	b.ReportMetric(float64(now-goroutines)/float64(b.N), "goroutines/organization")
	b.ReportMetric(float64(nowBytes-bytes)/float64(b.N), "B/organization")
	b.ReportMetric(float64(open.Load()-connections), "connections")
	cancel()
	if err := <-ended; err != nil {
		b.Error(err)
	}
}

// countedCache returns a cache that reads as an administrator, as Berth's programs do, and how many connections it has open.
func countedCache(b *testing.B) (*Cache, *atomic.Int64) {
	b.Helper()
	open := &atomic.Int64{}
	config := testenv.Config()
	apiclient.Tune(config)
	config.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		open.Add(1)
		return &counted{Conn: c, closed: sync.OnceFunc(func() { open.Add(-1) })}, nil
	}
	options := Options{Labels: labels.SelectorFromSet(wanted), Transform: cache.TransformStripManagedFields(), Others: podKinds()}
	made, err := New(options)(config, cache.Options{ByObject: map[client.Object]cache.ByObject{&corev1.Namespace{}: {}}})
	if err != nil {
		b.Fatal(err)
	}
	c, ok := made.(*Cache)
	if !ok {
		b.Fatalf("it is a %T", made)
	}
	return c, open
}

// counted is a connection that says when it is closed.
type counted struct {
	net.Conn

	closed func()
}

// Close closes the connection.
func (c *counted) Close() error {
	c.closed()
	return c.Conn.Close()
}
