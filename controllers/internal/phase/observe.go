package phase

import "context"

// Observer is told of each phase that runs.
type Observer interface {
	// Begin is called before a phase, and the function that it returns after it, with what kept the phase from succeeding, or nil. The phase
	// runs in the context that it returns.
	Begin(ctx context.Context, phase string) (context.Context, func(*Problem))
}

type observerKey struct{}

// Observed returns a context in which an Observer is told of the phases.
func Observed(ctx context.Context, o Observer) context.Context {
	return context.WithValue(ctx, observerKey{}, o)
}

func begin(ctx context.Context, name string) (context.Context, func(*Problem)) {
	if o, ok := ctx.Value(observerKey{}).(Observer); ok {
		return o.Begin(ctx, name)
	}
	return ctx, func(*Problem) {}
}
