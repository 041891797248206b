package testenv

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// Patience is how long a test waits for what is to happen.
	Patience = 20 * time.Second
	// Poll is how long it waits before it looks again.
	Poll = 20 * time.Millisecond
)

// Eventually waits until the check finds nothing to complain about, and fails the test with its last complaint if that takes longer than Patience.
func Eventually(t *testing.T, check func(ctx context.Context) error) {
	t.Helper()
	if err := Await(t.Context(), Patience, check); err != nil {
		t.Fatal(err)
	}
}

// Await waits until the check finds nothing to complain about, and returns its last complaint if that takes longer than patience or than ctx lasts.
func Await(ctx context.Context, patience time.Duration, check func(ctx context.Context) error) error {
	deadline := time.Now().Add(patience)
	for {
		err := check(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("after %s: %w", patience, err)
		}
		time.Sleep(Poll)
	}
}

// Condition is what a test says of a condition, in a type of its own package, where it is written without the names of the fields.
type Condition interface {
	~struct {
		Status metav1.ConditionStatus
		Reason string
	}
}

// Object is an App or a Domain.
type Object interface {
	client.Object
	GetConditions() []metav1.Condition
}

// Expect waits until an object has these conditions, by their types, all of the present generation, and tools that know only kstatus agree. What
// was read last is in the object then.
func Expect[C Condition](t *testing.T, c client.Client, o Object, kstatus status.Status, want map[string]C) {
	t.Helper()
	Eventually(t, func(ctx context.Context) error {
		if err := c.Get(ctx, client.ObjectKeyFromObject(o), o); err != nil {
			return err
		}
		got := map[string]C{}
		for _, c := range o.GetConditions() {
			if c.ObservedGeneration != o.GetGeneration() {
				return fmt.Errorf("%s speaks of generation %d, want %d", c.Type, c.ObservedGeneration, o.GetGeneration())
			}
			if _, ok := want[c.Type]; ok {
				got[c.Type] = C{Status: c.Status, Reason: c.Reason}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			return fmt.Errorf("conditions (-want +got):\n%s\n%+v", diff, o.GetConditions())
		}
		return is(c, o, kstatus)
	})
}

// is says what kstatus makes of an object, unless it is this.
func is(c client.Client, o client.Object, want status.Status) error {
	kind, err := c.GroupVersionKindFor(o)
	if err != nil {
		return err
	}
	raw, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
	if err != nil {
		return err
	}
	u := &unstructured.Unstructured{Object: raw}
	u.SetGroupVersionKind(kind)
	result, err := status.Compute(u)
	if err != nil {
		return err
	}
	if result.Status != want {
		return fmt.Errorf("kstatus %s (%s), want %s", result.Status, result.Message, want)
	}
	return nil
}
