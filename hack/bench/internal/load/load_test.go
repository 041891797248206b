package load

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestFigureOf(t *testing.T) {
	began := time.Now()
	var answers []answer
	for i := 1; i <= 100; i++ {
		a := answer{began: began.Add(time.Duration(i-1) * 10 * time.Millisecond)}
		a.ended = a.began.Add(time.Duration(i) * time.Millisecond)
		if i > 98 {
			a.failure = "no"
		}
		answers = append(answers, a)
	}
	f := figureOf(answers)
	if f.Calls != 100 || f.Failed != 2 || f.Failure != "no" || f.Max < 99.9 || f.Max > 100.1 {
		t.Errorf("figureOf(...): got %+v, want 100 calls, 2 of them failed with no, and at most 100 ms", f)
	}
	if f.P50 < 45 || f.P50 > 55 || f.P99 < 97 || f.P99 > 100.1 {
		t.Errorf("figureOf(...): got the quantiles %.1f and %.1f, want about 50 and 99", f.P50, f.P99)
	}
	// The last call begins after 0.99 s and takes 0.1 s; those that fail are no part of the rate.
	if want := 98 / 1.09; f.Rate < want-0.1 || f.Rate > want+0.1 {
		t.Errorf("figureOf(...): got %.2f calls a second, want %.2f", f.Rate, want)
	}
}

func TestHTTP(t *testing.T) {
	var served atomic.Int32
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		served.Add(1)
		if body, err := io.ReadAll(r.Body); err != nil || string(body) != "b" || r.Method != http.MethodPut || r.Header.Get("X-Test") != "a" {
			t.Errorf("got %s of %q, error %v", r.Method, body, err)
		}
		if strings.HasSuffix(r.URL.Path, "/3") {
			w.WriteHeader(http.StatusTeapot)
		}
	}))
	defer server.Close()
	trusted := x509.NewCertPool()
	trusted.AddCert(server.Certificate())
	client := NewClient(&tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS13}, 4)
	target := func(n int) Request {
		return Request{Method: http.MethodPut, URL: fmt.Sprintf("%s/%d", server.URL, n%10), Header: map[string]string{"X-Test": "a"}, Body: []byte("b")}
	}
	f := HTTP(t.Context(), client, 4, Bounds{Calls: 20}, http.StatusOK, target)
	if f.Calls != 20 || served.Load() != 20 || f.Failed != 2 || !strings.Contains(f.Failure, "418") {
		t.Errorf("HTTP(...): got %+v and %d served, want 20 calls of which 2 fail with 418", f, served.Load())
	}
	f = HTTP(t.Context(), client, 1, Bounds{Duration: 50 * time.Millisecond}, http.StatusOK, func(int) Request { return target(0) })
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
