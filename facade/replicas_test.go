package facade

import (
	"io"
	"net/http"
	"path"
	"strings"
	"sync"
	"testing"

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

// TestReplicaThatLagsBehind says that a server doesn't take a change for made that another one has undone a moment ago.
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
	org, key := organization(t)
	app := appPath(org, "lags-"+strings.TrimPrefix(org, "org-"))
	body := map[string]any{"slug": path.Base(app), "location": "example.com/a"}
	call(t, key, http.MethodPost, appsPath(org), body).want(t, http.StatusCreated)
	first := suite.url
	defer func() { suite.url = first }()
	suite.url = "https://" + server.options.Listener.Addr().String()
	eventually(t, "the second server knows the app", func() bool { return call(t, key, http.MethodGet, app, nil).status == http.StatusOK })

	lag.Lock()
	release := sync.OnceFunc(lag.Unlock)
	defer release()
	suite.url = first
	call(t, key, http.MethodPut, app, map[string]any{"dataset": "testing"}).want(t, http.StatusOK)
	go func() {
		_ = poll(t.Context(), func() bool {
			return asked.has("GET /apis/berth.dev/v1alpha1/namespaces/" + org + "/apps")
		})
		release()
	}()
	suite.url = "https://" + server.options.Listener.Addr().String()
	call(t, key, http.MethodPut, app, map[string]any{"dataset": "production"}).want(t, http.StatusOK)
	if got := appOf(t, org, path.Base(app)).Spec.Dataset; got != v1alpha1.DatasetProduction {
		t.Errorf("the dataset is %s, want what was answered last", got)
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
