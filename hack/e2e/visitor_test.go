package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/berth-dev/berth/hack/e2e/witness"
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

// visit visits a page again and again.
func visit(t *testing.T, host string) *witness.Visitor {
	t.Helper()
	return visitWith(t, httpClient, host, 2*time.Millisecond)
}

// visitWith is visit with a browser of the caller's, and a pause after each visit.
func visitWith(t *testing.T, browser *http.Client, host string, pause time.Duration) *witness.Visitor {
	t.Helper()
	return witness.Visit(t, pause, func(ctx context.Context) error {
		_, err := pageWith(ctx, browser, host)
		return err
	})
}
