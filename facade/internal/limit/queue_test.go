package limit

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

func TestQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := NewQueue(1, 1)
		leave, err := q.Join(t.Context(), "acme")
		if err != nil {
			t.Fatal(err)
		}
		got := make(chan func())
		go func() {
			second, err := q.Join(context.Background(), "acme")
			if err != nil {
				t.Error(err)
			}
			got <- second
		}()
		synctest.Wait()
		if _, err := q.Join(t.Context(), "acme"); !errors.Is(err, ErrFull) {
			t.Errorf("the third of one that runs and one that waits: got %v, want ErrFull", err)
		}
		other, err := q.Join(t.Context(), "rival")
		if err != nil {
			t.Errorf("another caller: %v", err)
		}
		other()
		leave()
		leave()
		second := <-got
		ended, end := context.WithCancel(t.Context())
		end()
		if _, err := q.Join(ended, "acme"); !errors.Is(err, context.Canceled) {
			t.Errorf("one that is gone: got %v, want that it was canceled", err)
		}
		second()
		if len(q.queues) > 0 {
			t.Errorf("it remembers callers who have nothing: %v", q.queues)
		}
	})
}
