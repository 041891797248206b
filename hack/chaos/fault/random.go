package fault

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Failures lets requests fail by chance, once it is enabled. It is ready to use once Chance and Rate are set.
type Failures struct {
	// Chance says which requests fail, and how.
	Chance *rand.Rand
	// Rate is how many of all requests fail, from 0 to 1.
	Rate float64

	mu      sync.Mutex
	enabled bool
	made    int
}

// Enable says whether requests fail.
func (f *Failures) Enable(enabled bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.enabled = enabled
}

// Made is how many requests have failed.
func (f *Failures) Made() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.made
}

// failures are the ways in which a request fails.
var failures = []func(next http.RoundTripper, r *http.Request) (*http.Response, error){
	answer(http.StatusTooManyRequests, metav1.StatusReasonTooManyRequests),
	answer(http.StatusInternalServerError, metav1.StatusReasonInternalError),
	answer(http.StatusServiceUnavailable, metav1.StatusReasonServiceUnavailable),
	conflict,
	timeout,
	func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
		return nil, fail(next, r, Unsent)
	},
	func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
		return nil, fail(next, r, Unanswered)
	},
}

// Wrap is for rest.Config.Wrap.
func (f *Failures) Wrap(next http.RoundTripper) http.RoundTripper {
	return RoundTripper(func(r *http.Request) (*http.Response, error) {
		f.mu.Lock()
		fails := f.enabled && f.Chance.Float64() < f.Rate && !IsWatch(r)
		how := f.Chance.IntN(len(failures))
		if fails {
			f.made++
		}
		f.mu.Unlock()
		if fails {
			return failures[how](next, r)
		}
		return next.RoundTrip(r)
	})
}

// answer returns what answers a request instead of the server.
func answer(code int, reason metav1.StatusReason) func(http.RoundTripper, *http.Request) (*http.Response, error) {
	return func(_ http.RoundTripper, r *http.Request) (*http.Response, error) {
		closeBody(r)
		status := metav1.Status{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusFailure,
			Message: "the test wants it so", Reason: reason, Code: int32(code), //nolint:gosec // A status code.
		}
		text, err := json.Marshal(status)
		if err != nil {
			return nil, err
		}
		header := http.Header{"Content-Type": {"application/json"}}
		if code == http.StatusTooManyRequests {
			header.Set("Retry-After", "1")
		}
		return &http.Response{
			StatusCode: code, Status: http.StatusText(code), Proto: r.Proto, ProtoMajor: r.ProtoMajor, ProtoMinor: r.ProtoMinor,
			Header: header, Body: io.NopCloser(bytes.NewReader(text)), ContentLength: int64(len(text)), Request: r,
		}, nil
	}
}

// conflict answers a write as if somebody else's had come before it, and lets a read fail.
func conflict(next http.RoundTripper, r *http.Request) (*http.Response, error) {
	if !IsWrite(r) {
		return answer(http.StatusInternalServerError, metav1.StatusReasonInternalError)(next, r)
	}
	return answer(http.StatusConflict, metav1.StatusReasonConflict)(next, r)
}

// timeout lets a request end as one that took too long, though the server does it.
func timeout(next http.RoundTripper, r *http.Request) (*http.Response, error) {
	response, err := next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	_ = response.Body.Close()
	return nil, context.DeadlineExceeded
}

// Cuts cut watches. The zero value is ready to use.
type Cuts struct {
	mu sync.Mutex
	// streams are those that are open, in the order in which they were opened, so that the same chance cuts the same ones.
	streams []*stream
	made    int
}

// Made is how many watches were cut.
func (c *Cuts) Made() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.made
}

// Cut cuts the watches that chosen says, which is asked for each one in the order in which they were opened.
func (c *Cuts) Cut(chosen func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.streams = slices.DeleteFunc(c.streams, func(s *stream) bool {
		if !chosen() {
			return false
		}
		c.made++
		_ = s.ReadCloser.Close()
		return true
	})
}

// Wrap is for rest.Config.Wrap.
func (c *Cuts) Wrap(next http.RoundTripper) http.RoundTripper {
	return RoundTripper(func(r *http.Request) (*http.Response, error) {
		response, err := next.RoundTrip(r)
		if err != nil || !IsWatch(r) || response.StatusCode != http.StatusOK {
			return response, err
		}
		s := &stream{ReadCloser: response.Body, cuts: c}
		response.Body = s
		c.mu.Lock()
		defer c.mu.Unlock()
		c.streams = append(c.streams, s)
		return response, nil
	})
}

// stream is the body of a watch.
type stream struct {
	io.ReadCloser
	cuts *Cuts
}

// Close closes the body, which can't be cut any more.
func (s *stream) Close() error {
	s.cuts.mu.Lock()
	s.cuts.streams = slices.DeleteFunc(s.cuts.streams, func(open *stream) bool { return open == s })
	s.cuts.mu.Unlock()
	return s.ReadCloser.Close()
}
