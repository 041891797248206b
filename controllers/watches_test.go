package controllers

import (
	"context"
	"slices"
	"testing"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/testing/testenv"
)

// controlledBy returns a Service with a controller, or without one if the kind is empty.
func controlledBy(apiVersion, kind, name string) *corev1.Service {
	s := &corev1.Service{ObjectMeta: named("shop", "web")}
	if kind != "" {
		s.OwnerReferences = []metav1.OwnerReference{{APIVersion: apiVersion, Kind: kind, Name: name, Controller: new(true)}}
	}
	return s
}

func TestWhomAnObjectConcerns(t *testing.T) {
	t.Parallel()
	env := []corev1.EnvVar{{Name: "A", Value: "literal"}, {Name: "B", ValueFrom: &corev1.EnvVarSource{
		SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "first"}},
	}}}
	set := &appsv1.ReplicaSet{ObjectMeta: named("shop", "web-1")}
	set.Spec.Template.Spec.Containers = []corev1.Container{{Env: env}}
	app := &v1alpha1.App{ObjectMeta: named("shop", "web")}
	fromSecret("second", "k")(app)
	labelled := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Namespace: "shop", Name: "web-1-x", Labels: map[string]string{v1alpha1.LabelApp: "web"},
	}}
	berth := v1alpha1.GroupVersion.String()
	cases := map[string]struct {
		concerns func(context.Context, client.Object) []reconcile.Request
		object   client.Object
		want     []reconcile.Request
	}{
		"ChildOfAnApp":             {toApp, controlledBy(berth, "App", "other"), request("shop", "other")},
		"ChildOfADomain":           {toApp, controlledBy(berth, "Domain", "www"), nil},
		"NobodysChild":             {toApp, controlledBy("", "", ""), request("shop", "web")},
		"AnothersChild":            {toApp, controlledBy("example.com/v1", "App", "other"), request("shop", "web")},
		"DomainOfItsChild":         {toDomain, controlledBy(berth, "Domain", "www"), request("shop", "www")},
		"NoDomainOfAnAppsChild":    {toDomain, controlledBy(berth, "App", "web"), nil},
		"NoDomainOfNobodysChild":   {toDomain, controlledBy("", "", ""), nil},
		"AppOfAPod":                {labelledApp, labelled, request("shop", "web")},
		"SecretsOfAReplicaSet":     {namedSecrets, set, request("shop", "first")},
		"SecretsOfAnApp":           {namedSecrets, app, request("shop", "second")},
		"SecretsOfSomethingElse":   {namedSecrets, labelled, nil},
		"SecretsOfAnAppWithoutEnv": {namedSecrets, &v1alpha1.App{}, nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, tc.concerns(t.Context(), tc.object)); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
		})
	}
}

// Changes of others' objects wake nobody, except that they come, go or change hands.
func TestOwnedOrNew(t *testing.T) {
	t.Parallel()
	ours, theirs := controlledBy(v1alpha1.GroupVersion.String(), "App", "web"), controlledBy("", "", "")
	cases := map[string]struct {
		before, after client.Object
		want          bool
	}{
		"Ours":   {ours, ours, true},
		"Theirs": {theirs, theirs, false},
		"Lost":   {ours, theirs, true},
		"Gained": {theirs, ours, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := ownedOrNew.Update(event.UpdateEvent{ObjectOld: tc.before, ObjectNew: tc.after}); got != tc.want {
				t.Errorf("lets the change through: %t, want %t", got, tc.want)
			}
		})
	}
	if !ownedOrNew.Create(event.CreateEvent{Object: theirs}) || !ownedOrNew.Delete(event.DeleteEvent{Object: theirs}) {
		t.Error("doesn't let through that others' objects come and go")
	}
}

// What somebody else has written into a status is set right, though nothing else tells of it.
func TestForeignStatusIsSetRight(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	app := running(t, ns)
	domain := newDomain(t, ns, "www."+ns+".example.com", app.Name)
	certify(t, ns, domain.Name+".domain")
	for _, o := range []testenv.Object{app, domain} {
		expect(t, o, status.CurrentStatus, map[string]condition{v1alpha1.ConditionReady: succeeded})
		quiesce(t, ns)
		const wrong = "It is wrong."
		for i := range o.GetConditions() {
			o.GetConditions()[i].Message = wrong
		}
		if err := api.Status().Update(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		eventually(t, func(ctx context.Context) error {
			if err := api.Get(ctx, key(o), o); err != nil {
				return err
			}
			if slices.ContainsFunc(o.GetConditions(), func(c metav1.Condition) bool { return c.Message == wrong }) {
				return errNotYet
			}
			return nil
		})
	}
}

// What changes of a Domain without its asking for something else wakes nobody but itself, however often it changes.
func TestWhatADomainAsksFor(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		change func(*v1alpha1.Domain)
		want   bool
	}{
		"Nothing":        {func(*v1alpha1.Domain) {}, false},
		"Authentication": {func(d *v1alpha1.Domain) { d.Spec.Authentication = v1alpha1.AuthenticationDisabled }, false},
		"Mail":           {func(d *v1alpha1.Domain) { d.Spec.Mail = &v1alpha1.DomainMail{From: "a@b.test"} }, false},
		"Status":         {func(d *v1alpha1.Domain) { d.Status.URL = "https://x.test" }, false},
		"Host":           {func(d *v1alpha1.Domain) { d.Spec.Host = "other.test" }, true},
		"App":            {func(d *v1alpha1.Domain) { d.Spec.AppRef.Name = "other" }, true},
		"Certificate":    {func(d *v1alpha1.Domain) { d.Spec.TLS = &v1alpha1.DomainTLS{} }, true},
		"Deleted":        {func(d *v1alpha1.Domain) { d.DeletionTimestamp = new(metav1.Now()) }, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := &v1alpha1.Domain{ObjectMeta: named("shop", "www"), Spec: v1alpha1.DomainSpec{Host: "www.test", AppRef: v1alpha1.AppRef{Name: "web"}}}
			after := before.DeepCopy()
			after.Generation++
			tc.change(after)
			if got := asksOtherwise.Update(event.UpdateEvent{ObjectOld: before, ObjectNew: after}); got != tc.want {
				t.Errorf("got %t, want %t", got, tc.want)
			}
		})
	}
}
