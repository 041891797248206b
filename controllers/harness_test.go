package controllers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/names"
	"github.com/berth-dev/berth/internal/testing/testenv"
)

// quiet is for how long nothing may happen for a test to believe that nothing will.
const quiet = 500 * time.Millisecond

// noEvents takes events and forgets them.
type noEvents struct{}

func (noEvents) Eventf(runtime.Object, runtime.Object, string, string, string, string, ...any) {}

// organization makes a trusted organization, which the controllers have set up and may read the Secrets of.
func organization(t *testing.T, changes ...func(*v1alpha1.OrganizationSpec)) string {
	t.Helper()
	org := &v1alpha1.Organization{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}, Spec: trusted()}
	for _, change := range changes {
		change(&org.Spec)
	}
	create(t, org)
	ns := org.Name
	eventually(t, func(ctx context.Context) error {
		if err := cached.Get(ctx, client.ObjectKey{Namespace: ns, Name: names.OrganizationObject}, &networkingv1.NetworkPolicy{}); err != nil {
			return err
		}
		// Until its status says so, Apps and Domains wait for the organization, and say that.
		if err := cached.Get(ctx, client.ObjectKey{Name: ns}, org); err != nil || org.Status.UserNamespaces == "" {
			return errors.Join(err, errNotYet)
		}
		// While they are refused, a status may come before the objects that it is about.
		return cached.List(ctx, &corev1.SecretList{}, client.InNamespace(ns))
	})
	return ns
}

// trusted is the policy of most organizations of the tests.
func trusted() v1alpha1.OrganizationSpec {
	return v1alpha1.OrganizationSpec{Trusted: new(true), AllowedIssuers: []v1alpha1.IssuerRef{
		{Name: "other"}, {Name: "other", Kind: "Issuer"}, {Name: "nope", Kind: "Foo", Group: "bar.example"},
	}}
}

// organizationWith makes an organization with a policy.
func organizationWith(t *testing.T, spec v1alpha1.OrganizationSpec) string {
	t.Helper()
	return organization(t, func(s *v1alpha1.OrganizationSpec) { *s = spec })
}

// label makes a Namespace an organization: it gets the label and, unless there is one, an Organization, which is trusted.
func label(t *testing.T, ns string) {
	t.Helper()
	mark(t, ns)
	org := &v1alpha1.Organization{ObjectMeta: metav1.ObjectMeta{Name: ns}, Spec: trusted()}
	if err := api.Create(t.Context(), org); client.IgnoreAlreadyExists(err) != nil {
		t.Fatalf("create: %v", err)
	}
}

// mark gives a Namespace the label by which the Organization of its name may have it.
func mark(t *testing.T, ns string) {
	t.Helper()
	patch(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}}, func(o client.Object) {
		labels := o.GetLabels()
		labels[v1alpha1.LabelOrganization] = ns
		o.SetLabels(labels)
	})
}

func namespace(t *testing.T, labels map[string]string) string {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-", Labels: labels}}
	create(t, ns)
	return ns.Name
}

// newApp makes an App. Its name is part of the Namespace's, since default hosts are unique on the whole platform.
func newApp(t *testing.T, ns string, changes ...func(*v1alpha1.App)) *v1alpha1.App {
	t.Helper()
	app := &v1alpha1.App{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "app-" + ns[len(ns)-5:]},
		Spec:       v1alpha1.AppSpec{Image: "registry.example.com/shop/web:v1"},
	}
	for _, change := range changes {
		change(app)
	}
	create(t, app)
	return app
}

func create(t *testing.T, o client.Object) {
	t.Helper()
	if err := api.Create(t.Context(), o); err != nil {
		t.Fatalf("create: %v", err)
	}
}

// patch changes an object as somebody else than Berth.
func patch[O client.Object](t *testing.T, o O, change func(client.Object)) {
	t.Helper()
	get(t, o)
	before, ok := o.DeepCopyObject().(client.Object)
	if !ok {
		t.Fatalf("%T is no object", o)
	}
	change(o)
	if err := api.Patch(t.Context(), o, client.MergeFrom(before)); err != nil {
		t.Fatalf("patch: %v", err)
	}
}

func get(t *testing.T, o client.Object) {
	t.Helper()
	if err := api.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
		t.Fatalf("get: %v", err)
	}
}

func remove(t *testing.T, o client.Object) {
	t.Helper()
	if err := api.Delete(t.Context(), o); err != nil {
		t.Fatalf("delete: %v", err)
	}
}

// eventually waits until the check finds nothing to complain about.
func eventually(t *testing.T, check func(ctx context.Context) error) {
	t.Helper()
	testenv.Eventually(t, check)
}

// says waits until the message of an object's Ready condition contains some words.
func says(t *testing.T, o hasConditions, words string) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		if err := api.Get(ctx, client.ObjectKeyFromObject(o), o); err != nil {
			return err
		}
		if got := message(o, v1alpha1.ConditionReady); !strings.Contains(got, words) {
			return fmt.Errorf("message %q, want it to contain %q", got, words)
		}
		return nil
	})
}

// absent says that an object isn't there.
func absent(t *testing.T, o client.Object) {
	t.Helper()
	if err := api.Get(t.Context(), client.ObjectKeyFromObject(o), o); !apierrors.IsNotFound(err) {
		t.Errorf("%T %s: got error %v, want it not to be there", o, o.GetName(), err)
	}
}

// awaitGoing waits until the controllers know that an object is being deleted.
func awaitGoing(t *testing.T, o client.Object) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		if err := cached.Get(ctx, key(o), o); err != nil || o.GetDeletionTimestamp().IsZero() {
			return errNotYet
		}
		return nil
	})
}

// awaitAbsent waits until an object isn't there any more.
func awaitAbsent(t *testing.T, o client.Object) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		err := api.Get(ctx, client.ObjectKeyFromObject(o), o)
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("%T %s is still there (error: %w)", o, o.GetName(), err)
	})
}

// condition is what a test says of a condition.
type condition struct {
	Status metav1.ConditionStatus
	Reason string
}

// Conditions that many tests want.
var (
	succeeded = condition{metav1.ConditionTrue, v1alpha1.ReasonSucceeded}
	working   = condition{metav1.ConditionFalse, v1alpha1.ReasonProgressing}
	pending   = condition{metav1.ConditionUnknown, v1alpha1.ReasonPending}
)

func failing(reason string) condition { return condition{metav1.ConditionFalse, reason} }

// hasConditions is what both kinds are.
type hasConditions = testenv.Object

// expect waits until an object has the conditions, all of the present generation, and tools that know only kstatus agree.
func expect(t *testing.T, o hasConditions, kstatus status.Status, want map[string]condition) {
	t.Helper()
	testenv.Expect(t, api, o, kstatus, want)
}

// message returns the message of a condition.
func message(o hasConditions, conditionType string) string {
	c := meta.FindStatusCondition(o.GetConditions(), conditionType)
	if c == nil {
		return ""
	}
	return c.Message
}

func key(o client.Object) client.ObjectKey { return client.ObjectKeyFromObject(o) }

// settle gives the controllers time to do what they should not do.
func settle() { time.Sleep(quiet) }

// quiesce waits until the controllers have nothing more to ask the API server for in a Namespace, and returns what they have asked for.
func quiesce(t *testing.T, ns string) []string {
	t.Helper()
	before, rested := sent.look(ns)
	for deadline := time.Now().Add(testenv.Patience); time.Now().Before(deadline); {
		settle()
		now, answered := sent.look(ns)
		if rested && answered && len(now) == len(before) {
			return now
		}
		before, rested = now, answered
	}
	t.Fatalf("the controllers still ask the API server for something after %s: %q", testenv.Patience, before)
	return nil
}

// announced returns the types and reasons of the operator's events in a Namespace. The API server writes there too: its repair loops
// may read a Service just before the address of it is known to them, and report ClusterIPNotAllocated.
func announced(ctx context.Context, ns string) ([]string, error) {
	var list eventsv1.EventList
	if err := api.List(ctx, &list, client.InNamespace(ns)); err != nil {
		return nil, err
	}
	var got []string
	for _, e := range list.Items {
		if e.ReportingController == reportingController {
			got = append(got, e.Type+" "+e.Reason)
		}
	}
	return got, nil
}
