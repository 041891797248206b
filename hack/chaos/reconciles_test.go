package chaos

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// calm is for how long an operator that is idle has begun nothing. What one reconcile writes wakes the next much sooner.
const calm = 500 * time.Millisecond

// reconciles counts those of one operator. It is the operator's tracer, since all operators of a process count in the same metrics.
type reconciles struct {
	noop.Tracer

	mu sync.Mutex
	// begun and ended are how many did, by what they are of.
	begun, ended map[string]int
	running      int
	// last is when one began or ended last.
	last time.Time
}

func newReconciles() *reconciles {
	return &reconciles{begun: map[string]int{}, ended: map[string]int{}}
}

// of is what a reconcile of an object is counted by.
func of(kind, namespace, name string) string {
	return "reconcile " + kind + " " + namespace + "/" + name
}

// oneReconcile is one that goes on.
type oneReconcile struct {
	noop.Span
	of  string
	all *reconciles
}

// Start counts that a reconcile begins.
func (r *reconciles) Start(ctx context.Context, name string, options ...trace.SpanStartOption) (context.Context, trace.Span) {
	about := map[attribute.Key]string{}
	config := trace.NewSpanStartConfig(options...)
	for _, a := range config.Attributes() {
		about[a.Key] = a.Value.AsString()
	}
	one := oneReconcile{of: name + " " + about["k8s.namespace.name"] + "/" + about["berth.name"], all: r}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.begun[one.of]++
	r.running++
	r.last = time.Now()
	return ctx, one
}

// End counts that the reconcile has ended.
func (c oneReconcile) End(...trace.SpanEndOption) {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	c.all.ended[c.of]++
	c.all.running--
	c.all.last = time.Now()
}

// anew returns a check that complains until a reconcile of something has ended that begins only from now on: there is one at a time of each.
func (r *reconciles) anew(of string) func(context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	begun := r.begun[of]
	return func(context.Context) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.ended[of] <= begun {
			return fmt.Errorf("no %s has begun and ended since", of)
		}
		return nil
	}
}

// bothAnew does so for an App and a Domain of the same name.
func (r *reconciles) bothAnew(namespace, name string) func(context.Context) error {
	app, domain := r.anew(of("App", namespace, name)), r.anew(of("Domain", namespace, name))
	return func(ctx context.Context) error { return errors.Join(app(ctx), domain(ctx)) }
}

// rests says what the operator still does or hasn't done: it has to have looked at all Apps and Domains of organizations, and to have rested then.
func (o *operator) rests(ctx context.Context, organizations []string) error {
	seen, err := look(ctx, organizations)
	if err != nil {
		return err
	}
	return o.reconciles.idle(seen)
}

func (r *reconciles) idle(seen world) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, objects := range seen {
		for _, o := range objects {
			var wanted string
			switch o.GetKind() {
			case "Namespace":
				wanted = of("Organization", "", o.GetName())
			case "App", "Domain":
				wanted = of(o.GetKind(), o.GetNamespace(), o.GetName())
			default:
				continue
			}
			if r.ended[wanted] == 0 {
				return fmt.Errorf("the operator has ended no %s", wanted)
			}
		}
	}
	if rested := time.Since(r.last); r.running > 0 || rested < calm {
		return fmt.Errorf("the operator still works: %d reconciles go on, and the last one began or ended %s ago", r.running, rested)
	}
	return nil
}
