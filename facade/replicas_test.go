package facade

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/rbac"
	"github.com/berth-dev/berth/internal/testing/testenv"
)

// late holds back what an API server tells by watches, while it is locked.
type late struct{ sync.RWMutex }

func (l *late) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		response, err := next.RoundTrip(request)
		if err == nil && request.URL.Query().Get("watch") != "" {
			response.Body = heldBack{response.Body, l}
		}
		return response, err
	})
}

// heldBack is the body of a watch.
type heldBack struct {
	io.ReadCloser
	late *late
}

func (h heldBack) Read(buffer []byte) (int, error) {
	read, err := h.ReadCloser.Read(buffer)
	h.late.RLock()
	defer h.late.RUnlock()
	return read, err
}

func lagging(slug string) map[string]any {
	return map[string]any{"slug": slug, "location": "example.com/a"}
}

// replicas are the suite's server and a second one, which can be kept from learning what the first one does.
type replicas struct {
	first, second string
	late          *late
	// asked are the requests of the second to the API server.
	asked *requestLog
	// before and after are called around each of these requests, if they are set.
	before, after atomic.Pointer[func(*http.Request)]
}

func (r *replicas) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		if do := r.before.Load(); do != nil {
			(*do)(request)
		}
		response, err := next.RoundTrip(request)
		if do := r.after.Load(); do != nil {
			(*do)(request)
		}
		return response, err
	})
}

// once returns what does it at the first request by this method whose path ends so.
func once(method, path string, do func()) *func(*http.Request) {
	do = sync.OnceFunc(do)
	return new(func(request *http.Request) {
		if request.Method == method && strings.HasSuffix(request.URL.Path, path) {
			do()
		}
	})
}

// newReplicas starts the second server.
func newReplicas(t *testing.T) *replicas {
	t.Helper()
	config, err := testenv.ServiceAccount(t.Context(), testenv.Config(), rbac.ServiceAccountFacade)
	if err != nil {
		t.Fatal(err)
	}
	r := &replicas{first: suite.url, late: &late{}, asked: &requestLog{}}
	config.Wrap(r.late.wrap)
	config.Wrap(r.asked.wrap)
	config.Wrap(r.wrap)
	server, stop := running(t, suite.certificates, func(o *Options) { o.Config = config })
	t.Cleanup(stop)
	t.Cleanup(func() { suite.url = r.first })
	eventually(t, "the server is ready", server.Ready)
	r.second = "https://" + server.options.Listener.Addr().String()
	return r
}

// site makes an organization with an app that both servers know, with what body says of it. They have seen the Secrets of the organization, too: a
// Domain isn't shown without.
func (r *replicas) site(t *testing.T, body map[string]any) (org, key, app string) {
	t.Helper()
	suite.url = r.first
	org, key = organization(t)
	slug := "lags-" + strings.TrimPrefix(org, "org-")
	made := call(t, key, http.MethodPost, appsPath(org), with(lagging(slug), body)).want(t, http.StatusCreated).json(t)
	suite.url = r.second
	eventually(t, "the second server knows the app", func() bool {
		got := call(t, key, http.MethodGet, appPath(org, slug), nil)
		return got.status == http.StatusOK && cmp.Equal(made, got.json(t)) &&
			call(t, key, http.MethodGet, domainPath(org, slug), nil).status == http.StatusOK
	})
	return org, key, appPath(org, slug)
}

// behind lets the first server do before, and the second one do after, which learns of what the first one did only once it has asked the API
// server about the organization.
func (r *replicas) behind(t *testing.T, org string, before, after func()) {
	t.Helper()
	r.late.Lock()
	release := sync.OnceFunc(r.late.Unlock)
	defer release()
	suite.url = r.first
	before()
	go func() {
		_ = poll(t.Context(), func() bool { return r.asked.has("/v1alpha1/namespaces/" + org + "/") })
		release()
	}()
	suite.url = r.second
	after()
}

// TestReplicaThatLagsBehind says that a server doesn't take for there what another one has undone a moment ago.
func TestReplicaThatLagsBehind(t *testing.T) {
	r := newReplicas(t)
	initial := map[string]any{"dataset": "production", "domain": "x.lags.HOST"}
	toTesting, toHost := map[string]any{"dataset": "testing"}, map[string]any{"domain": "y.lags.HOST"}
	elsewhere := map[string]any{"domain": initial["domain"], "location": "example.com/b"}
	// Another organization's host is taken, so that each case has hosts of its own.
	in := func(name string, body map[string]any) map[string]any {
		if domain, named := body["domain"].(string); named {
			return with(body, map[string]any{"domain": strings.Replace(domain, "HOST", strings.ToLower(name)+".example.org", 1)})
		}
		return body
	}
	cases := map[string]struct {
		// changes are put by the first server, which deletes the app if they are nil, and then body is sent by the second.
		changes map[string]any
		method  string
		body    map[string]any
		status  int
		want    map[string]any
	}{
		"Changed":       {changes: toTesting, method: http.MethodPut, body: initial, status: http.StatusOK, want: initial},
		"Moved":         {changes: toHost, method: http.MethodPut, body: initial, status: http.StatusOK, want: initial},
		"MovedBeside":   {changes: toHost, method: http.MethodPut, body: elsewhere, status: http.StatusOK, want: elsewhere},
		"MovedRestart":  {changes: toHost, method: http.MethodPost, body: initial, status: http.StatusCreated, want: initial},
		"Deleted":       {method: http.MethodPut, body: toTesting, status: http.StatusNotFound},
		"DeletedBefore": {method: http.MethodPut, body: initial, status: http.StatusNotFound},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			org, key, app := r.site(t, in(name, initial))
			defer func() {
				suite.url = r.first
				call(t, key, http.MethodDelete, app, nil)
			}()
			r.behind(t, org, func() {
				if tc.changes == nil {
					call(t, key, http.MethodDelete, app, nil).want(t, http.StatusNoContent)
					return
				}
				call(t, key, http.MethodPut, app, in(name, tc.changes)).want(t, http.StatusOK)
			}, func() { call(t, key, tc.method, app, in(name, tc.body)).want(t, tc.status) })
			suite.url = r.first
			eventually(t, "the first server shows what the second has answered", func() bool {
				got := call(t, key, http.MethodGet, app, nil).json(t)
				for name, value := range in(name, tc.want) {
					if got[name] != value {
						return false
					}
				}
				return true
			})
		})
	}
}

// TestReplicaThatHasNotSeen says that a server changes, deletes and makes anew what another one has made or deleted a moment ago, instead of
// telling its client something else.
func TestReplicaThatHasNotSeen(t *testing.T) {
	r := newReplicas(t)
	remove := func(t *testing.T, key, org, slug string) {
		t.Helper()
		call(t, key, http.MethodDelete, appPath(org, slug), nil).want(t, http.StatusNoContent)
	}
	create := func(t *testing.T, key, org, slug string) {
		t.Helper()
		call(t, key, http.MethodPost, appsPath(org), lagging(slug)).want(t, http.StatusCreated)
	}
	anew := func(t *testing.T, key, org, slug string) {
		t.Helper()
		remove(t, key, org, slug)
		create(t, key, org, slug)
	}
	cases := map[string]struct {
		// other says that it is about another app than the one that both servers know.
		other  bool
		before func(t *testing.T, key, org, slug string)
		method string
		path   func(org, slug string) string
		body   func(slug string) map[string]any
		status int
		gone   bool
	}{
		"DeleteOfAnother": {before: anew, method: http.MethodDelete, path: appPath, status: http.StatusNoContent, gone: true},
		"DeleteOfNew":     {other: true, before: create, method: http.MethodDelete, path: appPath, status: http.StatusNoContent, gone: true},
		"PutOfAnother":    {before: anew, method: http.MethodPut, path: appPath, body: lagging, status: http.StatusOK},
		"PutOfNew":        {other: true, before: create, method: http.MethodPut, path: appPath, body: lagging, status: http.StatusOK},
		"RestartOfNew":    {other: true, before: create, method: http.MethodPost, path: appPath, status: http.StatusCreated},
		"DomainOfNew":     {other: true, before: create, method: http.MethodPut, path: domainPath, status: http.StatusOK},
		"NewDomainOfNew": {
			other: true, before: create, method: http.MethodPost, path: func(org, _ string) string { return domainsPath(org) }, status: http.StatusCreated,
			body: func(slug string) map[string]any { return map[string]any{"slug": slug, "domain": slug + ".example.org"} },
		},
		"CreateOfDeleted": {
			before: remove, method: http.MethodPost, path: func(org, _ string) string { return appsPath(org) }, body: lagging, status: http.StatusCreated,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			org, key, _ := r.site(t, nil)
			slug := "lags-" + strings.TrimPrefix(org, "org-")
			if tc.other {
				slug = "new-" + slug
			}
			body := map[string]any{}
			if tc.body != nil {
				body = tc.body(slug)
			}
			r.behind(t, org, func() { tc.before(t, key, org, slug) }, func() { call(t, key, tc.method, tc.path(org, slug), body).want(t, tc.status) })
			err := suite.cluster.Get(t.Context(), client.ObjectKey{Namespace: org, Name: slug}, &v1alpha1.App{})
			if apierrors.IsNotFound(err) != tc.gone {
				t.Errorf("the app is gone: %t (error %v), want %t", apierrors.IsNotFound(err), err, tc.gone)
			}
		})
	}
}

// TestClientThatLeaves says that a write that has begun ends as a whole though its client has gone, also if somebody else's comes in between.
func TestClientThatLeaves(t *testing.T) {
	r := newReplicas(t)
	org, key, path := r.site(t, nil)
	slug := "lags-" + strings.TrimPrefix(org, "org-")
	ctx, leave := context.WithCancel(t.Context())
	r.late.Lock()
	release := sync.OnceFunc(r.late.Unlock)
	defer release()
	r.before.Store(once(http.MethodPatch, "/apps/"+slug, func() {
		app := appOf(t, org, slug)
		patch := client.MergeFrom(app.DeepCopy())
		metav1.SetMetaDataAnnotation(&app.ObjectMeta, "example.com/between", "")
		if err := suite.cluster.Patch(t.Context(), app, patch); err != nil {
			t.Error(err)
		}
		leave()
		time.AfterFunc(300*time.Millisecond, release)
	}))
	body := strings.NewReader(`{"location": "example.com/b", "domain": "` + slug + `.example.org"}`)
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, r.second+path, body)
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth(key, "")
	request.Header.Set("Content-Type", "application/json")
	if response, err := suite.client.Do(request); err == nil {
		response.Body.Close()
		t.Errorf("the client has got the answer %s", response.Status)
	}
	eventually(t, "the Domain and the App are written", func() bool {
		return appOf(t, org, slug).Spec.Image == "example.com/b" && domainOf(t, org, slug).Spec.Host == slug+".example.org"
	})
}
