package ssa

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/testing/testenv"
)

// api asks the API server directly, so it always reads what was written.
var api client.WithWatch

func TestMain(m *testing.M) {
	os.Exit(testenv.Run(m, func(_ context.Context, config *rest.Config) error {
		if err := v1alpha1.AddToScheme(scheme.Scheme); err != nil {
			return err
		}
		var err error
		api, err = client.NewWithWatch(config, client.Options{Scheme: scheme.Scheme})
		return err
	}))
}

// newOwner returns a ConfigMap in a Namespace of its own, which owns what a test writes.
func newOwner(t *testing.T) *corev1.ConfigMap {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}
	store(t, ns)
	owner := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: ns.Name, Name: "owner"}}
	store(t, owner)
	return owner
}

func store(t *testing.T, o client.Object) {
	t.Helper()
	if err := api.Create(t.Context(), o); err != nil {
		t.Fatal(err)
	}
}

// wanted returns the Service that the tests want to be there.
func wanted(owner *corev1.ConfigMap) *corev1ac.ServiceApplyConfiguration {
	return corev1ac.Service("web", owner.Namespace).
		WithOwnerReferences(metav1ac.OwnerReference().
			WithAPIVersion("v1").WithKind("ConfigMap").WithName(owner.Name).WithUID(owner.UID).WithController(true)).
		WithSpec(corev1ac.ServiceSpec().WithPorts(corev1ac.ServicePort().WithName("http").WithPort(80).WithTargetPort(intstr.FromString("http"))))
}

// foreign returns a Service of the same name that somebody else makes.
func foreign(owner *corev1.ConfigMap) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: owner.Namespace, Name: "web"},
		Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Name: "http", Port: 80, TargetPort: intstr.FromString("theirs")}}},
	}
}

func apply(ctx context.Context, c client.Client, owner *corev1.ConfigMap) (*corev1.Service, error) {
	service := &corev1.Service{}
	return service, Apply(ctx, c, owner, wanted(owner), service, corev1ac.ExtractService)
}

func stored(t *testing.T, owner *corev1.ConfigMap) *corev1.Service {
	t.Helper()
	s := &corev1.Service{}
	if err := api.Get(t.Context(), types.NamespacedName{Namespace: owner.Namespace, Name: "web"}, s); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestApply(t *testing.T) {
	t.Parallel()
	owner := newOwner(t)
	made, err := apply(t.Context(), api, owner)
	if err != nil {
		t.Fatal(err)
	}
	// An answer has no managed fields, and a typed read has no kind.
	want := stored(t, owner)
	want.ManagedFields, want.TypeMeta = nil, made.TypeMeta
	if diff := cmp.Diff(want, made); diff != "" {
		t.Errorf("Apply read something else than what is stored (-stored +read):\n%s", diff)
	}

	again, err := apply(t.Context(), onlyReads(t), owner)
	if err != nil {
		t.Fatal(err)
	}
	if again.ResourceVersion != made.ResourceVersion {
		t.Error("a second Apply changed the object")
	}

	made.Spec.Ports[0].TargetPort = intstr.FromString("changed")
	if err := api.Update(t.Context(), made); err != nil {
		t.Fatal(err)
	}
	if _, err := apply(t.Context(), api, owner); err != nil {
		t.Fatal(err)
	}
	if got := stored(t, owner).Spec.Ports; len(got) != 1 || got[0].TargetPort.StrVal != "http" {
		t.Errorf("ports = %+v after somebody changed the target", got)
	}
}

// onlyReads returns a client that fails the test if something is written.
func onlyReads(t *testing.T) client.Client {
	t.Helper()
	return interceptor.NewClient(api, interceptor.Funcs{
		Apply: func(context.Context, client.WithWatch, runtime.ApplyConfiguration, ...client.ApplyOption) error {
			t.Error("something was written")
			return nil
		},
	})
}

// staleReads returns a client whose reads answer with what the cache still holds: nothing, or an object.
func staleReads(old *corev1.Service) client.Client {
	return interceptor.NewClient(api, interceptor.Funcs{
		Get: func(_ context.Context, _ client.WithWatch, key client.ObjectKey, o client.Object, _ ...client.GetOption) error {
			s, ok := o.(*corev1.Service)
			if !ok || old == nil {
				return apierrors.NewNotFound(schema.GroupResource{Resource: "services"}, key.Name)
			}
			old.DeepCopyInto(s)
			return nil
		},
	})
}

func TestApplyLeavesOthersObjectsAlone(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		reason string
		client func(t *testing.T, owner *corev1.ConfigMap) client.Client
		// port is that of the object, of which Berth wants another field; 0 for that of foreign.
		port  int32
		check func(error) bool
	}{
		"Seen": {
			client: func(*testing.T, *corev1.ConfigMap) client.Client { return api },
			check:  isNotOwned,
		},
		"NotSeenYet": {
			reason: "The cache doesn't know of the object yet: the apply conflicts.",
			client: func(*testing.T, *corev1.ConfigMap) client.Client { return staleReads(nil) },
			check:  isNotOwned,
		},
		"NotSeenYetAndNoConflict": {
			reason: "Nor does it, and nothing that is applied is another's.",
			client: func(*testing.T, *corev1.ConfigMap) client.Client { return staleReads(nil) },
			port:   5432,
			check:  func(err error) bool { return errors.Is(err, ErrReplaced) },
		},
		"MadeAnew": {
			reason: "The cache still holds an object of the owner's that was deleted since: the UID doesn't fit.",
			client: func(t *testing.T, owner *corev1.ConfigMap) client.Client {
				t.Helper()
				old := foreign(owner)
				old.UID = "33333333-3333-3333-3333-333333333333"
				old.OwnerReferences = []metav1.OwnerReference{{UID: owner.UID, Controller: new(true)}}
				return staleReads(old)
			},
			check: func(err error) bool { return errors.Is(err, ErrReplaced) },
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			owner := newOwner(t)
			theirs := foreign(owner)
			if tc.port != 0 {
				theirs.Spec.Ports[0].Name, theirs.Spec.Ports[0].Port = "theirs", tc.port
			}
			store(t, theirs)
			if _, err := apply(t.Context(), tc.client(t, owner), owner); !tc.check(err) {
				t.Errorf("%s Apply: got error %v", tc.reason, err)
			}
			if diff := cmp.Diff(theirs, stored(t, owner)); diff != "" {
				t.Errorf("%s The object changed (-before +after):\n%s", tc.reason, diff)
			}
		})
	}
}

func isNotOwned(err error) bool {
	e, ok := errors.AsType[*NotOwnedError](err)
	return ok && *e == NotOwnedError{Kind: "Service", Name: "web"}
}

func TestAdopt(t *testing.T) {
	t.Parallel()
	type want struct{ owned bool }
	cases := map[string]struct {
		prepare func(t *testing.T, owner *corev1.ConfigMap)
		want    want
	}{
		"Unowned": {
			prepare: func(t *testing.T, owner *corev1.ConfigMap) {
				t.Helper()
				store(t, foreign(owner))
			},
			want: want{owned: true},
		},
		"OwnedByAnother": {
			prepare: func(t *testing.T, owner *corev1.ConfigMap) {
				t.Helper()
				s := foreign(owner)
				s.OwnerReferences = []metav1.OwnerReference{{
					APIVersion: "v1", Kind: "ConfigMap", Name: "x", UID: "44444444-4444-4444-4444-444444444444", Controller: new(true),
				}}
				store(t, s)
			},
			want: want{owned: false},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			owner := newOwner(t)
			tc.prepare(t, owner)
			if err := Adopt(t.Context(), api, owner, wanted(owner), &corev1.Service{}, corev1ac.ExtractService); err != nil {
				t.Fatal(err)
			}
			if got := (want{metav1.IsControlledBy(stored(t, owner), owner)}); got != tc.want {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
		})
	}
	t.Run("Missing", func(t *testing.T) {
		t.Parallel()
		owner := newOwner(t)
		if err := Adopt(t.Context(), onlyReads(t), owner, wanted(owner), &corev1.Service{}, corev1ac.ExtractService); err != nil {
			t.Error(err)
		}
	})
}

func TestPrune(t *testing.T) {
	t.Parallel()
	prune := func(t *testing.T, owner *corev1.ConfigMap) {
		t.Helper()
		obj := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: owner.Namespace, Name: "web"}}
		if err := Prune(t.Context(), api, owner, obj, ""); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("Own", func(t *testing.T) {
		t.Parallel()
		owner := newOwner(t)
		if _, err := apply(t.Context(), api, owner); err != nil {
			t.Fatal(err)
		}
		prune(t, owner)
		err := api.Get(t.Context(), types.NamespacedName{Namespace: owner.Namespace, Name: "web"}, &corev1.Service{})
		if !apierrors.IsNotFound(err) {
			t.Errorf("got error %v, want the object to be gone", err)
		}
		prune(t, owner)
	})
	t.Run("Foreign", func(t *testing.T) {
		t.Parallel()
		owner := newOwner(t)
		store(t, foreign(owner))
		prune(t, owner)
		stored(t, owner)
	})
}
