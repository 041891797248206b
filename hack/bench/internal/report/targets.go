package report

import (
	"fmt"
	"slices"
)

// Names of the calls that targets are about.
const (
	CallList      = "list, first page"
	CallListLast  = "list, last page"
	CallGet       = "get"
	CallUnchanged = "put unchanged"
	CallChanged   = "put changed"
	CallRestart   = "restart"
	CallCreate    = "create"
)

// targetClients is how many clients the targets of calls are for.
const targetClients = 4

// targetConverge is how many Apps the target of making Apps is for.
const targetConverge = 1000

// target is a figure that is wanted.
type target struct {
	what, want, got string
	met             bool
}

func atLeast(what string, want, got float64) target {
	return target{what: what, want: "≥ " + number(want), got: number(got), met: got >= want}
}

func atMost(what string, want, got float64) target {
	return target{what: what, want: "≤ " + number(want), got: number(got), met: got <= want}
}

func share(what string, want, got float64) target {
	return target{what: what, want: "≥ " + percent(want), got: percent(got), met: got >= want}
}

func memory(what string, megabytesWanted, got int64) target {
	return target{what: what, want: fmt.Sprintf("≤ %d MB", megabytesWanted), got: megabytes(got), met: got>>20 <= megabytesWanted}
}

// most is the size with the most Apps.
func (r *Results) most() Size {
	return slices.MaxFunc(r.Sizes, func(a, b Size) int { return a.Apps - b.Apps })
}

// nearest is the size with the number of Apps that is nearest to one.
func (r *Results) nearest(apps int) Size {
	return slices.MinFunc(r.Sizes, func(a, b Size) int { return distance(a.Apps, apps) - distance(b.Apps, apps) })
}

// call is the figures of a call with the number of clients that targets are for, or the nearest to it.
func (s *Size) call(name string) Call {
	calls := slices.DeleteFunc(slices.Clone(s.Calls), func(c Call) bool { return c.Name != name })
	return slices.MinFunc(calls, func(a, b Call) int { return distance(a.Clients, targetClients) - distance(b.Clients, targetClients) })
}

func distance(a, b int) int { return max(a-b, b-a) }

// targets are what is wanted, with what was got.
func (r *Results) targets() []target {
	s := r.most()
	var all []target
	for _, read := range []struct {
		call string
		rate float64
	}{{CallList, 2000}, {CallListLast, 2000}, {CallGet, 8000}} {
		c := s.call(read.call)
		all = append(all, atLeast(c.Name+": calls/s", read.rate, c.Rate), atMost(c.Name+": p99 in ms", 15, c.P99),
			atMost(c.Name+": requests to the API server", 0, c.Requests))
	}
	create, made := s.call(CallCreate), r.nearest(targetConverge).Converge
	all = append(all,
		atMost("put unchanged: writes", 0, s.call(CallUnchanged).Writes),
		share("create: share of the floor's rate", 0.6, create.Ratio()),
		atMost("create: the facade's requests", 3, create.Requests),
		share("Deployments of 1,000 Apps: share of the floor's rate", 0.7, made.Rate/made.Floor.Rate),
		atMost("idle operator: requests but leases and watches", 0, float64(s.Operator.IdleRequests)),
		atMost("all reconciled once more: writes", 0, float64(s.Operator.ResyncWrites)),
		memory("operator: memory", 250, max(s.Operator.ConvergedRSS, s.Operator.RestartedRSS)),
		memory("facade: memory", 200, max(s.Facade.StartedRSS, s.Facade.LoadedRSS)),
	)
	for _, single := range made.Singles {
		all = append(all, atMost("an App "+single.What+": requests with the whole reconcile", 8, float64(single.Facade+single.Operator)))
	}
	return append(all, r.flat())
}

// flat wants a reconcile to cost the same whatever else there is.
func (r *Results) flat() target {
	least := slices.MinFunc(r.Sizes, func(a, b Size) int { return a.Apps - b.Apps })
	most := r.most()
	growth := most.Operator.ChangeCPU / least.Operator.ChangeCPU
	return atMost(fmt.Sprintf("CPU of a change with %s Apps, by that with %s", thousands(int64(most.Apps)), thousands(int64(least.Apps))), 1.5, growth)
}

func (r *Results) targetTable() *table {
	t := newTable("figure", "target", "measured", "met")
	for _, target := range r.targets() {
		met := "no"
		if target.met {
			met = "yes"
		}
		t.add(target.what, target.want, target.got, met)
	}
	return t
}
