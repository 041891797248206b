// Package report keeps what was measured, and writes it as JSON, as Markdown tables and as plots.
package report

import (
	"github.com/berth-dev/berth/hack/bench/internal/load"
)

// Results are all figures of a run.
type Results struct {
	Machine Machine `json:"machine"`
	// Seconds is how long the run took.
	Seconds float64 `json:"seconds"`
	Sizes   []Size  `json:"sizes"`
	// Profiles are the functions that took most of the CPU time or memory, as `go tool pprof -top` prints them, by what was profiled.
	Profiles map[string]string `json:"profiles,omitempty"`
}

// Machine is what it was measured on.
type Machine struct {
	CPUs   int    `json:"cpus"`
	Model  string `json:"model"`
	Kernel string `json:"kernel"`
	Go     string `json:"go"`
	Time   string `json:"time"`
}

// Size are the figures with a number of Apps, each with a Domain.
type Size struct {
	Apps     int      `json:"apps"`
	Calls    []Call   `json:"calls"`
	Converge Converge `json:"converge"`
	Operator Operator `json:"operator"`
	Facade   Facade   `json:"facade"`
}

// Call are the figures of a call of the REST API.
type Call struct {
	Name    string `json:"name"`
	Clients int    `json:"clients"`
	load.Figure

	// Requests are those of the facade to the API server for each call, and Writes those among them that change something. Reviews are how many
	// access reviews there were in all the time: the answer to one is kept for seconds.
	Requests float64 `json:"requests"`
	Writes   float64 `json:"writes"`
	Reviews  int     `json:"reviews"`
	// CPU is the CPU time of each process for a call, in milliseconds; the load's is that of "bench".
	CPU map[string]float64 `json:"cpu"`
	// Floor is how fast a plain client was with the same at the API server; nil where there is nothing to compare.
	Floor *load.Figure `json:"floor,omitempty"`
	// FloorApply is the same by server-side apply, as Berth writes, where that makes a difference.
	FloorApply *load.Figure `json:"floorApply,omitempty"`
}

// Ratio is the share of the floor's rate; 0 without a floor.
func (c Call) Ratio() float64 {
	if c.Floor == nil || c.Floor.Rate == 0 {
		return 0
	}
	return c.Rate / c.Floor.Rate
}

// ApplyRatio is the share of the rate of the floor by server-side apply; 0 without one.
func (c Call) ApplyRatio() float64 {
	if c.FloorApply == nil || c.FloorApply.Rate == 0 {
		return 0
	}
	return c.Rate / c.FloorApply.Rate
}

// Converge says how fast Apps were made by POST, until there was the Deployment of each.
type Converge struct {
	Clients int `json:"clients"`
	// Seconds is from the first POST until all Deployments were there, Settled until the operator had nothing more to do.
	Seconds float64 `json:"seconds"`
	Settled float64 `json:"settled"`
	// Rate is in Apps a second, until all Deployments were there, and SettledRate until all was done.
	Rate        float64     `json:"rate"`
	SettledRate float64     `json:"settledRate"`
	Post        load.Figure `json:"post"`
	// FacadeRequests and OperatorRequests are those to the API server for each App, Reconciles how many there were of each App with its Domain.
	FacadeRequests   float64 `json:"facadeRequests"`
	OperatorRequests float64 `json:"operatorRequests"`
	Reconciles       float64 `json:"reconciles"`
	// Kinds are the operator's requests for each App, by verb and resource.
	Kinds map[string]float64 `json:"kinds"`
	// CPU is the CPU time of each process for each App, in milliseconds.
	CPU map[string]float64 `json:"cpu"`
	// Singles are what Apps cost that are made with nothing else going on.
	Singles []Single `json:"singles"`
	// Floor is how fast a plain client made the same objects, with as many clients or with more if that is faster; FloorWrites is how many requests it
	// took for an App.
	Floor load.Figure `json:"floor"`
	// FloorApply is the same by server-side apply, as Berth makes them.
	FloorApply  load.Figure `json:"floorApply"`
	FloorWrites int         `json:"floorWrites"`
}

// Single is what an App costs the API server, all reconciles included.
type Single struct {
	// What says what the App has.
	What     string `json:"what"`
	Facade   int    `json:"facade"`
	Operator int    `json:"operator"`
}

// Operator are the figures of an operator that starts where all is done.
type Operator struct {
	// FirstReconcile is how long after its start it had done the first reconcile, AllReconciled every App and Domain, in seconds.
	FirstReconcile float64 `json:"firstReconcile"`
	AllReconciled  float64 `json:"allReconciled"`
	Reconciles     int     `json:"reconciles"`
	// ResyncRequests are its requests meanwhile, without those that fill its caches, and ResyncWrites those among them that change something.
	ResyncRequests int `json:"resyncRequests"`
	ResyncWrites   int `json:"resyncWrites"`
	// ReconcileCPU is the CPU time of each of these reconciles, in milliseconds.
	ReconcileCPU float64 `json:"reconcileCPU"`
	// IdleSeconds is for how long it was watched doing nothing, and IdleRequests what it asked for but leases and watches.
	IdleSeconds  float64 `json:"idleSeconds"`
	IdleRequests int     `json:"idleRequests"`
	// ChangeRequests, ChangeReconciles and ChangeCPU (milliseconds) are for one changed App each.
	ChangeRequests   float64 `json:"changeRequests"`
	ChangeReconciles float64 `json:"changeReconciles"`
	ChangeCPU        float64 `json:"changeCPU"`
	// ConvergedRSS is its memory after all Apps were made, RestartedRSS after a restart, PeakRSS the most of both, in bytes.
	ConvergedRSS int64 `json:"convergedRSS"`
	RestartedRSS int64 `json:"restartedRSS"`
	PeakRSS      int64 `json:"peakRSS"`
}

// Facade are the figures of the facade as a process.
type Facade struct {
	// Ready is how long after its start it answered, in seconds.
	Ready float64 `json:"ready"`
	// StartedRSS is its memory then, LoadedRSS after all calls, PeakRSS the most that it was, in bytes.
	StartedRSS int64 `json:"startedRSS"`
	LoadedRSS  int64 `json:"loadedRSS"`
	PeakRSS    int64 `json:"peakRSS"`
}
