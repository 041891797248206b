// Package verifytest tests the controllers where the platform asks for proof of who owns a host. It is apart from their other tests since
// these share controllers that don't ask.
package verifytest

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"testing"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers"
	"github.com/berth-dev/berth/internal/names"
	"github.com/berth-dev/berth/internal/rbac"
	"github.com/berth-dev/berth/internal/testing/testdns"
	"github.com/berth-dev/berth/internal/testing/testenv"
)

const baseDomain = "apps.example.com"

var (
	// api asks the API server directly, as a user would.
	api client.Client
	// operator is how the operator reaches it.
	operator *rest.Config
	// dns is the server that the controllers ask.
	dns *testdns.Server
)

func TestMain(m *testing.M) {
	os.Exit(testenv.Run(m, testenv.InstallRights, testenv.AwaitPolicies, setup))
}

func setup(ctx context.Context, config *rest.Config) error {
	ctrl.SetLogger(logr.FromSlogHandler(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	var err error
	if api, err = client.New(config, client.Options{Scheme: controllers.Scheme()}); err != nil {
		return err
	}
	if operator, err = testenv.ServiceAccount(ctx, config, rbac.ServiceAccountOperator); err != nil {
		return err
	}
	dns, err = testdns.Start(ctx)
	return err
}

// start lets controllers work, which ask for proof or don't, until the function is called.
func start(t *testing.T, verify bool) (stop func()) {
	t.Helper()
	return startWith(t, func(o *controllers.Options) { o.VerifyDomains = verify })
}

// startWith lets controllers work, with a change of their options, until the function is called.
func startWith(t *testing.T, change func(*controllers.Options)) (stop func()) {
	t.Helper()
	o := controllers.ManagerOptions()
	o.Metrics = server.Options{BindAddress: "0"}
	o.Controller.SkipNameValidation = new(true) // Those of another test had the same names.
	mgr, err := ctrl.NewManager(operator, o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	options := controllers.Options{
		BaseDomain: baseDomain, Issuer: controllers.Issuer{Name: "local-ca"}, Namespace: testenv.Namespace,
		RouterNetworks: []netip.Prefix{netip.MustParsePrefix("192.0.2.7/32")}, Concurrency: 4, DNSServer: dns.Address(),
	}
	change(&options)
	if err := controllers.SetupWithManager(ctx, mgr, options); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the manager ended: %v", err)
		}
	}
	t.Cleanup(stop)
	return stop
}

// organization makes an organization with an App and returns its name and its token.
func organization(t *testing.T) (ns, token string) {
	t.Helper()
	o := &v1alpha1.Organization{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}
	create(t, o)
	eventually(t, func(ctx context.Context) error {
		if err := api.Get(ctx, client.ObjectKeyFromObject(o), o); err != nil {
			return err
		}
		if token = o.Status.VerificationToken; token == "" {
			return errors.New("there is no token")
		}
		return countQuota(ctx, o.Name)
	})
	create(t, &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Namespace: o.Name, Name: appIn(o.Name)}, Spec: v1alpha1.AppSpec{Image: "registry.example.com/a:v1"}})
	return o.Name, token
}

// countQuota plays the controller that counts what a quota is used for: what nobody has counted, the API server refuses.
func countQuota(ctx context.Context, ns string) error {
	quota := &corev1.ResourceQuota{}
	if err := api.Get(ctx, client.ObjectKey{Namespace: ns, Name: names.OrganizationObject}, quota); err != nil {
		return err
	}
	used := corev1.ResourceList{}
	for name := range quota.Spec.Hard {
		used[name] = resource.Quantity{}
	}
	quota.Status = corev1.ResourceQuotaStatus{Hard: quota.Spec.Hard, Used: used}
	return api.Status().Update(ctx, quota)
}

// appIn returns the name of the App of an organization. Default hosts are unique on the whole platform.
func appIn(ns string) string { return "app-" + ns[len(ns)-5:] }

func newDomain(t *testing.T, ns, host string) *v1alpha1.Domain {
	t.Helper()
	d := &v1alpha1.Domain{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, GenerateName: "domain-"},
		Spec:       v1alpha1.DomainSpec{Host: host, AppRef: v1alpha1.AppRef{Name: appIn(ns)}},
	}
	create(t, d)
	return d
}

func create(t *testing.T, o client.Object) {
	t.Helper()
	if err := api.Create(t.Context(), o); err != nil {
		t.Fatalf("create: %v", err)
	}
}

// change changes an object as a user.
func change[O client.Object](t *testing.T, o O, apply func()) {
	t.Helper()
	if err := api.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
		t.Fatalf("get: %v", err)
	}
	before, ok := o.DeepCopyObject().(client.Object)
	if !ok {
		t.Fatalf("%T is no object", o)
	}
	apply()
	if err := api.Patch(t.Context(), o, client.MergeFrom(before)); err != nil {
		t.Fatalf("patch: %v", err)
	}
}

// touch changes a Domain in something that doesn't matter, so that it is looked at now.
func touch(t *testing.T, d *v1alpha1.Domain) {
	t.Helper()
	change(t, d, func() {
		d.Spec.Authentication = v1alpha1.AuthenticationLoginOnly
		if d.Generation%2 == 0 {
			d.Spec.Authentication = v1alpha1.AuthenticationDisabled
		}
	})
}

// eventually waits until the check finds nothing to complain about.
func eventually(t *testing.T, check func(context.Context) error) {
	t.Helper()
	testenv.Eventually(t, check)
}

// condition is what a test says of a condition.
type condition struct {
	Status metav1.ConditionStatus
	Reason string
}

// Conditions that many tests want.
var (
	succeeded    = condition{metav1.ConditionTrue, v1alpha1.ReasonSucceeded}
	pending      = condition{metav1.ConditionUnknown, v1alpha1.ReasonPending}
	servedBefore = condition{metav1.ConditionTrue, v1alpha1.ReasonServedBefore}
)

func failing(reason string) condition { return condition{metav1.ConditionFalse, reason} }

// expect waits until an App or a Domain has the conditions, all of the present generation, and tools that know only kstatus agree.
func expect(t *testing.T, d testenv.Object, kstatus status.Status, want map[string]condition) {
	t.Helper()
	testenv.Expect(t, api, d, kstatus, want)
}
