package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// page gets an App's page, HOST[/PATH], as a browser would: through the ingress controller, over verified TLS.
func page(ctx context.Context, address string) (string, error) {
	return pageWith(ctx, httpClient, address)
}

// pageWith is page with a browser of the caller's.
func pageWith(ctx context.Context, browser *http.Client, address string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+address, http.NoBody)
	if err != nil {
		return "", err
	}
	res, err := browser.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %s: %s", res.Status, body)
	}
	return string(body), err
}

func mustVisit(t *testing.T, address string) {
	t.Helper()
	if _, err := page(t.Context(), address); err != nil {
		t.Fatal(err)
	}
}

// waitForPage waits until a page says what it shall.
func waitForPage(t *testing.T, host, want string) {
	t.Helper()
	waitForPageWith(t, httpClient, host, want)
}

func waitForPageWith(t *testing.T, browser *http.Client, host, want string) {
	t.Helper()
	eventually(t, time.Minute, "the page of "+host+" says "+want, func() (bool, string) {
		got, err := pageWith(t.Context(), browser, host)
		if err != nil {
			return false, err.Error()
		}
		return strings.HasPrefix(got, want), got
	})
}

// visitor gets a page again and again, to see whether anybody would have noticed a change.
type visitor struct {
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu       sync.Mutex
	visits   int
	failures []error
}

func visit(t *testing.T, host string) *visitor {
	t.Helper()
	return visitWith(t, httpClient, host, 2*time.Millisecond)
}

// visitWith is visit with a browser of the caller's, and a pause after each visit.
func visitWith(t *testing.T, browser *http.Client, host string, pause time.Duration) *visitor {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	v := &visitor{cancel: cancel}
	t.Cleanup(cancel)
	v.done.Go(func() {
		for ctx.Err() == nil {
			_, err := pageWith(ctx, browser, host)
			v.count(ctx, err)
			time.Sleep(pause)
		}
	})
	return v
}

func (v *visitor) count(ctx context.Context, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.visits++
	if err != nil && ctx.Err() == nil {
		v.failures = append(v.failures, err)
	}
}

// mustNotHaveNoticed ends the visits and fails the test if one of them failed.
func (v *visitor) mustNotHaveNoticed(t *testing.T) {
	t.Helper()
	v.cancel()
	v.done.Wait()
	t.Logf("%d visits, %d failures", v.visits, len(v.failures))
	if len(v.failures) > 0 {
		t.Errorf("%d of %d visits failed, the first with: %v", len(v.failures), v.visits, v.failures[0])
	}
	if v.visits < 50 {
		t.Errorf("only %d visits: too few to tell", v.visits)
	}
}
