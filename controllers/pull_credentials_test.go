package controllers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	appcontroller "github.com/berth-dev/berth/controllers/app"
	"github.com/berth-dev/berth/controllers/internal/exposure"
	"github.com/berth-dev/berth/controllers/internal/objects"
	"github.com/berth-dev/berth/controllers/internal/testobjects"
	"github.com/berth-dev/berth/internal/names"
	"github.com/berth-dev/berth/internal/testing/testaws"
)

var errSame = errors.New("it is as it was")

// newRole makes a role that trusts an organization, and that may read the image.
func newRole(t *testing.T, ns string, changes ...func(*testaws.Role)) testaws.Role {
	t.Helper()
	organization := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}}
	eventually(t, func(ctx context.Context) error {
		if err := cached.Get(ctx, client.ObjectKeyFromObject(organization), organization); err != nil {
			return err
		}
		if objects.ExternalID(organization) == "" {
			return errNotYet
		}
		return nil
	})
	role := testaws.Role{
		ARN: "arn:aws:iam::222222222222:role/" + ns, ExternalID: objects.ExternalID(organization), Repositories: []string{"shop/web"},
	}
	for _, change := range changes {
		change(&role)
	}
	amazon.Put(role)
	return role
}

// pullsBy makes an App's image one of Amazon ECR's, which is pulled by a role.
func pullsBy(role testaws.Role) func(*v1alpha1.App) {
	return func(a *v1alpha1.App) {
		a.Spec.Image = testobjects.ECRImage
		a.Spec.Registry = &v1alpha1.RegistryAccess{RoleARN: role.ARN}
	}
}

// callsOf counts the calls to AWS by an action for a role.
func callsOf(action string, role testaws.Role) int {
	n := 0
	for _, c := range amazon.Calls() {
		if c.Action == action && c.Role == role.ARN {
			n++
		}
	}
	return n
}

// awaitPull waits for an App's pull Secret, until it differs from the one before, if there is one.
func awaitPull(t *testing.T, app *v1alpha1.App, before *corev1.Secret) *corev1.Secret {
	t.Helper()
	secret := &corev1.Secret{ObjectMeta: testobjects.Named(app.Namespace, names.PullSecret(app.Name))}
	eventually(t, func(ctx context.Context) error {
		if err := api.Get(ctx, key(secret), secret); err != nil {
			return err
		}
		if before != nil && cmp.Equal(before.Data, secret.Data) {
			return errSame
		}
		return nil
	})
	return secret
}

// loginIn returns the login for a registry that a pull Secret holds.
func loginIn(t *testing.T, secret *corev1.Secret, registry string) (user, password string) {
	t.Helper()
	var config struct {
		Auths map[string]struct{ Username, Password string }
	}
	if err := json.Unmarshal(secret.Data[corev1.DockerConfigJsonKey], &config); err != nil {
		t.Fatal("the pull Secret holds no JSON")
	}
	return config.Auths[registry].Username, config.Auths[registry].Password
}

// opens reports whether a registry that AWS guards takes the login in a pull Secret.
func opens(t *testing.T, secret *corev1.Secret) bool {
	t.Helper()
	guarded := amazon.Registry(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	r, w := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v2/shop/web/manifests/v1", http.NoBody), httptest.NewRecorder()
	r.SetBasicAuth(loginIn(t, secret, testobjects.ECRHost))
	guarded.ServeHTTP(w, r)
	return w.Code == http.StatusOK
}

func TestImageIsPulledByARole(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	role := newRole(t, ns)
	app := running(t, ns, pullsBy(role))
	secret := awaitPull(t, app, nil)
	if !opens(t, secret) {
		t.Error("the registry refuses what is in the pull Secret")
	}
	if secret.Type != corev1.SecretTypeDockerConfigJson || !metav1.IsControlledBy(secret, app) || secret.Immutable != nil {
		t.Errorf("the pull Secret is of the type %s, controlled by %v", secret.Type, metav1.GetControllerOf(secret))
	}
	d := awaitDeployment(t, app)
	want := []corev1.LocalObjectReference{{Name: secret.Name}}
	if diff := cmp.Diff(want, d.Spec.Template.Spec.ImagePullSecrets); diff != "" {
		t.Errorf("imagePullSecrets (-want +got):\n%s", diff)
	}
	for _, c := range amazon.Calls() {
		if c.Role == role.ARN && (c.Session != "berth-"+app.Name || c.Region != "eu-west-1") {
			t.Errorf("AWS was called by %+v", c)
		}
	}
	kept := &corev1.Secret{}
	if err := cached.Get(t.Context(), key(secret), kept); err != nil {
		t.Fatal(err)
	}
	if len(kept.Data[corev1.DockerConfigJsonKey]) > 0 {
		t.Error("the cache holds the login")
	}
	if _, password := loginIn(t, secret, testobjects.ECRHost); strings.Contains(logged.String(), password) {
		t.Error("the token was logged")
	}
	patch(t, app, func(client.Object) { app.Spec.Registry = nil })
	eventually(t, func(ctx context.Context) error {
		if err := api.Get(ctx, key(secret), secret); !apierrors.IsNotFound(err) {
			return fmt.Errorf("the pull Secret is still there: %w", err)
		}
		return nil
	})
}

// A thousand would only take longer.
func TestAppsShareTheTokensOfARole(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	role := newRole(t, ns)
	apps := make([]*v1alpha1.App, 40)
	for i := range apps {
		apps[i] = newApp(t, ns, pullsBy(role), func(a *v1alpha1.App) { a.Name += fmt.Sprintf("-%d", i) })
	}
	for _, app := range apps {
		if !opens(t, awaitPull(t, app, nil)) {
			t.Errorf("the registry refuses App %s", app.Name)
		}
	}
	for _, action := range []string{testaws.AssumeRole, testaws.GetAuthorizationToken} {
		if got := callsOf(action, role); got != 1 {
			t.Errorf("%d Apps made %d calls of %s, want 1", len(apps), got, action)
		}
	}
	// A restarted operator goes on with what the Secrets hold.
	b := testBase(t, clock.RealClock{})
	r := &appcontroller.Reconciler{Exposures: exposure.New(b)}
	for _, app := range apps[:3] {
		s := &appcontroller.Scope{App: app}
		if err := r.PullCredentials(t.Context(), s); err != nil || s.Pull.Recheck < 4*time.Hour {
			t.Errorf("App %s is looked at again in %s: %v", app.Name, s.Pull.Recheck, err)
		}
	}
	if got := callsOf(testaws.AssumeRole, role); got != 1 {
		t.Error("a restarted operator asks AWS for what it has")
	}
}

func TestRenewalReplacesNoPod(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	role := newRole(t, ns, func(r *testaws.Role) { r.Lifetime = 4 })
	app := running(t, ns, pullsBy(role))
	before := awaitDeployment(t, app)
	secret := awaitPull(t, app, nil)
	for range 3 {
		if secret = awaitPull(t, app, secret); !opens(t, secret) {
			t.Error("the registry refuses a token that was just renewed")
		}
	}
	after := awaitDeployment(t, app)
	if before.Generation != after.Generation {
		t.Errorf("the Deployment's generation went from %d to %d", before.Generation, after.Generation)
	}
	if diff := cmp.Diff(before.Spec.Template, after.Spec.Template); diff != "" {
		t.Errorf("template (-before +after):\n%s", diff)
	}
	expect(t, app, status.CurrentStatus, map[string]condition{v1alpha1.ConditionReady: succeeded})
}

// whatNow reconciles the credentials of an App with controllers that have just started, at a time.
func whatNow(t *testing.T, app *v1alpha1.App, at time.Time) (appcontroller.Pull, error) {
	t.Helper()
	b := testBase(t, clocktesting.NewFakePassiveClock(at))
	r := &appcontroller.Reconciler{Exposures: exposure.New(b)}
	get(t, app)
	s := &appcontroller.Scope{App: app}
	err := r.PullCredentials(t.Context(), s)
	return s.Pull, err
}

func TestDeniedPullRenewsAtOnce(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	role := newRole(t, ns)
	app := newApp(t, ns, pullsBy(role))
	before := awaitPull(t, app, nil)
	if _, err := whatNow(t, app, time.Now()); err != nil || callsOf(testaws.AssumeRole, role) != 1 {
		t.Fatalf("a young token was renewed without cause: %v", err)
	}
	rollout(t, app, "1", testobjects.PodWaiting("ErrImagePull",
		"failed to pull and unpack image: failed to resolve reference: unexpected status from HEAD request: 403 Forbidden"))
	expect(t, app, status.InProgressStatus, map[string]condition{v1alpha1.ConditionReady: failing(v1alpha1.ReasonImagePullDenied)})
	if _, err := whatNow(t, app, time.Now()); err != nil {
		t.Fatal(err)
	}
	if after := awaitPull(t, app, before); !opens(t, after) {
		t.Error("the registry refuses the new token")
	}
}

// A token that was got while the operator's clock was ahead is replaced like any other when a registry refuses it.
func TestDeniedPullRenewsAfterTheClockWasAhead(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	role := newRole(t, ns)
	app := newApp(t, ns, pullsBy(role))
	before := awaitPull(t, app, nil)
	if _, err := whatNow(t, app, time.Now().Add(8*time.Hour)); err != nil {
		t.Fatal(err)
	}
	awaitPull(t, app, before)
	amazon.Revoke(role.ARN)
	rollout(t, app, "1", testobjects.PodWaiting("ErrImagePull",
		"failed to pull and unpack image: failed to resolve reference: unexpected status from HEAD request: 403 Forbidden"))
	eventually(t, func(context.Context) error {
		if _, err := whatNow(t, app, time.Now()); err != nil {
			return err
		}
		if !opens(t, awaitPull(t, app, nil)) {
			return errNotYet
		}
		return nil
	})
}

// An outage of AWS doesn't touch the token that is there; when that has ended, the App says so.
func TestOutageOfAmazon(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	role := newRole(t, ns)
	app := running(t, ns, pullsBy(role))
	before := awaitPull(t, app, nil)
	amazon.Fail(testaws.Fault{Action: testaws.AssumeRole, Role: role.ARN, Times: 1000, Status: http.StatusBadRequest, Code: "Throttling"})
	seen, err := whatNow(t, app, time.Now().Add(8*time.Hour))
	if err != nil || seen.Note == "" || seen.Recheck == 0 || seen.Recheck > time.Minute {
		t.Errorf("noted is %q, the next look in %s: %v", seen.Note, seen.Recheck, err)
	}
	if _, err := whatNow(t, app, time.Now().Add(13*time.Hour)); err == nil {
		t.Error("nothing is said of a token that has ended")
	}
	get(t, before)
	if !opens(t, before) {
		t.Error("the token is not what it was")
	}
}
