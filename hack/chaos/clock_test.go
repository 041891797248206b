package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/names"
	"github.com/berth-dev/berth/internal/testing/testaws"
)

const (
	day = 24 * time.Hour
	// tokenLife is for how long a token of Amazon ECR holds.
	tokenLife = 12 * time.Hour
	ecrHost   = "222222222222.dkr.ecr.eu-west-1.amazonaws.com"
	roleARN   = "arn:aws:iam::222222222222:role/clock"
)

// jumps are by how much the operator's clock is wrong for a while.
var jumps = []time.Duration{-400 * day, -13 * time.Hour, -time.Hour, time.Hour, 7 * time.Hour, 11 * time.Hour, 13 * time.Hour, 75 * day, 400 * day}

// timed is a site whose image is pulled by a token of Amazon's, and whose Domain has a certificate of its own.
type timed struct {
	site
	amazon   *testaws.Server
	operator *operator
	clock    *clocktesting.FakePassiveClock
}

// newAmazon serves AWS, of which operators that start afterwards know by the environment.
func newAmazon(t *testing.T) *testaws.Server {
	t.Helper()
	amazon := testaws.New(time.Now)
	served := httptest.NewServer(amazon)
	t.Cleanup(served.Close)
	none := filepath.Join(t.TempDir(), "none")
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": served.URL, "AWS_ACCESS_KEY_ID": testaws.AccessKeyID, "AWS_SECRET_ACCESS_KEY": testaws.SecretAccessKey,
		"AWS_CONFIG_FILE": none, "AWS_SHARED_CREDENTIALS_FILE": none,
	} {
		t.Setenv(name, value)
	}
	return amazon
}

// TestClockJumps has the operator's clock be wrong by hours or months and right again: tokens and certificates are those that the right time
// wants, and no Pod is replaced.
func TestClockJumps(t *testing.T) {
	f := begin(t, "jumps of the operator's clock")
	s := timed{site: "clock", amazon: newAmazon(t), clock: clocktesting.NewFakePassiveClock(time.Now())}
	s.operator = startOperator(t, func(o *operatorOptions) { o.controllers.Clock = s.clock })
	s.begin(t)
	chance, rounds := chance(t.Name()), len(jumps)
	if *long {
		rounds *= 5
	}
	before := s.deployment(t)
	for range rounds {
		jump := jumps[chance.IntN(len(jumps))]
		f.Faults++
		f.Objects += 2
		s.wake(t, time.Now().Add(jump))
		s.wake(t, time.Now())
		if err := soon(t, s.right); err != nil {
			f.lost(t, "after the clock was wrong by %s: %v", jump, err)
		}
		if now := s.deployment(t); now.Generation != before.Generation {
			f.diverged(t, "after the clock was wrong by %s, the Deployment is in generation %d, before %d", jump, now.Generation, before.Generation)
			before = now
		}
	}
	if calls, most := len(s.amazon.Calls()), 4*(2*rounds+1); calls > most {
		f.diverged(t, "%d calls to AWS for %d jumps", calls, rounds)
	}
}

// begin makes the site and waits until all is there.
func (s timed) begin(t *testing.T) {
	t.Helper()
	if err := s.make(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.change(t.Context()); err != nil {
		t.Fatal(err)
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: string(s.site)}}
	eventually(t, func(ctx context.Context) error {
		err := suite.api.Get(ctx, client.ObjectKeyFromObject(namespace), namespace)
		if err == nil && namespace.Annotations[v1alpha1.AnnotationExternalID] == "" {
			err = errors.New("the organization has no external id yet")
		}
		return err
	})
	id := namespace.Annotations[v1alpha1.AnnotationExternalID]
	s.amazon.Put(testaws.Role{ARN: roleARN, ExternalID: id, Repositories: []string{"shop/web"}})
	err := edit(t.Context(), &v1alpha1.App{ObjectMeta: s.named("")}, func(a *v1alpha1.App) {
		a.Spec.Image, a.Spec.Registry = ecrHost+"/shop/web:v1", &v1alpha1.RegistryAccess{RoleARN: roleARN}
	})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, s.right)
}

// wake sets the clock and has the operator look at the App, and at the Domain, which a change of its route wakes.
func (s timed) wake(t *testing.T, now time.Time) {
	t.Helper()
	s.clock.SetTime(now)
	seen := s.operator.reconciles.bothAnew(string(s.site), string(s.site))
	touch := func(o *metav1.ObjectMeta) {
		metav1.SetMetaDataAnnotation(o, "example.com/touched", time.Now().Format(time.RFC3339Nano))
	}
	domain := &v1alpha1.Domain{ObjectMeta: s.named("")}
	if err := suite.api.Get(t.Context(), client.ObjectKeyFromObject(domain), domain); err != nil {
		t.Fatal(err)
	}
	route := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: domain.Namespace, Name: names.DomainRoute(domain.Name, domain.UID)}}
	err := errors.Join(
		edit(t.Context(), &v1alpha1.App{ObjectMeta: s.named("")}, func(a *v1alpha1.App) { touch(&a.ObjectMeta) }),
		edit(t.Context(), route, func(i *networkingv1.Ingress) { touch(&i.ObjectMeta) }),
	)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, seen) // What a wrong time makes the operator do is its own affair.
}

func (s timed) deployment(t *testing.T) *appsv1.Deployment {
	t.Helper()
	d := &appsv1.Deployment{ObjectMeta: s.named("")}
	if err := suite.api.Get(t.Context(), client.ObjectKeyFromObject(d), d); err != nil {
		t.Fatal(err)
	}
	return d
}

// right says what isn't as the right time wants it.
func (s timed) right(ctx context.Context) error {
	if err := s.settled(ctx); err != nil {
		return err
	}
	secret := &corev1.Secret{}
	if err := suite.api.Get(ctx, client.ObjectKey{Namespace: string(s.site), Name: names.PullSecret(string(s.site))}, secret); err != nil {
		return err
	}
	if err := dated(secret, time.Now()); err != nil {
		return err
	}
	if !s.opens(ctx, secret) {
		return fmt.Errorf("the registry refuses the token that holds until %s", secret.Annotations[v1alpha1.AnnotationExpiresAt])
	}
	domain := &v1alpha1.Domain{ObjectMeta: s.named("")}
	if err := suite.api.Get(ctx, client.ObjectKeyFromObject(domain), domain); err != nil {
		return err
	}
	if c := domain.Status.Certificate; c == nil || c.Type != v1alpha1.CertificateCustom {
		return fmt.Errorf("the Domain serves the certificate %+v, want the custom one", c)
	}
	if meta.IsStatusConditionTrue(domain.Status.Conditions, v1alpha1.ConditionCertificateExpiring) {
		return errors.New("the Domain says that a certificate expires that has 90 days left")
	}
	return nil
}

// dated says what is wrong with the times that a pull Secret names for its token, which hold for it from now on for half a day at most.
func dated(secret *corev1.Secret, now time.Time) error {
	var times []time.Time
	for _, name := range []string{v1alpha1.AnnotationIssuedAt, v1alpha1.AnnotationRefreshAt, v1alpha1.AnnotationExpiresAt} {
		at, err := time.Parse(time.RFC3339, secret.Annotations[name])
		if err != nil {
			return fmt.Errorf("the token's %s: %w", name, err)
		}
		times = append(times, at)
	}
	issued, refresh, expires := times[0], times[1], times[2]
	if issued.After(now) || !now.Before(refresh) || !refresh.Before(expires) || expires.After(now.Add(tokenLife)) {
		return fmt.Errorf("at %s, the token is said to be issued at %s, to be replaced at %s and to end at %s", now, issued, refresh, expires)
	}
	return nil
}

// opens reports whether a registry that AWS guards takes the login in a pull Secret.
func (s timed) opens(ctx context.Context, secret *corev1.Secret) bool {
	var config struct {
		Auths map[string]struct{ Username, Password string }
	}
	if json.Unmarshal(secret.Data[corev1.DockerConfigJsonKey], &config) != nil {
		return false
	}
	guarded := s.amazon.Registry(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	r, w := httptest.NewRequestWithContext(ctx, http.MethodGet, "/v2/shop/web/manifests/v1", http.NoBody), httptest.NewRecorder()
	r.SetBasicAuth(config.Auths[ecrHost].Username, config.Auths[ecrHost].Password)
	guarded.ServeHTTP(w, r)
	return w.Code == http.StatusOK
}
