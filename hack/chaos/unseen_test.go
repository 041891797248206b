package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/hack/chaos/fault"
)

// unseen is an App and a Domain of the same name that an operator sees little of, in the organization of a site that stays. The Domain leads to the
// App of that site: to read one that it has written itself, the operator would wait for what it doesn't see.
type unseen struct {
	site
	name string
}

func (u unseen) key() client.ObjectKey {
	return client.ObjectKey{Namespace: string(u.site), Name: u.name}
}

// make makes both, the same each time.
func (u unseen) make(ctx context.Context) error {
	meta := metav1.ObjectMeta{Namespace: string(u.site), Name: u.name}
	app := &v1alpha1.App{ObjectMeta: meta, Spec: v1alpha1.AppSpec{Image: "registry.example.com/shop/web:v1"}}
	domain := &v1alpha1.Domain{ObjectMeta: meta, Spec: v1alpha1.DomainSpec{
		Host: u.name + ".example.org", AppRef: v1alpha1.AppRef{Name: string(u.site)},
	}}
	return errors.Join(suite.api.Create(ctx, app), suite.api.Create(ctx, domain))
}

// remove deletes both.
func (u unseen) remove(ctx context.Context) error {
	meta := metav1.ObjectMeta{Namespace: string(u.site), Name: u.name}
	return errors.Join(suite.api.Delete(ctx, &v1alpha1.Domain{ObjectMeta: meta}), suite.api.Delete(ctx, &v1alpha1.App{ObjectMeta: meta}))
}

// both calls a function with the App and the Domain as they are now.
func (u unseen) both(ctx context.Context, check func(app *v1alpha1.App, domain *v1alpha1.Domain) error) error {
	app, domain := &v1alpha1.App{}, &v1alpha1.Domain{}
	if err := errors.Join(suite.api.Get(ctx, u.key(), app), suite.api.Get(ctx, u.key(), domain)); err != nil {
		return err
	}
	return check(app, domain)
}

// spoken says of which of the two an operator has said nothing yet.
func (u unseen) spoken(ctx context.Context) error {
	return u.both(ctx, func(app *v1alpha1.App, domain *v1alpha1.Domain) error {
		if len(app.Status.Conditions) == 0 || len(domain.Status.Conditions) == 0 {
			return fmt.Errorf("the App has %d conditions and the Domain %d", len(app.Status.Conditions), len(domain.Status.Conditions))
		}
		return nil
	})
}

// settled says what is missing until both are as they are asked to be.
func (u unseen) settled(ctx context.Context) error {
	return u.both(ctx, func(app *v1alpha1.App, domain *v1alpha1.Domain) error {
		return errors.Join(current(app), current(domain))
	})
}

// gone says what is left of both and of what belonged to them.
func (u unseen) gone(ctx context.Context) error {
	left, err := u.left(ctx)
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("%s %s is still there", left[0].GetKind(), left[0].GetName())
	}
	return err
}

// swept does what the operator would do that sees nothing: it deletes the Secrets of certificates once nothing else is left, which would tell the operator
// afterwards that there is something to do. It says what is left until then.
func (u unseen) swept(ctx context.Context) error {
	left, err := u.left(ctx)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(left, func(o *unstructured.Unstructured) bool { return o.GetKind() != "Secret" }) {
		return u.gone(ctx)
	}
	for _, o := range left {
		if err := suite.api.Delete(ctx, o); err != nil {
			return err
		}
	}
	return u.gone(ctx)
}

// left are the objects that have the name of both or begin with it.
func (u unseen) left(ctx context.Context) (left []*unstructured.Unstructured, err error) {
	seen, err := look(ctx, []string{string(u.site)})
	for _, o := range seen[string(u.site)] {
		if strings.HasPrefix(o.GetName(), u.name) {
			left = append(left, o)
		}
	}
	return left, err
}

// TestMadeAgainUnseen deletes an App and a Domain and makes them again, while the operator watches nothing. What it has of them, it has from before
// it did anything for them, so nothing but what they are themselves can tell it afterwards that there is something to do.
func TestMadeAgainUnseen(t *testing.T) {
	f := begin(t, "objects made again while the operator watches nothing")
	u := unseen{site: "unseen", name: "again"}
	gaps, deaths := &fault.Gaps{}, &fault.Deaths{}
	op := startOperator(t, through(gaps.Wrap), through(deaths.Wrap))
	do(t, u.site.make)
	eventually(t, u.site.settled)
	rounds := 1
	if *long {
		rounds = 10
	}
	for range rounds {
		tried := op.reconciles.bothAnew(string(u.site), u.name)
		deaths.Plan(string(u.site), fault.Death{At: 1}) // It sees them, and can do nothing for them.
		do(t, u.make)
		eventually(t, tried)
		gaps.Begin()
		deaths.Plan(string(u.site), fault.Death{})
		eventually(t, u.spoken)
		do(t, u.remove)
		eventually(t, u.swept)
		do(t, u.make)
		gaps.End()
		f.Objects += 2
		if err := soon(t, u.settled); err != nil {
			f.diverged(t, "what was made again: %v", err)
		}
		do(t, u.remove)
		eventually(t, u.gone)
	}
	f.Faults = gaps.Made()
}

// do does something that must not fail.
func do(t *testing.T, something func(context.Context) error) {
	t.Helper()
	if err := something(t.Context()); err != nil {
		t.Fatal(err)
	}
}
