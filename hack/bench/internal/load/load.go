// Package load has clients make the same call over and over, each as soon as its last one is answered, and says how fast that went.
package load

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	hdrhistogram "github.com/HdrHistogram/hdrhistogram-go"
	"github.com/valyala/fasthttp"
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

const (
	// timeout is how long an answer may take: longer than the facade gives the API server for one, or its word for that would be lost.
	timeout = time.Minute
	// idle is how long a connection is kept between calls: less than the facade keeps it, since nothing is sent twice.
	idle = time.Minute
)

// answer is how a call was answered: failure is empty if it was as it should be.
type answer struct {
	began, ended time.Time
	failure      string
}

// figureOf sums answers up, which are in the order in which they came.
func figureOf(answers []answer) Figure {
	var f Figure
	if len(answers) == 0 {
		return f
	}
	took := hdrhistogram.New(1, time.Hour.Microseconds(), 3) // Microseconds, to three digits.
	began, ended := answers[0].began, answers[0].ended
	for _, a := range answers {
		if a.began.Before(began) {
			began = a.began
		}
		if a.ended.After(ended) {
			ended = a.ended
		}
		_ = took.RecordValue(a.ended.Sub(a.began).Microseconds()) // What takes longer than an hour has failed.
		if a.failure == "" {
			continue
		}
		f.Failed++
		f.Failure = cmp.Or(f.Failure, a.failure)
	}
	f.Calls, f.Seconds = len(answers), ended.Sub(began).Seconds()
	f.Rate = float64(f.Calls-f.Failed) / f.Seconds
	f.P50, f.P99, f.Max = millis(took.ValueAtQuantile(50)), millis(took.ValueAtQuantile(99)), millis(took.Max())
	return f
}

func millis(micros int64) float64 { return float64(micros) / 1000 }

// Request is what a call sends.
type Request struct {
	// Method and URL are as in HTTP.
	Method, URL string
	// Header has a value for each name.
	Header map[string]string
	// Body is nil for none.
	Body []byte
}

// NewClient returns a client for HTTP that takes little of the processors, which it shares with what is measured. It keeps up to so many
// connections, and sends nothing twice.
func NewClient(config *tls.Config, connections int) *fasthttp.Client {
	return &fasthttp.Client{
		TLSConfig: config, MaxConnsPerHost: connections, MaxIdleConnDuration: idle, ReadTimeout: timeout, WriteTimeout: timeout,
		MaxIdemponentCallAttempts: 1, DisablePathNormalizing: true, NoDefaultUserAgentHeader: true,
	}
}

// HTTP sends the requests that next returns, for each by its number, and wants the status for an answer.
func HTTP(ctx context.Context, client *fasthttp.Client, clients int, bounds Bounds, status int, next func(n int) Request) Figure {
	return Func(ctx, clients, bounds, func(_ context.Context, n int) error { return Do(client, next(n), status, nil) })
}

// Do sends a request and wants the status for an answer, whose body read is given, if it isn't nil, until it returns.
func Do(client *fasthttp.Client, r Request, status int, read func(body []byte) error) error {
	request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(response)
	request.Header.SetMethod(r.Method)
	request.SetRequestURI(r.URL)
	for name, value := range r.Header {
		request.Header.Set(name, value)
	}
	request.SetBodyRaw(r.Body)
	if err := client.Do(request, response); err != nil {
		return err
	}
	if got := response.StatusCode(); got != status {
		return fmt.Errorf("status %d: %.200s", got, response.Body())
	}
	if read == nil {
		return nil
	}
	return read(response.Body())
}

// Func calls a function over and over, with the number of each call.
func Func(ctx context.Context, clients int, bounds Bounds, call func(ctx context.Context, n int) error) Figure {
	var n atomic.Int64
	var workers sync.WaitGroup
	deadline := time.Now().Add(bounds.Duration)
	answers := make([][]answer, max(clients, 1))
	for worker := range answers {
		workers.Go(func() {
			for {
				i := int(n.Add(1)) - 1
				began := time.Now()
				if ctx.Err() != nil || bounds.Calls > 0 && i >= bounds.Calls || bounds.Calls == 0 && began.After(deadline) {
					return
				}
				err := call(ctx, i)
				a := answer{began: began, ended: time.Now()}
				if err != nil {
					a.failure = err.Error()
				}
				answers[worker] = append(answers[worker], a)
			}
		})
	}
	workers.Wait()
	all := slices.Concat(answers...)
	slices.SortFunc(all, func(a, b answer) int { return a.ended.Compare(b.ended) })
	return figureOf(all)
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
