package mail

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berth-dev/berth/facade/internal/apierr"
)

// TestLimit says that an organization has five messages in any minute, whatever becomes of them, and that others have theirs.
func TestLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &limit{now: time.Now}
		for i := range maxSent {
			if wait := l.take("one"); wait != 0 {
				t.Fatalf("message %d has to wait %s", i, wait)
			}
			time.Sleep(2 * time.Second)
		}
		if wait := l.take("one"); wait != 50*time.Second {
			t.Errorf("one more has to wait %s, want 50s", wait)
		}
		if wait := l.take("other"); wait != 0 {
			t.Errorf("another organization has to wait %s", wait)
		}
		time.Sleep(50 * time.Second)
		if wait := l.take("one"); wait != 0 {
			t.Errorf("after a minute it has to wait %s", wait)
		}
		if wait := l.take("one"); wait != 2*time.Second {
			t.Errorf("the next has to wait %s, want 2s", wait)
		}
		time.Sleep(window)
		l.take("third")
		if len(l.sent) != 1 {
			t.Errorf("%d organizations are remembered that sent nothing of late", len(l.sent)-1)
		}
	})
}

func TestTooManyMessages(t *testing.T) {
	t.Parallel()
	s := startServer(t, serverOptions{})
	sender := newSender(t, s, loopback)
	for range maxSent {
		if err := sender.Test(t.Context(), "cowork", to, settings(s), domain); err != nil {
			t.Fatal(err)
		}
	}
	e, ok := errors.AsType[*apierr.Error](sender.Test(t.Context(), "cowork", to, settings(s), domain))
	if !ok || e.Status != http.StatusTooManyRequests || e.Header.Get("Retry-After") == "" {
		t.Errorf("got %v, want a 429 with Retry-After", e)
	}
	if got := len(s.messages()); got != maxSent {
		t.Errorf("%d messages arrived, want %d", got, maxSent)
	}
}
