package controllers

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/event"
)

func TestSetupNeedsOptions(t *testing.T) {
	t.Parallel()
	cases := map[string]Options{
		"Nothing":      {},
		"NoBaseDomain": {Namespace: "berth-system", Issuer: Issuer{Name: "ca"}},
		"NoIssuer":     {Namespace: "berth-system", BaseDomain: baseDomain},
		"NoNamespace":  {BaseDomain: baseDomain, Issuer: Issuer{Name: "ca"}},
		"BadDomain":    {Namespace: "berth-system", BaseDomain: "Apps.example.com", Issuer: Issuer{Name: "ca"}},
		"DotAtTheEnd":  {Namespace: "berth-system", BaseDomain: "apps.example.com.", Issuer: Issuer{Name: "ca"}},
		"LongDomain":   {Namespace: "berth-system", BaseDomain: strings.Repeat("a.", 113) + "aa", Issuer: Issuer{Name: "ca"}},
	}
	for name, o := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := SetupWithManager(t.Context(), nil, o); err == nil {
				t.Error("SetupWithManager succeeded, want an error")
			}
		})
	}
}

func TestOptionsDefaults(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		issuer, want Issuer
	}{
		"Defaults": {Issuer{Name: "ca"}, Issuer{Name: "ca", Kind: "ClusterIssuer", Group: "cert-manager.io"}},
		"Given":    {Issuer{Name: "ca", Kind: "Issuer", Group: "example.com"}, Issuer{Name: "ca", Kind: "Issuer", Group: "example.com"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, Options{Issuer: tc.issuer}.withDefaults().platform().Issuer); diff != "" {
				t.Errorf("issuer (-want +got):\n%s", diff)
			}
		})
	}
}

// A Pod wakes its App when its status changes or it begins to end, and not when anything else of it does.
func TestPodChanged(t *testing.T) {
	t.Parallel()
	ended := metav1.NewTime(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	before := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "web", ResourceVersion: "1"}, Status: podReady()}
	cases := map[string]struct {
		change func(*corev1.Pod)
		want   bool
	}{
		"Version": {change: func(p *corev1.Pod) { p.ResourceVersion = "2" }},
		"Status":  {change: func(p *corev1.Pod) { p.Status.ContainerStatuses[0].Ready = false }, want: true},
		"Ends":    {change: func(p *corev1.Pod) { p.DeletionTimestamp = &ended }, want: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			after := before.DeepCopy()
			tc.change(after)
			if got := podChanged.Update(event.UpdateEvent{ObjectOld: before, ObjectNew: after}); got != tc.want {
				t.Errorf("lets the change through: %t, want %t", got, tc.want)
			}
		})
	}
}
