package image

import (
	"context"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const (
	user     = "robot"
	password = "correct horse"
)

// loopback are the networks that the registries of the tests are in.
var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// server is a registry, over TLS.
type server struct {
	*httptest.Server

	mu    sync.Mutex
	calls []string
	// front answers in place of the registry, if it returns true.
	front func(w http.ResponseWriter, r *http.Request) bool
}

// serve starts a registry that the tests push to, behind a front that clients meet.
func serve(t *testing.T, front func(http.ResponseWriter, *http.Request) bool) *server {
	t.Helper()
	s := &server{}
	store := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		front, reads := s.front, strings.HasPrefix(r.UserAgent(), agent)
		if reads {
			s.calls = append(s.calls, r.Method+" "+r.URL.Path)
		}
		s.mu.Unlock()
		if !reads || front == nil || !front(w, r) {
			store.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(s.Close)
	s.setFront(front)
	return s
}

// agent is how the client under test is told from those that push.
const agent = "berth-test"

func (s *server) setFront(front func(http.ResponseWriter, *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.front = front
}

// asked returns what the client under test has asked for.
func (s *server) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.calls...)
}

func (s *server) host() string { return strings.TrimPrefix(s.URL, "https://") }

func (s *server) authority() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
}

// client returns a Client that may connect to the registry.
func (s *server) client(t *testing.T) *Client {
	t.Helper()
	return newClient(t, Options{Authorities: s.authority(), Networks: loopback})
}

func newClient(t *testing.T, o Options) *Client {
	t.Helper()
	o.UserAgent = agent
	c, err := NewClient(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// push makes the registry hold something, and returns its reference.
func (s *server) push(t *testing.T, repository string, what remote.Taggable) string {
	t.Helper()
	tag, err := name.NewTag(s.host() + "/" + repository)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Push(tag, what, remote.WithTransport(s.Client().Transport)); err != nil {
		t.Fatal(err)
	}
	return tag.String()
}

// imageOf returns an image for a processor that exposes ports.
func imageOf(t *testing.T, architecture string, ports ...string) v1.Image {
	t.Helper()
	exposed := map[string]struct{}{}
	for _, p := range ports {
		exposed[p] = struct{}{}
	}
	config := &v1.ConfigFile{OS: "linux", Architecture: architecture, Config: v1.Config{ExposedPorts: exposed, User: "app"}}
	made, err := mutate.ConfigFile(empty.Image, config)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// oci returns an image in the format of OCI.
func oci(t *testing.T, made v1.Image) v1.Image {
	t.Helper()
	return mutate.ConfigMediaType(mutate.MediaType(made, types.OCIManifestSchema1), types.OCIConfigJSON)
}

// indexOf returns an index of images, by OS/architecture.
func indexOf(t *testing.T, images map[string]v1.Image) v1.ImageIndex {
	t.Helper()
	var index v1.ImageIndex = empty.Index
	for platform, made := range images {
		system, architecture, _ := strings.Cut(platform, "/")
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: made, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: system, Architecture: architecture}},
		})
	}
	return index
}

// anonymous is the login of an App that has none.
type anonymous struct{}

func (anonymous) Resolve(authn.Resource) (authn.Authenticator, error) { return authn.Anonymous, nil }

// wants lets nobody in without the user name and the password.
func wants(w http.ResponseWriter, r *http.Request) bool {
	if u, p, ok := r.BasicAuth(); ok && u == user && p == password {
		return false
	}
	w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
	w.WriteHeader(http.StatusUnauthorized)
	return true
}

// redirects sends requests for manifests elsewhere.
func redirects(to string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/manifests/") {
			return false
		}
		http.Redirect(w, r, to, http.StatusTemporaryRedirect)
		return true
	}
}

// get asks for an image without a login.
func get(ctx context.Context, c *Client, reference string) (Image, error) {
	return c.Get(ctx, reference, anonymous{})
}

func mustURL(t *testing.T, text string) url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return *u
}
