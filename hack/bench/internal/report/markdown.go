package report

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Markdown is all figures as text.
func (r *Results) Markdown() string {
	var b strings.Builder
	b.WriteString("# Figures\n\nWritten by `make bench`; [README.md](README.md) says how they were taken.\n\n")
	m := r.Machine
	fmt.Fprintf(&b, "%d × %s, Linux %s, %s, %s; the run took %s. Milliseconds unless said.\n\n", m.CPUs, m.Model, m.Kernel, m.Go, m.Time,
		(time.Duration(r.Seconds) * time.Second).String())
	b.WriteString("![Calls a second by the number of Apps](calls.svg)\n![Share of the floor's rate](floor.svg)\n\n")
	section := func(title, text string, tables ...*table) {
		fmt.Fprintf(&b, "## %s\n\n%s\n\n", title, text)
		for _, t := range tables {
			fmt.Fprintf(&b, "%s\n", t)
		}
	}
	section("Targets", "Each is for two processors that the load comes from as well, with 5,000 Apps unless said, by 4 clients.", r.targetTable())
	section("Making Apps", fmt.Sprintf("From the first POST of %d clients until the Deployment of each App is there, and until the operator has nothing "+
		"more to do. Each App has an environment and a Domain. Requests and reconciles are for one App with its Domain.", convergeClients(r)),
		r.convergeTable(), r.floorTable())
	section("What a new App costs the API server", "The operator's requests for one App with its Domain, by their kinds, and the CPU time of each process (ms). "+
		"Watches, and what makes and keeps it the leader, are among them.",
		r.kindTable(), r.cpuTable())
	section("Single Apps", "Requests for an App that is made with nothing else going on, all reconciles included.", r.singleTable())
	section("The operator where all is done", "", r.operatorTable())
	section("The facade", "", r.facadeTable())
	for _, s := range r.Sizes {
		section(fmt.Sprintf("Calls with %s Apps", thousands(int64(s.Apps))), "Requests and writes are the facade's at the API server for one call. "+
			"CPU times are for one call, too; etcd's is in the API server's.", s.callTable(), s.callFloorTable())
	}
	for _, what := range slices.Sorted(maps.Keys(r.Profiles)) {
		section("Profile: "+what, "```\n"+strings.TrimRight(r.Profiles[what], "\n")+"\n```")
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

func convergeClients(r *Results) int {
	for _, s := range r.Sizes {
		return s.Converge.Clients
	}
	return 0
}

func (s *Size) callTable() *table {
	t := newTable("call", "clients", "calls/s", "p50", "p99", "requests", "writes", "reviews in all", "CPU facade", "CPU API server", "CPU load")
	for _, c := range s.Calls {
		t.add(c.Name, strconv.Itoa(c.Clients), number(c.Rate), number(c.P50), number(c.P99), number(c.Requests), number(c.Writes), strconv.Itoa(c.Reviews),
			number(c.CPU["facade"]), number(c.CPU["kube-apiserver"]+c.CPU["etcd"]), number(c.CPU["bench"]))
	}
	return t
}

// callFloorTable compares those calls with the floor that have one.
func (s *Size) callFloorTable() *table {
	t := newTable("call", "clients", "calls/s", "floor/s", "floor p99", "of the floor", "floor by apply/s", "of that")
	for _, c := range s.Calls {
		if c.Floor == nil {
			continue
		}
		row := []string{c.Name, strconv.Itoa(c.Clients), number(c.Rate), number(c.Floor.Rate), number(c.Floor.P99), percent(c.Ratio())}
		if c.FloorApply != nil {
			row = append(row, number(c.FloorApply.Rate), percent(c.ApplyRatio()))
		}
		t.add(row...)
	}
	return t
}

func (r *Results) convergeTable() *table {
	t := newTable("Apps", "Deployments after", "Apps/s", "all done after", "Apps/s", "POST/s", "POST p99", "facade's requests", "operator's requests",
		"reconciles")
	for _, s := range r.Sizes {
		c := s.Converge
		t.add(thousands(int64(s.Apps)), number(c.Seconds)+" s", number(c.Rate), number(c.Settled)+" s", number(c.SettledRate), number(c.Post.Rate),
			number(c.Post.P99), number(c.FacadeRequests), number(c.OperatorRequests), number(c.Reconciles))
	}
	return t
}

// floorTable compares the making of Apps with the floor.
func (r *Results) floorTable() *table {
	t := newTable("Apps", "floor, Apps/s", "floor's requests", "Deployments, of the floor", "all done, of the floor", "floor by apply, Apps/s",
		"Deployments, of that", "all done, of that")
	for _, s := range r.Sizes {
		c := s.Converge
		t.add(thousands(int64(s.Apps)), number(c.Floor.Rate), strconv.Itoa(c.FloorWrites), percent(c.Rate/c.Floor.Rate), percent(c.SettledRate/c.Floor.Rate),
			number(c.FloorApply.Rate), percent(c.Rate/c.FloorApply.Rate), percent(c.SettledRate/c.FloorApply.Rate))
	}
	return t
}

// bySize is a table with a column for each size, and a row for each key that a size has a value for.
func (r *Results) bySize(title string, values func(s *Size) map[string]float64) *table {
	head, keys := []string{title}, map[string]bool{}
	for i := range r.Sizes {
		head = append(head, thousands(int64(r.Sizes[i].Apps))+" Apps")
		for key := range values(&r.Sizes[i]) {
			keys[key] = true
		}
	}
	t := newTable(head...)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		row := []string{key}
		for i := range r.Sizes {
			row = append(row, number(values(&r.Sizes[i])[key]))
		}
		t.add(row...)
	}
	return t
}

func (r *Results) singleTable() *table {
	t := newTable("an App", "facade", "operator", "both")
	for _, single := range r.singles() {
		t.add(single.What, strconv.Itoa(single.Facade), strconv.Itoa(single.Operator), strconv.Itoa(single.Facade+single.Operator))
	}
	return t
}

func (r *Results) kindTable() *table {
	return r.bySize("requests", func(s *Size) map[string]float64 { return s.Converge.Kinds })
}

func (r *Results) cpuTable() *table {
	return r.bySize("process", func(s *Size) map[string]float64 { return s.Converge.CPU })
}

func (r *Results) operatorTable() *table {
	t := newTable("Apps", "first reconcile after", "all reconciled after", "reconciles", "requests", "writes", "CPU a reconcile", "requests when idle",
		"requests a change", "reconciles a change", "CPU a change", "memory, Apps made", "memory, restarted", "at most")
	for _, s := range r.Sizes {
		o := s.Operator
		t.add(thousands(int64(s.Apps)), number(o.FirstReconcile)+" s", number(o.AllReconciled)+" s", thousands(int64(o.Reconciles)),
			thousands(int64(o.ResyncRequests)), thousands(int64(o.ResyncWrites)), number(o.ReconcileCPU),
			fmt.Sprintf("%d in %.0f s", o.IdleRequests, o.IdleSeconds), number(o.ChangeRequests), number(o.ChangeReconciles), number(o.ChangeCPU),
			megabytes(o.ConvergedRSS), megabytes(o.RestartedRSS), megabytes(o.PeakRSS))
	}
	return t
}

func (r *Results) facadeTable() *table {
	t := newTable("Apps", "ready after", "memory, started", "memory, after all calls", "at most")
	for _, s := range r.Sizes {
		f := s.Facade
		t.add(thousands(int64(s.Apps)), number(f.Ready)+" s", megabytes(f.StartedRSS), megabytes(f.LoadedRSS), megabytes(f.PeakRSS))
	}
	return t
}
