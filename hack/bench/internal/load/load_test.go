package load

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

func TestMeter(t *testing.T) {
	m := &meter{}
	began := time.Now()
	for i := 1; i <= 100; i++ {
		failure := ""
		if i > 98 {
			failure = "no"
		}
		m.add(began.Add(time.Duration(i-1)*10*time.Millisecond), time.Duration(i)*time.Millisecond, failure)
	}
	f := m.done()
	if f.Calls != 100 || f.Failed != 2 || f.Failure != "no" || f.Max != 100 {
		t.Errorf("done(): got %+v, want 100 calls, 2 of them failed with no, and at most 100 ms", f)
	}
	if f.P50 < 45 || f.P50 > 55 || f.P99 < 97 || f.P99 > 100 {
		t.Errorf("done(): got the quantiles %.1f and %.1f, want about 50 and 99", f.P50, f.P99)
	}
	// The last call begins after 0.99 s and takes 0.1 s; those that fail are no part of the rate.
	if want := 98 / 1.09; f.Rate < want-0.1 || f.Rate > want+0.1 {
		t.Errorf("done(): got %.2f calls a second, want %.2f", f.Rate, want)
	}
}

func TestHTTP(t *testing.T) {
	var served atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		served.Add(1)
		if strings.HasSuffix(r.URL.Path, "/3") {
			w.WriteHeader(http.StatusTeapot)
		}
	}))
	defer server.Close()
	target := func(n int) vegeta.Target {
		return vegeta.Target{Method: http.MethodGet, URL: server.URL + "/" + string(rune('0'+n%10))}
	}
	f := HTTP(t.Context(), server.Client(), 4, Bounds{Calls: 20}, http.StatusOK, target)
	if f.Calls != 20 || served.Load() != 20 || f.Failed != 2 || !strings.Contains(f.Failure, "418") {
		t.Errorf("HTTP(...): got %+v and %d served, want 20 calls of which 2 fail with 418", f, served.Load())
	}
	f = HTTP(t.Context(), server.Client(), 1, Bounds{Duration: 50 * time.Millisecond}, http.StatusOK, func(int) vegeta.Target { return target(0) })
	if f.Failed > 0 || f.Seconds < 0.03 || f.Seconds > 5 {
		t.Errorf("HTTP(...): got %+v, want 50 ms without a failure", f)
	}
}

func TestFunc(t *testing.T) {
	failing := errors.New("failing")
	var sum atomic.Int64
	f := Func(t.Context(), 3, Bounds{Calls: 10}, func(_ context.Context, n int) error {
		sum.Add(int64(n))
		if n == 7 {
			return failing
		}
		return nil
	})
	if f.Calls != 10 || sum.Load() != 45 || f.Failed != 1 || f.Failure != failing.Error() {
		t.Errorf("Func(...): got %+v with the sum %d, want each of 10 calls once and one that fails", f, sum.Load())
	}
	if err := f.Err(); err == nil {
		t.Error("Err() of a figure with a failure: got nil")
	}
	if err := (Figure{}).Err(); err == nil {
		t.Error("Err() of no calls: got nil")
	}
}
