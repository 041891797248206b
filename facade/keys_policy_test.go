package facade

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/store"
	"github.com/berth-dev/berth/internal/apikey"
	"github.com/berth-dev/berth/internal/rbac"
	"github.com/berth-dev/berth/internal/testing/testenv"
)

// asFacade returns a client that acts as the facade's ServiceAccount, whose rights are those in config alone.
func asFacade(t *testing.T) client.Client {
	t.Helper()
	config, err := testenv.ServiceAccount(t.Context(), testenv.Config(), rbac.ServiceAccountFacade)
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(config, client.Options{Scheme: store.NewScheme(), Mapper: suite.cluster.RESTMapper()})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestFacadeKeys says that in Berth's own Namespace the facade can do with API keys what it has to, and nothing else.
func TestFacadeKeys(t *testing.T) {
	c := asFacade(t)
	plain := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: keysSpace, GenerateName: "plain-"}, StringData: map[string]string{"a": "b"}}
	eventually(t, "the policy is in force", func() bool {
		err := c.Create(t.Context(), plain.DeepCopy(), client.DryRunAll)
		return apierrors.IsInvalid(err)
	})
	if err := suite.cluster.Create(t.Context(), plain); err != nil {
		t.Fatal(err)
	}
	patch := func(key apikey.Key, patch string) error {
		secret := key.Secret(keysSpace)
		return c.Patch(t.Context(), secret, client.RawPatch(types.MergePatchType, []byte(patch)))
	}
	annotate := func(name, value string) string {
		return `{"metadata":{"annotations":{"` + name + `":"` + value + `"}}}`
	}
	now := time.Now()
	key := fresh(t, apikey.RoleManager)
	ended := func(change func(*corev1.Secret)) *corev1.Secret {
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
			Namespace: keysSpace, Name: "ended-session-x", Labels: map[string]string{v1alpha1.LabelSecret: v1alpha1.SecretEndedSession},
		}, Immutable: new(true), Type: corev1.SecretTypeOpaque}
		if change != nil {
			change(secret)
		}
		return secret
	}
	host := fresh(t, apikey.RoleHost)
	if err := suite.cluster.Create(t.Context(), host.Secret(keysSpace)); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		what    string
		allowed bool
		do      func() error
	}{
		{"make a key", true, func() error { return c.Create(t.Context(), key.Secret(keysSpace)) }},
		{"note its use", true, func() error { return patch(key, string(key.UsedPatch(now))) }},
		{"let it end", true, func() error { return patch(key, string(key.RetirePatch(now.Add(time.Hour)))) }},
		{"let it end earlier", true, func() error { return patch(key, string(key.RetirePatch(now.Add(time.Minute)))) }},
		{"note a use once more", true, func() error { return patch(key, string(key.UsedPatch(now.Add(time.Hour)))) }},
		{"note a sign-in", true, func() error { return patch(key, string(key.SeenPatch(now))) }},
		{"let it end later", false, func() error { return patch(key, string(key.RetirePatch(now.Add(2*time.Hour)))) }},
		{"let it not end", false, func() error { return patch(key, `{"metadata":{"annotations":{"berth.dev/retires-at":null}}}`) }},
		{"annotate it otherwise", false, func() error { return patch(key, annotate("a", "b")) }},
		{"change its role", false, func() error { return patch(key, `{"data":{"role":"aG9zdA=="}}`) }},
		{"take its label off", false, func() error { return patch(key, `{"metadata":{"labels":{"berth.dev/secret":null}}}`) }},
		{"label it", false, func() error { return patch(key, `{"metadata":{"labels":{"a":"b"}}}`) }},
		{"hold it", false, func() error { return patch(key, `{"metadata":{"finalizers":["a.example.com/b"]}}`) }},
		{"make a key of host staff", false, func() error { return c.Create(t.Context(), fresh(t, apikey.RoleHost).Secret(keysSpace)) }},
		{"make one that can be changed", false, func() error {
			secret := fresh(t, apikey.RoleManager).Secret(keysSpace)
			secret.Immutable = nil
			return c.Create(t.Context(), secret)
		}},
		{"make one that does not end", false, func() error { return c.Create(t.Context(), ending(t, time.Time{})) }},
		{"make one that lives for a year", true, func() error { return c.Create(t.Context(), ending(t, now.Add(apikey.DefaultMaxLife))) }},
		{"make one that lives longer", false, func() error { return c.Create(t.Context(), ending(t, now.Add(apikey.DefaultMaxLife+2*time.Hour))) }},
		{"make one whose end is no time", false, func() error {
			secret := ending(t, now.Add(time.Hour))
			secret.Annotations["berth.dev/expires-at"] = "never"
			return c.Create(t.Context(), secret)
		}},
		{"let it expire later", false, func() error { return patch(key, annotate("berth.dev/expires-at", "2099-01-01T00:00:00Z")) }},
		{"let it not expire", false, func() error { return patch(key, `{"metadata":{"annotations":{"berth.dev/expires-at":null}}}`) }},
		{"make one under another name", false, func() error {
			secret := fresh(t, apikey.RoleManager).Secret(keysSpace)
			secret.Name = "key-" + secret.Name
			return c.Create(t.Context(), secret)
		}},
		{"make a key of another Secret", false, func() error {
			return c.Patch(t.Context(), plain.DeepCopy(), client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"berth.dev/secret":"api-key"}}}`)))
		}},
		{"delete another Secret", false, func() error { return c.Delete(t.Context(), plain.DeepCopy()) }},
		{"read a single Secret", false, func() error { return c.Get(t.Context(), client.ObjectKeyFromObject(plain), &corev1.Secret{}) }},
		{"list keys", true, func() error {
			return c.List(t.Context(), &corev1.SecretList{}, client.InNamespace(keysSpace), client.MatchingLabels{v1alpha1.LabelSecret: v1alpha1.SecretAPIKey})
		}},
		{"make a key elsewhere", false, func() error { return c.Create(t.Context(), fresh(t, apikey.RoleManager).Secret("default")) }},
		{"end a session", true, func() error { return c.Create(t.Context(), ended(nil)) }},
		{"turn that into a key", false, func() error {
			return c.Patch(t.Context(), ended(nil), client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"berth.dev/secret":"api-key"}}}`)))
		}},
		{"annotate that", false, func() error {
			return c.Patch(t.Context(), ended(nil), client.RawPatch(types.MergePatchType, []byte(annotate("berth.dev/last-used", "x"))))
		}},
		{"forget that", true, func() error { return c.Delete(t.Context(), ended(nil)) }},
		{"end a session with data", false, func() error {
			return c.Create(t.Context(), ended(func(s *corev1.Secret) { s.StringData = map[string]string{"role": "manager"} }))
		}},
		{"end a session that can be changed", false, func() error {
			return c.Create(t.Context(), ended(func(s *corev1.Secret) { s.Immutable = nil }))
		}},
		{"end a session under the name of a key", false, func() error {
			return c.Create(t.Context(), ended(func(s *corev1.Secret) { s.Name = "apikey-x" }))
		}},
		{"make a key under the name of a session", false, func() error {
			return c.Create(t.Context(), ended(func(s *corev1.Secret) { s.Labels[v1alpha1.LabelSecret] = v1alpha1.SecretAPIKey }))
		}},
		{"end a session elsewhere", false, func() error {
			return c.Create(t.Context(), ended(func(s *corev1.Secret) { s.Namespace = "default" }))
		}},
		{"delete a key", true, func() error { return c.Delete(t.Context(), key.Secret(keysSpace)) }},
		{"delete a key of host staff", true, func() error { return c.Delete(t.Context(), host.Secret(keysSpace)) }},
	} {
		err := step.do()
		if refused := apierrors.IsInvalid(err) || apierrors.IsForbidden(err); err == nil != step.allowed || err != nil && !refused {
			t.Errorf("to %s: got %v, want it allowed: %t", step.what, err, step.allowed)
		}
	}
}

// ending is the Secret of a key that isn't written and expires at a time; zero for never.
func ending(t *testing.T, at time.Time) *corev1.Secret {
	t.Helper()
	key, _, err := apikey.New(apikey.Spec{Role: apikey.RoleManager, Organizations: []string{"some-organization"}, Expires: at})
	if err != nil {
		t.Fatal(err)
	}
	return key.Secret(keysSpace)
}

// TestFacadeKeyLife says that the Namespace's annotation decides how long the keys live that the facade makes.
func TestFacadeKeyLife(t *testing.T) {
	c := asFacade(t)
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: keysSpace}}
	say := func(life string) {
		t.Helper()
		patch := `{"metadata":{"annotations":{"berth.dev/max-key-life":` + life + `}}}`
		if err := suite.cluster.Patch(t.Context(), namespace.DeepCopy(), client.RawPatch(types.MergePatchType, []byte(patch))); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		patch := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"annotations":{"berth.dev/max-key-life":null}}}`))
		if err := suite.cluster.Patch(context.WithoutCancel(t.Context()), namespace, patch); err != nil {
			t.Error(err)
		}
	})
	try := func(life time.Duration) error {
		at := time.Time{}
		if life > 0 {
			at = time.Now().Add(life)
		}
		return c.Create(t.Context(), ending(t, at), client.DryRunAll)
	}
	const month = 30 * 24 * time.Hour
	cases := map[string]struct {
		annotation string
		life       time.Duration
		allowed    bool
	}{
		"Within":   {`"720h"`, month, true},
		"Beyond":   {`"720h"`, month + 2*time.Hour, false},
		"Never":    {`"720h"`, 0, false},
		"Any":      {`"0"`, 0, true},
		"AnyZero":  {`"0s"`, 20 * apikey.DefaultMaxLife, true},
		"Nonsense": {`"a year"`, time.Hour, false},
		"Default":  {`null`, apikey.DefaultMaxLife, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			say(tc.annotation)
			eventually(t, "the policy knows the annotation", func() bool { return (try(tc.life) == nil) == tc.allowed })
		})
	}
}

// fresh is a key that isn't written.
func fresh(t *testing.T, role apikey.Role) apikey.Key {
	t.Helper()
	spec := apikey.Spec{Role: role, Expires: time.Now().Add(30 * 24 * time.Hour)}
	if role != apikey.RoleHost {
		spec.Organizations = []string{"some-organization"}
	}
	key, _, err := apikey.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
