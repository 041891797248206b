package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/cache"
)

// An operator is ready when its caches are full, whether it works or waits to, and not before that.
func TestFull(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		reason string
		// reads says that there is something to read, from an API server that doesn't answer.
		reads bool
		// runs says that the caches are started.
		runs bool
		want bool
	}{
		"NotStarted": {reason: "Before the start, nothing has been read."},
		"Filling":    {reason: "What can't be read makes no cache full.", reads: true, runs: true},
		"Full":       {reason: "Caches that have all that they want are full.", runs: true, want: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			nobody := &rest.Config{Host: "https://127.0.0.1:1"}
			mapper := meta.NewDefaultRESTMapper(nil)
			mapper.Add(corev1.SchemeGroupVersion.WithKind("Pod"), meta.RESTScopeNamespace)
			caches, err := cache.New(nobody, cache.Options{Mapper: mapper})
			if err != nil {
				t.Fatal(err)
			}
			if tc.reads {
				if _, err := caches.GetInformer(t.Context(), &corev1.Pod{}, cache.BlockUntilSynced(false)); err != nil {
					t.Fatal(err)
				}
			}
			if tc.runs {
				go func() { _ = caches.Start(t.Context()) }()
			}
			request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", http.NoBody)
			began := time.Now()
			err = full(caches)(request)
			if got := err == nil; got != tc.want {
				t.Errorf("\n%s\nready is %t: %v", tc.reason, got, err)
			}
			if took := time.Since(began); took > 30*time.Second {
				t.Errorf("a probe is answered after %s", took)
			}
		})
	}
}
