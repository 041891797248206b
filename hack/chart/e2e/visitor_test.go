package e2e

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"
)

// visitor gets an App's page again and again, to see whether anybody would have noticed a change.
type visitor struct {
	cancel context.CancelFunc
	done   sync.WaitGroup
	// What the visits saw, to be read when done.
	visits   int
	failures []error
}

// visit begins when the page is there for the first time.
func visit(t *testing.T, host string) *visitor {
	t.Helper()
	address := "https://" + host + "/"
	eventually(t, time.Minute, host+" answers", func() (bool, string) {
		status, err := get(t.Context(), address, "")
		return err == nil && status == http.StatusOK, fmt.Sprint(status, err)
	})
	ctx, cancel := context.WithCancel(t.Context())
	v := &visitor{cancel: cancel}
	t.Cleanup(cancel)
	v.done.Go(func() {
		for ctx.Err() == nil {
			status, err := get(ctx, address, "")
			if err == nil && status != http.StatusOK {
				err = fmt.Errorf("status %d", status)
			}
			v.visits++
			if err != nil && ctx.Err() == nil {
				v.failures = append(v.failures, err)
			}
			time.Sleep(10 * time.Millisecond)
		}
	})
	return v
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
