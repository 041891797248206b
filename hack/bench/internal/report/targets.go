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

// What the targets are for: so many Apps, and so many that are made.
const (
	targetApps     = 5000
	targetConverge = 1000
)

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

// with is the size with so many Apps; nil if that was not measured.
func (r *Results) with(apps int) *Size {
	at := slices.IndexFunc(r.Sizes, func(s Size) bool { return s.Apps == apps })
	if at < 0 {
		return nil
	}
	return &r.Sizes[at]
}

// call is the figures of a call with the number of clients that targets are for, or the nearest to it.
func (s *Size) call(name string) Call {
	calls := slices.DeleteFunc(slices.Clone(s.Calls), func(c Call) bool { return c.Name != name })
	return slices.MinFunc(calls, func(a, b Call) int { return distance(a.Clients, targetClients) - distance(b.Clients, targetClients) })
}

func distance(a, b int) int { return max(a-b, b-a) }

// targets are what is wanted, with what was got; those for a number of Apps that was not measured are left out.
func (r *Results) targets() []target {
	var all []target
	if s := r.with(targetApps); s != nil {
		all = append(all, s.callTargets()...)
		all = append(all, s.processTargets()...)
	}
	if s := r.with(targetConverge); s != nil {
		made := s.Converge
		all = append(all,
			share("Deployments of 1,000 Apps: share of the rate at which the floor makes all their objects", 0.7, made.Rate/made.Floor.Rate),
			share("all done for 1,000 Apps: share of the same", 0.7, made.SettledRate/made.Floor.Rate),
		)
	}
	for _, single := range r.singles() {
		all = append(all, atMost("an App "+single.What+": requests with the whole reconcile", 8, float64(single.Facade+single.Operator)))
	}
	if len(r.Sizes) > 1 {
		all = append(all, r.flat())
	}
	return all
}

// callTargets are those of single calls. Access reviews aren't counted: there is one of a kind in some seconds, however many calls there are.
func (s *Size) callTargets() []target {
	var all []target
	for _, read := range []struct {
		call string
		rate float64
	}{{CallList, 2000}, {CallListLast, 2000}, {CallGet, 8000}} {
		c := s.call(read.call)
		all = append(all, atLeast(c.Name+": calls/s", read.rate, c.Rate), atMost(c.Name+": p99 in ms", 15, c.P99),
			atMost(c.Name+": requests to the API server but access reviews", 0, c.Requests))
	}
	create := s.call(CallCreate)
	return append(all,
		atMost("put unchanged: writes", 0, s.call(CallUnchanged).Writes),
		share("create: share of the floor's rate", 0.6, create.Ratio()),
		atMost("create: the facade's requests but access reviews", 5, create.Requests),
	)
}

// processTargets are those of operator and facade as processes.
func (s *Size) processTargets() []target {
	o, f := s.Operator, s.Facade
	return []target{
		atMost(fmt.Sprintf("operator idle for %.0f s: requests but leases and watches", o.IdleSeconds), 0, float64(o.IdleRequests)),
		atMost("all reconciled once more: writes", 0, float64(o.ResyncWrites)),
		memory("operator: memory when it has nothing to do", 250, max(o.ConvergedRSS, o.RestartedRSS)),
		memory("operator: memory at most", 250, o.PeakRSS),
		memory("facade: memory when it has nothing to do", 200, max(f.StartedRSS, f.LoadedRSS)),
		memory("facade: memory at most", 200, f.PeakRSS),
	}
}

// singles are what single Apps cost, with as many Apps as are made for the target or, if that was not measured, with the most.
func (r *Results) singles() []Single {
	if s := r.with(targetConverge); s != nil {
		return s.Converge.Singles
	}
	return r.most().Converge.Singles
}

// flat wants a reconcile to cost the same whatever else there is.
func (r *Results) flat() target {
	least := slices.MinFunc(r.Sizes, func(a, b Size) int { return a.Apps - b.Apps })
	most := r.most()
	growth := most.Operator.ChangeCPU / least.Operator.ChangeCPU
	return atMost(fmt.Sprintf("CPU of a change with %s Apps, by that with %s", thousands(int64(most.Apps)), thousands(int64(least.Apps))), 1.2, growth)
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
