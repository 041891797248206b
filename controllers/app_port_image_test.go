package controllers

import (
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	appsv1ac "k8s.io/client-go/applyconfigurations/apps/v1"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	appcontroller "github.com/berth-dev/berth/controllers/app"
	"github.com/berth-dev/berth/controllers/internal/exposure"
	"github.com/berth-dev/berth/controllers/internal/image"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/controllers/internal/resources"
	"github.com/berth-dev/berth/controllers/internal/ssa"
	"github.com/berth-dev/berth/controllers/internal/testobjects"
)

// images is a registry that wants a login, and counts who reads a manifest.
type images struct {
	*httptest.Server

	reads atomic.Int32
	down  atomic.Bool
}

const registryUser, registryPassword = "robot", "correct horse"

func serveImages(t *testing.T) *images {
	t.Helper()
	s := &images{}
	store := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		switch {
		case user != registryUser || password != registryPassword:
			w.Header().Set("WWW-Authenticate", "Basic realm=registry")
			w.WriteHeader(http.StatusUnauthorized)
		case s.down.Load():
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/manifests/") {
				s.reads.Add(1)
			}
			store.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *images) host() string { return strings.TrimPrefix(s.URL, "https://") }

// push makes the registry hold an image that exposes ports.
func (s *images) push(t *testing.T, repository string, ports ...string) string {
	t.Helper()
	exposed := map[string]struct{}{}
	for _, p := range ports {
		exposed[p] = struct{}{}
	}
	made, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{OS: "linux", Architecture: "amd64", Config: v1.Config{ExposedPorts: exposed}})
	if err != nil {
		t.Fatal(err)
	}
	tag, err := name.NewTag(s.host() + "/" + repository)
	if err != nil {
		t.Fatal(err)
	}
	login := remote.WithAuth(basicLogin{})
	if err := remote.Write(tag, made, login, remote.WithTransport(s.Client().Transport)); err != nil {
		t.Fatal(err)
	}
	s.reads.Store(0)
	return tag.String()
}

// imageWorld is an App in a Namespace that the controllers of the other tests leave alone, and a reconciler that may ask the registry.
type imageWorld struct {
	*images
	reconciler *appcontroller.Reconciler
	clock      *clocktesting.FakePassiveClock
	app        *v1alpha1.App
}

func newImageWorld(t *testing.T) *imageWorld {
	t.Helper()
	w := &imageWorld{images: serveImages(t), clock: clocktesting.NewFakePassiveClock(time.Now())}
	b := testBase(t, w.clock)
	b.Client, b.Live = api, api
	w.reconciler = &appcontroller.Reconciler{Exposures: exposure.New(b), Ports: appcontroller.NewReadPorts()}
	w.restartOperator(t)
	ns := namespace(t, nil)
	secret := &corev1.Secret{ObjectMeta: testobjects.Named(ns, "login"), Type: corev1.SecretTypeDockerConfigJson, Data: map[string][]byte{}}
	login, err := resources.Login(w.host(), registryUser, registryPassword)
	if err != nil {
		t.Fatal(err)
	}
	secret.Data[corev1.DockerConfigJsonKey] = login
	create(t, secret)
	w.app = newApp(t, ns, func(a *v1alpha1.App) {
		a.Spec.Image = w.push(t, "web:v1", "8080/tcp")
		a.Spec.ImagePullSecrets = []v1alpha1.ImagePullSecret{{Name: "login"}}
	})
	return w
}

// restartOperator gives the reconciler a Resolver that knows nothing.
func (w *imageWorld) restartOperator(t *testing.T) {
	t.Helper()
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.Certificate().Raw})
	c, err := image.NewClient(Registries{Authorities: authority, Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	if err != nil {
		t.Fatal(err)
	}
	w.reconciler.Images = image.New(c, w.clock)
}

// reconcile does what a reconcile does about the port, and returns the scope.
func (w *imageWorld) reconcile(t *testing.T) *appcontroller.Scope {
	t.Helper()
	get(t, w.app)
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		s := &appcontroller.Scope{App: w.app}
		if err := w.reconciler.NamedPort(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		if s.Port.Number == 0 {
			if err := w.reconciler.ImagePort(t.Context(), s); phase.IsProblem(err) {
				continue
			} else if err != nil {
				t.Fatal(err)
			}
		}
		want, err := resources.DeploymentAt(w.app, resources.Tenant{}, s.Port)
		if err != nil {
			t.Fatal(err)
		}
		if err := ssa.Apply(t.Context(), api, w.app, want, &s.Deployment, appsv1ac.ExtractDeployment); err != nil {
			t.Fatal(err)
		}
		return s
	}
	t.Fatal("the registry has not answered")
	return nil
}

func (w *imageWorld) change(t *testing.T, change func(*v1alpha1.App)) {
	t.Helper()
	patch(t, w.app, func(client.Object) { change(w.app) })
}

func TestPortOfImage(t *testing.T) {
	t.Parallel()
	type outcome struct {
		Port     resources.Port
		Variable string
		Reads    int32
	}
	at := func(number int32, source resources.PortSource, variable string, reads int32) outcome {
		return outcome{Port: resources.Port{Number: number, Source: source}, Variable: variable, Reads: reads}
	}
	cases := map[string]struct {
		exposed []string
		change  func(*v1alpha1.App)
		want    outcome
	}{
		"One":      {exposed: []string{"8080/tcp"}, want: at(8080, resources.PortFromImage, "8080", 1)},
		"None":     {want: at(80, resources.PortOfNone, "80", 1)},
		"UDP":      {exposed: []string{"53/udp"}, want: at(80, resources.PortOfNone, "80", 1)},
		"Two":      {exposed: []string{"8080/tcp", "9090/tcp"}, want: at(80, resources.PortOfSeveral, "80", 1)},
		"With443":  {exposed: []string{"80/tcp", "443/tcp"}, want: at(80, resources.PortOfSeveral, "80", 1)},
		"Empty":    {exposed: []string{"8080/tcp"}, change: testobjects.WithPort(""), want: at(8080, resources.PortFromImage, "", 1)},
		"Spec":     {exposed: []string{"8080/tcp"}, change: func(a *v1alpha1.App) { a.Spec.Port = 3000 }, want: at(3000, resources.PortFromSpec, "3000", 0)},
		"Env":      {exposed: []string{"8080/tcp"}, change: testobjects.WithPort("3000"), want: at(3000, resources.PortFromEnv, "3000", 0)},
		"NoLogin":  {exposed: []string{"8080/tcp"}, change: func(a *v1alpha1.App) { a.Spec.ImagePullSecrets = nil }, want: at(80, resources.PortUnknown, "80", 0)},
		"NotThere": {change: func(a *v1alpha1.App) { a.Spec.Image += "-gone" }, want: at(80, resources.PortUnknown, "80", 1)},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newImageWorld(t)
			w.push(t, "web:v1", tc.exposed...)
			if tc.change != nil {
				w.change(t, tc.change)
			}
			s := w.reconcile(t)
			port, variable := servedAt(&s.Deployment)
			if port != s.Port.Number {
				t.Errorf("the Deployment serves at %d, not at %d", port, s.Port.Number)
			}
			if diff := cmp.Diff(tc.want, outcome{Port: s.Port, Variable: variable, Reads: w.reads.Load()}); diff != "" {
				t.Errorf("outcome (-want +got):\n%s", diff)
			}
		})
	}
}

// The registry is asked for a new image and at a restart, and neither for another change of the App nor since the operator has restarted.
func TestPortOfImageIsRemembered(t *testing.T) {
	t.Parallel()
	w := newImageWorld(t)
	expect := func(why string, port, reads int32) {
		t.Helper()
		if s := w.reconcile(t); s.Port.Number != port || w.reads.Load() != reads {
			t.Errorf("%s: port %d after %d reads, want %d after %d", why, s.Port.Number, w.reads.Load(), port, reads)
		}
	}
	expect("at first", 8080, 1)
	expect("again", 8080, 1)
	w.restartOperator(t)
	w.down.Store(true)
	expect("after a restart of the operator", 8080, 1)
	w.change(t, func(a *v1alpha1.App) { a.Spec.Replicas = new(int32(3)) })
	expect("scaled", 8080, 1)
	w.down.Store(false)
	w.push(t, "web:v1", "9090/tcp")
	expect("though the tag has moved", 8080, 0)
	w.change(t, func(a *v1alpha1.App) {
		a.Annotations = map[string]string{v1alpha1.AnnotationRestartedAt: "2026-03-01T12:00:00Z"}
	})
	expect("at a restart", 9090, 1)
	next := w.push(t, "web:v2", "7070/tcp")
	w.change(t, func(a *v1alpha1.App) { a.Spec.Image = next })
	expect("of a new image", 7070, 1)
	w.change(t, func(a *v1alpha1.App) { a.Spec.Port = 3000 })
	expect("of the spec", 3000, 1)
	w.change(t, func(a *v1alpha1.App) { a.Spec.Port = 0 })
	expect("of the image once more", 7070, 2)
}

// A registry that does not answer leaves the port as it is. It is asked again while the App is not ready, and not otherwise.
func TestPortWhileTheRegistryIsAway(t *testing.T) {
	t.Parallel()
	w := newImageWorld(t)
	w.reconcile(t)
	next := w.push(t, "web:v2", "9090/tcp")
	w.down.Store(true)
	w.change(t, func(a *v1alpha1.App) { a.Spec.Image = next })
	s := w.reconcile(t)
	if want := (resources.Port{Number: 8080, Source: resources.PortUnknown}); s.Port != want || s.AskAgain() == 0 {
		t.Errorf("port %+v, asked again after %s; want %+v", s.Port, s.AskAgain(), want)
	}
	if origin := s.PortOrigin(); !strings.Contains(origin, "the registry cannot be reached (HTTP status 503)") {
		t.Errorf("the port comes from %q", origin)
	}
	report(t, &s.Deployment, appsv1.DeploymentStatus{Replicas: 1, UpdatedReplicas: 1, ReadyReplicas: 1, AvailableReplicas: 1})
	w.down.Store(false)
	w.clock.SetTime(w.clock.Now().Add(time.Hour))
	if s := w.reconcile(t); s.Port.Number != 8080 || s.AskAgain() != 0 || w.reads.Load() != 0 {
		t.Errorf("an App that is ready: port %d, asked again after %s, %d reads", s.Port.Number, s.AskAgain(), w.reads.Load())
	}
	report(t, &s.Deployment, appsv1.DeploymentStatus{Replicas: 1, UpdatedReplicas: 1})
	if s := w.reconcile(t); s.Port.Number != 9090 {
		t.Errorf("an App that is not ready: port %+v, want that of the image", s.Port)
	}
}

// basicLogin is the login for the registry.
type basicLogin struct{}

func (basicLogin) Authorization() (*authn.AuthConfig, error) {
	return &authn.AuthConfig{Username: registryUser, Password: registryPassword}, nil
}
