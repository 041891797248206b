package watches

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/testobjects"
)

// A Pod wakes its App when its status changes or it begins to end, and not when anything else of it does.
func TestPodChanged(t *testing.T) {
	t.Parallel()
	ended := metav1.NewTime(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	before := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "web", ResourceVersion: "1"}, Status: testobjects.PodReady()}
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
			if got := PodChanged.Update(event.UpdateEvent{ObjectOld: before, ObjectNew: after}); got != tc.want {
				t.Errorf("lets the change through: %t, want %t", got, tc.want)
			}
		})
	}
}

// Changes of others' objects wake nobody, except that they come, go or change hands.
func TestOwnedOrNew(t *testing.T) {
	t.Parallel()
	ours, theirs := testobjects.ControlledBy(v1alpha1.GroupVersion.String(), "App", "web"), testobjects.ControlledBy("", "", "")
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
			if got := OwnedOrNew.Update(event.UpdateEvent{ObjectOld: tc.before, ObjectNew: tc.after}); got != tc.want {
				t.Errorf("lets the change through: %t, want %t", got, tc.want)
			}
		})
	}
	if !OwnedOrNew.Create(event.CreateEvent{Object: theirs}) || !OwnedOrNew.Delete(event.DeleteEvent{Object: theirs}) {
		t.Error("doesn't let through that others' objects come and go")
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
			before := &v1alpha1.Domain{ObjectMeta: testobjects.Named("shop", "www"), Spec: v1alpha1.DomainSpec{Host: "www.test", AppRef: v1alpha1.AppRef{Name: "web"}}}
			after := before.DeepCopy()
			after.Generation++
			tc.change(after)
			if got := AsksOtherwise.Update(event.UpdateEvent{ObjectOld: before, ObjectNew: after}); got != tc.want {
				t.Errorf("got %t, want %t", got, tc.want)
			}
		})
	}
}
