package ssa

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
)

// fight is about a Service that another manager changes back.
type fight struct {
	t        *testing.T
	clock    *clocktesting.FakePassiveClock
	contests *Contests
	owner    *corev1.ConfigMap
	client   client.Client
	writes   int
}

func newFight(t *testing.T) *fight {
	t.Helper()
	f := &fight{t: t, clock: clocktesting.NewFakePassiveClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)), owner: newOwner(t)}
	f.contests = NewContests(api, f.clock)
	f.client = interceptor.NewClient(api, interceptor.Funcs{
		Apply: func(ctx context.Context, c client.WithWatch, o runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
			err := c.Apply(ctx, o, opts...)
			if err == nil {
				f.writes++
			}
			return err
		},
	})
	f.apply(wanted(f.owner))
	return f
}

// apply applies a Service, and returns how often it was written for that.
func (f *fight) apply(want *corev1ac.ServiceApplyConfiguration) int {
	f.t.Helper()
	before := f.writes
	if err := Apply(f.contests.With(f.t.Context()), f.client, f.owner, want, &corev1.Service{}, corev1ac.ExtractService); err != nil {
		f.t.Fatal(err)
	}
	return f.writes - before
}

// change changes the Service as another manager, and applies what is wanted again.
func (f *fight) change() int {
	f.t.Helper()
	service := stored(f.t, f.owner)
	service.Spec.Ports[0].TargetPort = intstr.FromString("changed")
	if err := api.Update(f.t.Context(), service, client.FieldOwner("rival")); err != nil {
		f.t.Fatal(err)
	}
	return f.apply(wanted(f.owner))
}

// told returns what is told of the owner, without how it is called.
func (f *fight) told() ([]Contest, time.Duration) { return f.contests.Of(f.owner.GetUID()) }

func TestContests(t *testing.T) {
	t.Parallel()
	f := newFight(t)
	if all, again := f.told(); len(all) != 0 || again != 0 {
		t.Errorf("told %+v though nothing is contested", all)
	}
	for i := range contestedOften {
		if got := f.change(); got != 1 {
			t.Fatalf("change %d: written %d times", i+1, got)
		}
		f.clock.SetTime(f.clock.Now().Add(time.Second))
	}
	const field = `spec.ports[port=80,protocol="TCP"].targetPort`
	want := []Contest{{Kind: "Service", Name: "web", Claims: []Claim{{Field: field, Manager: "rival"}}, Often: true}}
	all, again := f.told()
	if diff := cmp.Diff(want, all); diff != "" || again != contestedTold-time.Second {
		t.Errorf("told (-want +got):\n%s\nagain after %s", diff, again)
	}

	if got := f.change(); got != 0 {
		t.Errorf("written %d times within a minute", got)
	}
	if _, again := f.told(); again != contestedAgain-time.Second {
		t.Errorf("again after %s", again)
	}
	other := wanted(f.owner).WithLabels(map[string]string{"a": "b"})
	if got := f.apply(other); got != 1 {
		t.Errorf("something else was written %d times", got)
	}
	f.change()
	f.clock.SetTime(f.clock.Now().Add(contestedAgain))
	if got := f.change(); got != 1 {
		t.Errorf("written %d times after a minute", got)
	}
	if got := f.change(); got != 0 {
		t.Errorf("written %d times in the next minute", got)
	}

	f.clock.SetTime(f.clock.Now().Add(contestedTold))
	if all, again := f.told(); len(all) != 0 || again != 0 {
		t.Errorf("told %+v after it was over", all)
	}
	f.change()
	if all, _ := f.told(); len(all) != 1 || all[0].Often {
		t.Errorf("told %+v after it began again", all)
	}
	f.contests.Forget(f.owner.GetUID())
	if all, _ := f.told(); len(all) != 0 {
		t.Errorf("told %+v after it was forgotten", all)
	}
}

// What others remove is nobody's afterwards; and an object that was made again is another one.
func TestContestsOfRemoved(t *testing.T) {
	t.Parallel()
	f := newFight(t)
	remove := func() {
		service := stored(t, f.owner)
		service.Spec.Ports = []corev1.ServicePort{{Name: "other", Port: 81}}
		if err := api.Update(t.Context(), service, client.FieldOwner("rival")); err != nil {
			t.Fatal(err)
		}
		f.apply(wanted(f.owner))
	}
	remove()
	remove()
	all, _ := f.told()
	if diff := cmp.Diff([]Contest{{Kind: "Service", Name: "web"}}, all); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	for range contestedOften {
		f.change()
	}
	if err := api.Delete(t.Context(), stored(t, f.owner)); err != nil {
		t.Fatal(err)
	}
	f.apply(wanted(f.owner))
	if got := f.change(); got != 1 {
		t.Errorf("the object that was made again was written %d times", got)
	}
}

// An object that was restored from a backup has fields that nobody sets any more.
func TestRestoredIsNotContested(t *testing.T) {
	t.Parallel()
	f := newFight(t)
	service := stored(t, f.owner)
	service.Spec.Ports[0].TargetPort = intstr.FromString("restored")
	service.ManagedFields = []metav1.ManagedFieldsEntry{{}}
	if err := api.Update(t.Context(), service); err != nil {
		t.Fatal(err)
	}
	if got := f.apply(wanted(f.owner)); got != 1 {
		t.Errorf("written %d times", got)
	}
	if all, _ := f.told(); len(all) != 0 {
		t.Errorf("told %+v", all)
	}
}

// An object that could be written again, and is not for another reason, is not asked for in a loop.
func TestHeldObjectThatIsNotWritten(t *testing.T) {
	t.Parallel()
	f := newFight(t)
	for range contestedOften {
		f.change()
	}
	if got := f.change(); got != 0 {
		t.Fatalf("written %d times within a minute", got)
	}
	f.clock.SetTime(f.clock.Now().Add(contestedAgain))
	if all, again := f.told(); len(all) != 1 || again != contestedTold-contestedAgain {
		t.Errorf("told %+v, again after %s", all, again)
	}
}

// What keeps organizations apart is set back at once, however often.
func TestBoundsAreNeverHeld(t *testing.T) {
	t.Parallel()
	contests := NewContests(api, clocktesting.NewFakePassiveClock(time.Now()))
	for kind, want := range map[string]bool{"NetworkPolicy": false, "ResourceQuota": false, "LimitRange": false, "RoleBinding": false, "Service": true} {
		for range 2 * contestedOften {
			contests.written("owner", Contest{Kind: kind, Name: "berth"}, "uid", "digest", true)
		}
		if got := contests.held("owner", Contest{Kind: kind, Name: "berth"}, "uid", "digest"); got != want {
			t.Errorf("%s: held %t, want %t", kind, got, want)
		}
	}
}

// However many objects an owner has had, the memory of them is bounded, and Secrets that nobody contests take none.
func TestContestsOfAnOwnerAreBounded(t *testing.T) {
	t.Parallel()
	contests := NewContests(api, clocktesting.NewFakePassiveClock(time.Now()))
	for i := range 2 * maxRecords {
		contests.written("owner", Contest{Kind: "Secret", Name: fmt.Sprint(i)}, "uid", "digest", false)
	}
	if got := len(contests.records("owner")); got != 0 {
		t.Errorf("%d Secrets are remembered, want none", got)
	}
	for i := range 2 * maxRecords {
		contests.written("owner", Contest{Kind: "Service", Name: fmt.Sprint(i)}, "uid", "digest", false)
	}
	if got := len(contests.records("owner")); got != maxRecords {
		t.Errorf("%d objects are remembered, want %d", got, maxRecords)
	}
}

// However many owners there are, the memory of them is bounded.
func TestContestsAreBounded(t *testing.T) {
	t.Parallel()
	contests := NewContests(api, clocktesting.NewFakePassiveClock(time.Now()))
	for i := range 2 * maxOwners {
		contests.written(types.UID(fmt.Sprint(i)), Contest{Kind: "Service", Name: "web"}, "uid", "digest", true)
	}
	if got := contests.owners.Len(); got != maxOwners {
		t.Errorf("%d owners are remembered, want %d", got, maxOwners)
	}
}

func TestRewritten(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		want, got string
		fields    []string
	}{
		"Same":    {want: `{"a":1,"b":{"c":[1,2]}}`, got: `{"b":{"c":[1,2],"d":3},"a":1}`},
		"Changed": {want: `{"spec":{"a":1,"b":2}}`, got: `{"spec":{"a":3,"b":2}}`, fields: []string{"spec.a"}},
		"Removed": {want: `{"spec":{"a":{"b":"c"}}}`, got: `{"spec":{}}`, fields: []string{"spec.a"}},
		"Empty":   {want: `{"paused":false,"value":"","of":{}}`, got: `{}`},
		"Zero":    {want: `{"replicas":0}`, got: `{"replicas":1}`, fields: []string{"replicas"}},
		"ByName":  {want: `{"l":[{"name":"a","v":1}]}`, got: `{"l":[{"name":"injected"},{"name":"a","v":1}]}`},
		"ByPlace": {want: `{"l":[{"v":1}]}`, got: `{"l":[{"v":2}]}`, fields: []string{"l[0].v"}},
		"Shorter": {want: `{"l":[1,2]}`, got: `{"l":[1]}`, fields: []string{"l"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var fields []string
			for _, claim := range rewritten([]byte(tc.want), []byte(tc.got)) {
				fields = append(fields, claim.Field)
			}
			if diff := cmp.Diff(tc.fields, fields); diff != "" {
				t.Errorf("rewritten (-want +got):\n%s", diff)
			}
		})
	}
}
