package controllers

import (
	"context"
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/exposure"
	organizationcontroller "github.com/berth-dev/berth/controllers/organization"
	"github.com/berth-dev/berth/controllers/secretgc"
)

// A Secret that an App has named is deleted once it is replaced, however young it is: many changes in a row must not leave as many Secrets.
func TestEnvSecretThatIsReplaced(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	const app = "web"
	first := newEnvSecret(t, ns, app, "1")
	web := newApp(t, ns, func(a *v1alpha1.App) { a.Name = app }, fromSecret(first.Name, "PASSWORD"))
	awaitOwned(t, first, web)
	second := newEnvSecret(t, ns, app, "2")
	patch(t, web, func(client.Object) { web.Spec.Env[0].ValueFrom.SecretKeyRef.Name = second.Name })
	awaitAbsent(t, first)
	awaitOwned(t, second, web)
}

// A Secret that is replaced is kept while the Deployment of its App names it, whatever the cache has seen: its Pods may be about to start.
func TestEnvSecretThatIsAboutToRun(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	first := newEnvSecret(t, ns, "web", "1")
	template := corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{v1alpha1.LabelApp: "web"}},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "example.com/a", Env: []corev1.EnvVar{{
			Name: "PASSWORD", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
				LocalObjectReference: corev1.LocalObjectReference{Name: first.Name}, Key: "PASSWORD",
			}},
		}}}}},
	}
	selector := &metav1.LabelSelector{MatchLabels: template.Labels}
	r := &secretgc.Reconciler{Exposures: exposure.New(testBase(t, testclock.NewFakePassiveClock(time.Now())))}
	run := func(want bool) {
		t.Helper()
		if got, err := r.IsRun(t.Context(), first); err != nil || got != want {
			t.Errorf("isRun(...) = %t, %v, want %t", got, err, want)
		}
	}
	run(false)
	set := &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "web-1", Labels: template.Labels},
		Spec:       appsv1.ReplicaSetSpec{Selector: selector, Template: template},
	}
	create(t, set)
	run(true)
	if err := api.Delete(t.Context(), set); err != nil {
		t.Fatal(err)
	}
	awaitAbsent(t, set)
	create(t, &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "web", Labels: template.Labels},
		Spec:       appsv1.DeploymentSpec{Selector: selector, Template: template},
	})
	run(true)
}

// A backup restores Secrets before what names them, with their owners of before.
func TestEnvSecretThatIsRestored(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	web := newApp(t, ns)
	restored := newEnvSecret(t, ns, web.Name, "3")
	patch(t, restored, func(o client.Object) {
		o.SetOwnerReferences([]metav1.OwnerReference{{
			APIVersion: v1alpha1.GroupVersion.String(), Kind: "App", Name: web.Name, UID: "another", Controller: new(true),
		}})
	})
	r := &secretgc.Reconciler{Exposures: exposure.New(testBase(t, testclock.NewFakePassiveClock(time.Now())))}
	if replaced, err := r.IsReplaced(t.Context(), restored); err != nil || replaced {
		t.Errorf("isReplaced(...) = %t, %v for the owner of an earlier App", replaced, err)
	}
}

// The Organization says how much is kept for it.
func TestOrganizationCountsSecrets(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	used := func(ctx context.Context) (int64, error) {
		org := &v1alpha1.Organization{}
		if err := api.Get(ctx, client.ObjectKey{Name: ns}, org); err != nil || org.Status.Usage == nil {
			return -1, err
		}
		return org.Status.Usage.SecretBytes.Value(), nil
	}
	expectUsed := func(want ...int64) {
		t.Helper()
		eventually(t, func(ctx context.Context) error {
			got, err := used(ctx)
			if err == nil && !slices.Contains(want, got) {
				return errNotYet
			}
			return err
		})
	}
	expectUsed(0)
	secret := newEnvSecret(t, ns, "web", "1")
	create(t, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "plain"}, Data: map[string][]byte{"a": []byte("not counted")}})
	r := organizationcontroller.New(testBase(t, testclock.NewFakePassiveClock(time.Now())), testOptions().organizations())
	eventually(t, func(ctx context.Context) error { return cached.Get(ctx, key(secret), &corev1.Secret{}) })
	s := &organizationcontroller.Scope{Org: orgNamed(ns), Ns: &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}}}
	if err := r.Usage(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if got, want := s.Usage.SecretBytes.Value(), int64(len("PASSWORD")+len("hunter2")); got != want {
		t.Errorf("usage: %d bytes, want %d", got, want)
	}
}
