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
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/testobjects"
	"github.com/berth-dev/berth/controllers/internal/watches"
	"github.com/berth-dev/berth/controllers/secretgc"
	"github.com/berth-dev/berth/internal/testing/testenv"
)

func TestWhomAnObjectConcerns(t *testing.T) {
	t.Parallel()
	env := []corev1.EnvVar{{Name: "A", Value: "literal"}, {Name: "B", ValueFrom: &corev1.EnvVarSource{
		SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "first"}},
	}}}
	set := &appsv1.ReplicaSet{ObjectMeta: testobjects.Named("shop", "web-1")}
	set.Spec.Template.Spec.Containers = []corev1.Container{{Env: env}}
	app := &v1alpha1.App{ObjectMeta: testobjects.Named("shop", "web")}
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
		"ChildOfAnApp":             {watches.ToApp, testobjects.ControlledBy(berth, "App", "other"), watches.Request("shop", "other")},
		"ChildOfADomain":           {watches.ToApp, testobjects.ControlledBy(berth, "Domain", "www"), nil},
		"NobodysChild":             {watches.ToApp, testobjects.ControlledBy("", "", ""), watches.Request("shop", "web")},
		"AnothersChild":            {watches.ToApp, testobjects.ControlledBy("example.com/v1", "App", "other"), watches.Request("shop", "web")},
		"DomainOfItsChild":         {watches.ToDomain, testobjects.ControlledBy(berth, "Domain", "www"), watches.Request("shop", "www")},
		"NoDomainOfAnAppsChild":    {watches.ToDomain, testobjects.ControlledBy(berth, "App", "web"), nil},
		"NoDomainOfNobodysChild":   {watches.ToDomain, testobjects.ControlledBy("", "", ""), nil},
		"AppOfAPod":                {watches.LabelledApp, labelled, watches.Request("shop", "web")},
		"SecretsOfAReplicaSet":     {secretgc.NamedSecrets, set, watches.Request("shop", "first")},
		"SecretsOfAnApp":           {secretgc.NamedSecrets, app, watches.Request("shop", "second")},
		"SecretsOfSomethingElse":   {secretgc.NamedSecrets, labelled, nil},
		"SecretsOfAnAppWithoutEnv": {secretgc.NamedSecrets, &v1alpha1.App{}, nil},
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
