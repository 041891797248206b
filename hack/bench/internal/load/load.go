// Package load has clients make the same call over and over, each as soon as its last one is answered, and says how fast that went.
package load

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// Figure says how fast calls were answered.
type Figure struct {
	// Calls is how many were made, Failed how many of them were not answered as they should be, and Failure is why the first wasn't.
	Calls   int    `json:"calls"`
	Failed  int    `json:"failed"`
	Failure string `json:"failure,omitempty"`
	// Seconds is how long all took together, and Rate how many were answered a second.
	Seconds float64 `json:"seconds"`
	Rate    float64 `json:"rate"`
	// P50, P99 and Max are how long single calls took, in milliseconds.
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// Bounds say when to stop: after a time, or after so many calls; the one that isn't zero counts.
type Bounds struct {
	Duration time.Duration
	Calls    int
}

// meter makes a Figure of single calls. It is for one goroutine.
type meter struct {
	latencies vegeta.LatencyMetrics
	figure    Figure
	began     time.Time
	ended     time.Time
}

func (m *meter) add(began time.Time, latency time.Duration, failure string) {
	if m.began.IsZero() || began.Before(m.began) {
		m.began = began
	}
	if end := began.Add(latency); end.After(m.ended) {
		m.ended = end
	}
	m.figure.Calls++
	m.latencies.Add(latency)
	m.latencies.Max = max(m.latencies.Max, latency)
	if failure == "" {
		return
	}
	m.figure.Failed++
	if m.figure.Failure == "" {
		m.figure.Failure = failure
	}
}

func (m *meter) done() Figure {
	f := m.figure
	if f.Calls == 0 {
		return f
	}
	f.Seconds = m.ended.Sub(m.began).Seconds()
	f.Rate = float64(f.Calls-f.Failed) / f.Seconds
	f.P50, f.P99, f.Max = millis(m.latencies.Quantile(0.5)), millis(m.latencies.Quantile(0.99)), millis(m.latencies.Max)
	return f
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// HTTP makes the calls that next returns, for each by its number, and wants the status for an answer. Connections are kept.
func HTTP(ctx context.Context, client *http.Client, clients int, bounds Bounds, status uint16, next func(n int) vegeta.Target) Figure {
	var n atomic.Int64
	targets := func(target *vegeta.Target) error {
		i := int(n.Add(1)) - 1
		if ctx.Err() != nil || bounds.Calls > 0 && i >= bounds.Calls {
			return vegeta.ErrNoTargets
		}
		*target = next(i)
		return nil
	}
	workers := uint64(max(clients, 1))
	attacker := vegeta.NewAttacker(vegeta.Client(client), vegeta.Workers(workers), vegeta.MaxWorkers(workers))
	m := &meter{}
	for result := range attacker.Attack(targets, vegeta.ConstantPacer{}, bounds.Duration, "") {
		if result.Error == vegeta.ErrNoTargets.Error() {
			continue
		}
		m.add(result.Timestamp, result.Latency, failureOf(result, status))
	}
	return m.done()
}

// failureOf says what is wrong with an answer; empty if nothing is.
func failureOf(result *vegeta.Result, status uint16) string {
	switch result.Code {
	case status:
		return ""
	case 0:
		return result.Error
	default:
		return fmt.Sprintf("status %d: %.200s", result.Code, result.Body)
	}
}

// Func calls a function, with the number of each call, in the same way.
func Func(ctx context.Context, clients int, bounds Bounds, call func(ctx context.Context, n int) error) Figure {
	type answer struct {
		began   time.Time
		latency time.Duration
		failure string
	}
	answers := make(chan answer, 1024)
	var n atomic.Int64
	var workers sync.WaitGroup
	deadline := time.Now().Add(bounds.Duration)
	for range clients {
		workers.Go(func() {
			for {
				i := int(n.Add(1)) - 1
				began := time.Now()
				if ctx.Err() != nil || bounds.Calls > 0 && i >= bounds.Calls || bounds.Calls == 0 && began.After(deadline) {
					return
				}
				a := answer{began: began}
				if err := call(ctx, i); err != nil {
					a.failure = err.Error()
				}
				a.latency = time.Since(began)
				answers <- a
			}
		})
	}
	go func() {
		workers.Wait()
		close(answers)
	}()
	m := &meter{}
	for a := range answers {
		m.add(a.began, a.latency, a.failure)
	}
	return m.done()
}

// Err is why a figure is worth nothing; nil if it is.
func (f Figure) Err() error {
	switch {
	case f.Calls == 0:
		return errors.New("no call was made")
	case f.Failed > 0:
		return fmt.Errorf("%d of %d calls failed, the first with: %s", f.Failed, f.Calls, f.Failure)
	default:
		return nil
	}
}
