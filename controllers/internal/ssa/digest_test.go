package ssa

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// digested returns a Service as a cache keeps it: without what the record of Berth's fields speaks of.
func digested(t *testing.T, owner *corev1.ConfigMap) *corev1.Service {
	t.Helper()
	service := stored(t, owner)
	for range 2 { // A cache may come by the same object again.
		Digest(service, corev1ac.ExtractService)
	}
	service.Spec = corev1.ServiceSpec{}
	return service
}

// A digest says the same as the record that it stands for, and when that was written.
func TestDigest(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		change func(*corev1.Service)
		want   bool
	}{
		"Applied":       {func(*corev1.Service) {}, true},
		"OthersField":   {func(s *corev1.Service) { s.Spec.SessionAffinity = corev1.ServiceAffinityClientIP }, true},
		"Changed":       {func(s *corev1.Service) { s.Spec.Ports[0].TargetPort = intstr.FromString("changed") }, false},
		"AnothersOwner": {func(s *corev1.Service) { s.OwnerReferences = nil }, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			owner := newOwner(t)
			if _, err := apply(t.Context(), api, owner); err != nil {
				t.Fatal(err)
			}
			service := stored(t, owner)
			before := AppliedAt(service)
			tc.change(service)
			if err := api.Update(t.Context(), service); err != nil {
				t.Fatal(err)
			}
			service = digested(t, owner)
			same, err := Same(service, wanted(owner), corev1ac.ExtractService)
			if err != nil || same != tc.want {
				t.Errorf("Same: %t (error: %v), want %t", same, err, tc.want)
			}
			if tc.want && !AppliedAt(service).Equal(before) {
				t.Errorf("applied at %s, want %s", AppliedAt(service), before)
			}
			if other := wanted(owner).WithLabels(map[string]string{"a": "b"}); tc.want {
				if same, err := Same(service, other, corev1ac.ExtractService); err != nil || same {
					t.Errorf("the same as what it was never made: %t (error: %v)", same, err)
				}
			}
		})
	}
}

// Nothing is like an object of which nothing was ever applied, whether its managed fields are digested or not.
func TestDigestOfOthers(t *testing.T) {
	t.Parallel()
	owner := newOwner(t)
	store(t, foreign(owner))
	service := digested(t, owner)
	for _, f := range service.ManagedFields {
		if f.Manager == v1alpha1.FieldOwner || isDigest(f.FieldsV1) {
			t.Errorf("the record %+v of somebody else's is digested", f)
		}
	}
	if same, err := Same(service, wanted(owner), corev1ac.ExtractService); err != nil || same {
		t.Errorf("Same: %t (error: %v)", same, err)
	}
}
