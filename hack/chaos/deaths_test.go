package chaos

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/berth-dev/berth/hack/chaos/fault"
)

const (
	// patience is how long an end state may take on a machine that is busy.
	patience = 2 * time.Minute
	// spare is how many more writes than an undisturbed operator needs may be the fatal one.
	spare = 3
)

// step is something that is done to every site, and what says that an undisturbed operator has done its part.
type step struct {
	name string
	do   func(site, context.Context) error
	done func(site, context.Context) error
}

var steps = []step{
	{"creation", site.make, site.settled},
	{"change", site.change, site.settled},
	{"simplification", site.simplify, site.settled},
	{"deletion", site.remove, site.gone},
}

// deaths are the ways in which an operator meets a write. The short form goes through one of them, by chance, for each write.
var deaths = []fault.Death{
	{Mode: fault.Unsent},
	{Mode: fault.Unanswered},
	{Mode: fault.Unsent, Survives: true},
	{Mode: fault.Unanswered, Survives: true},
}

// TestOperatorDies kills the operator at each of the writes that it makes for a site, before the write is sent or before its answer arrives, and
// starts another: what is there in the end is what it would be without that. So it is when only that one write fails.
func TestOperatorDies(t *testing.T) {
	model := site("chaos-model")
	fates := map[site]fault.Death{model: {}}
	chance := chance(t.Name())
	for at := range lives(t) {
		one := chance.IntN(len(deaths))
		for i, death := range deaths {
			if death.At = at + 1; *long || i == one {
				fates[site(fmt.Sprintf("chaos-%d-%03d", i, death.At))] = death
			}
		}
	}
	for _, s := range steps {
		t.Run(s.name, func(t *testing.T) { dieIn(t, s, model, fates) })
		if t.Failed() {
			return // Sites that aren't the same can't be compared after one more step.
		}
	}
}

// lives is how many writes an undisturbed operator makes for a site in its longest step, and some more.
func lives(t *testing.T) int {
	t.Helper()
	probe := site("chaos-probe")
	writes := &fault.Deaths{}
	op := startOperator(t, through(writes.Wrap))
	defer op.stop()
	most := 0
	for _, s := range steps {
		writes.Plan(string(probe), fault.Death{})
		if err := s.do(probe, t.Context()); err != nil {
			t.Fatal(err)
		}
		eventually(t, func(ctx context.Context) error { return s.done(probe, ctx) })
		most = max(most, len(writes.Writes(string(probe))))
		t.Logf("%s: an undisturbed operator writes %d times:\n%s", s.name, len(writes.Writes(string(probe))),
			strings.Join(writes.Writes(string(probe)), "\n"))
	}
	return most + spare
}

// dieIn lets the operator meet its fates in a step, starts another one, and compares all sites with the model.
func dieIn(t *testing.T, s step, model site, fates map[site]fault.Death) {
	t.Helper()
	f := begin(t, "operator killed at each write of a "+s.name)
	mortal := &fault.Deaths{}
	var names []string
	for one, death := range fates {
		mortal.Plan(string(one), death)
		names = append(names, string(one))
	}
	slices.Sort(names)
	f.Objects = len(names)
	op := startOperator(t, through(mortal.Wrap))
	for _, name := range names {
		if err := s.do(site(name), t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, func(ctx context.Context) error { return s.done(model, ctx) })
	awaitQuiet(t, mortal, names)
	op.stop()
	for _, name := range names {
		if mortal.Hit(name) {
			f.Faults++
		}
	}
	fresh := startOperator(t, later)
	defer fresh.stop()
	compare(t, f, fresh, model, names)
}

// awaitQuiet waits until the operator writes nothing any more.
func awaitQuiet(t *testing.T, mortal *fault.Deaths, names []string) {
	t.Helper()
	before := -1
	eventually(t, func(context.Context) error {
		time.Sleep(500 * time.Millisecond)
		now := 0
		for _, name := range names {
			now += len(mortal.Writes(name))
		}
		defer func() { before = now }()
		if now != before {
			return errors.New("the operator still writes")
		}
		return nil
	})
}

// compare waits until the fresh operator has looked at all sites and rests, and all of them look like the model then. It counts those that don't in
// the end.
func compare(t *testing.T, f *figures, fresh *operator, model site, names []string) {
	t.Helper()
	var differ map[string]string
	err := soon(t, func(ctx context.Context) error {
		if err := fresh.rests(ctx, names); err != nil {
			return err
		}
		seen, err := look(ctx, names)
		if err != nil {
			return err
		}
		differ = map[string]string{}
		want := seen.state(string(model))
		for _, name := range names {
			if diff := difference(want, seen.state(name)); diff != "" {
				differ[name] = diff
			}
		}
		if orphans := seen.orphans(); len(orphans) > 0 {
			differ["orphans"] = strings.Join(orphans, "\n")
		}
		if len(differ) > 0 {
			return fmt.Errorf("%d sites differ from the model", len(differ))
		}
		return nil
	})
	if err != nil && len(differ) == 0 {
		t.Fatal(err)
	}
	for name, diff := range differ {
		f.diverged(t, "%s (-model +site):\n%s", name, diff)
	}
}

// difference compares two states, and tells only of the objects that differ.
func difference(want, got map[string]any) string {
	var all strings.Builder
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if diff := cmp.Diff(want[name], got[name]); diff != "" {
			fmt.Fprintf(&all, "%s:\n%.2000s\n", name, diff)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if _, wanted := want[name]; !wanted {
			fmt.Fprintf(&all, "%s: it is one too many\n", name)
		}
	}
	return all.String()
}
