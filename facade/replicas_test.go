package facade

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/access"
	"github.com/berth-dev/berth/internal/testenv"
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

func removeApp(t *testing.T, key, app string) {
	t.Helper()
	call(t, key, http.MethodDelete, app, nil).want(t, http.StatusNoContent)
}

// TestReplicaThatLagsBehind says that a server doesn't take for there what another one has undone a moment ago.
func TestReplicaThatLagsBehind(t *testing.T) {
	config, err := testenv.ServiceAccount(t.Context(), testenv.Config(), access.ServiceAccountFacade)
	if err != nil {
		t.Fatal(err)
	}
	lag, asked := &late{}, &requestLog{}
	config.Wrap(lag.wrap)
	config.Wrap(asked.wrap)
	server, stop := running(t, suite.certificates, func(o *Options) { o.Config = config })
	defer stop()
	eventually(t, "the server is ready", server.Ready)
	first, second := suite.url, "https://"+server.options.Listener.Addr().String()
	defer func() { suite.url = first }()
	toTesting, toProduction := map[string]any{"dataset": "testing"}, map[string]any{"dataset": "production"}
	cases := map[string]struct {
		// before is done by the first server, and then body is put by the second.
		before func(t *testing.T, key, app string)
		body   map[string]any
		status int
		want   v1alpha1.Dataset
	}{
		"Changed": {
			before: func(t *testing.T, key, app string) {
				t.Helper()
				call(t, key, http.MethodPut, app, toTesting).want(t, http.StatusOK)
			},
			body: toProduction, status: http.StatusOK, want: v1alpha1.DatasetProduction,
		},
		"Deleted":          {before: removeApp, body: toTesting, status: http.StatusNotFound},
		"DeletedUnchanged": {before: removeApp, body: toProduction, status: http.StatusNotFound},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			suite.url = first
			org, key := organization(t)
			slug := "lags-" + strings.TrimPrefix(org, "org-")
			app := appPath(org, slug)
			call(t, key, http.MethodPost, appsPath(org), lagging(slug)).want(t, http.StatusCreated)
			suite.url = second
			eventually(t, "the second server knows the app", func() bool { return call(t, key, http.MethodGet, app, nil).status == http.StatusOK })
			lag.Lock()
			release := sync.OnceFunc(lag.Unlock)
			defer release()
			suite.url = first
			tc.before(t, key, app)
			go func() {
				_ = poll(t.Context(), func() bool { return asked.has("/namespaces/" + org + "/apps") })
				release()
			}()
			suite.url = second
			call(t, key, http.MethodPut, app, tc.body).want(t, tc.status)
			got := &v1alpha1.App{}
			err := suite.cluster.Get(t.Context(), client.ObjectKey{Namespace: org, Name: slug}, got)
			if client.IgnoreNotFound(err) != nil || got.Spec.Dataset != tc.want {
				t.Errorf("the dataset is %q (error %v), want %q", got.Spec.Dataset, err, tc.want)
			}
		})
	}
}

// TestDomainOfAnEarlierApp says that a new app's Domain is its own, and not one that is about to go with an earlier app of the same slug. No
// garbage collector runs here, so that it stays for as long as nobody deletes it.
func TestDomainOfAnEarlierApp(t *testing.T) {
	org, key := organization(t)
	slug := "heir-" + strings.TrimPrefix(org, "org-")
	body := map[string]any{"slug": slug, "location": "example.com/a", "domain": slug + ".example.org"}
	call(t, key, http.MethodPost, appsPath(org), body).want(t, http.StatusCreated)
	if err := suite.cluster.Delete(t.Context(), appOf(t, org, slug)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the server knows that the app is gone", func() bool {
		return call(t, key, http.MethodGet, appPath(org, slug), nil).status == http.StatusNotFound
	})
	call(t, key, http.MethodPost, appsPath(org), body).want(t, http.StatusCreated)
	app, domain := appOf(t, org, slug), domainOf(t, org, slug)
	if refs := domain.OwnerReferences; len(refs) != 1 || refs[0].UID != app.UID {
		t.Errorf("the Domain belongs to %+v, want the App with the UID %s", refs, app.UID)
	}
}
