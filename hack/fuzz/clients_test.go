package fuzz

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sync/errgroup"
)

const (
	// slack is how many open files may be more after than before, which are connections to the API server. It is less than what is left of clients of
	// any kind, of which unread logs are the fewest.
	slack = unreadLogs - 2
	// heapSlack is how many bytes of memory may be in use more: what has been written meanwhile is in the caches.
	heapSlack = 96 << 20
	// longest is how long anything that the facade ends by a time limit may take on a busy machine.
	longest = 5 * time.Minute
)

// TestClients has all kinds of clients at once: those that send what the contract makes up, and those that are as slow as they can be. All others
// are served meanwhile, the slow ones are ended by the facade's own limits, and nothing is left of them.
func TestClients(t *testing.T) {
	idleNumber := allowIdle(t)
	before := used(t)
	known := goleak.IgnoreCurrent()
	t.Run("All", func(t *testing.T) { // With its end, the kubelet is gone.
		k, node := startKubelet(t)
		for _, name := range []string{"followed", "flood"} {
			if err := newLog(t.Context(), name, node); err != nil {
				t.Fatal(err)
			}
		}
		if err := newPod(t.Context(), "printing", "shop-0", node); err != nil { // For requests for its log, when there is such an App.
			t.Fatal(err)
		}
		t.Run("Requests", func(t *testing.T) {
			t.Parallel()
			sendRequests(t)
		})
		t.Run("Slow", func(t *testing.T) {
			t.Parallel()
			beSlow(t, k, idleNumber)
		})
	})
	// What was written to the log is no leak.
	suite.log.Reset()
	var after usage
	if err := poll(t.Context(), func() bool {
		after = used(t)
		return after.files <= before.files+slack && after.heap <= before.heap+heapSlack
	}); err != nil {
		t.Errorf("in use before: %+v, and after: %+v", before, after)
	}
	var left error
	if err := poll(t.Context(), func() bool {
		// Connections to the API server are kept for whoever comes next.
		left = goleak.Find(known, goleak.IgnoreAnyFunction("golang.org/x/net/http2.(*clientConnReadLoop).run"))
		return left == nil
	}); err != nil {
		t.Errorf("left are %v", left)
	}
}

// usage is what this process, which is the facade's too, uses.
type usage struct {
	files int
	heap  uint64
}

func used(t *testing.T) usage {
	t.Helper()
	runtime.GC()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return usage{files: len(files), heap: memory.HeapAlloc}
}

// beSlow has every kind of slow client at once.
func beSlow(t *testing.T, k *kubelet, idleNumber int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), longest)
	defer cancel()
	closeIdle, err := idle(ctx, idleNumber)
	defer closeIdle()
	if err != nil {
		t.Errorf("idle connections: %v", err)
	}
	var all errgroup.Group
	for i := range slowSenders {
		all.Go(func() error { return slowHeaders(ctx) })
		if i%2 == 0 {
			all.Go(func() error { return slowBody(ctx) })
		} else {
			all.Go(func() error { return slowBody2(ctx) })
		}
	}
	all.Go(func() error { return manyFollow(ctx, k) })
	all.Go(func() error { return unreadEnd(ctx) })
	others, end := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- serveOthers(others) }()
	if err := all.Wait(); err != nil {
		t.Errorf("slow clients: %v", err)
	}
	end()
	if err := <-served; err != nil {
		t.Errorf("others: %v", err)
	}
}

// serveOthers asks for something else again and again, until ctx ends. The error is that it wasn't served once, or not within getTimeout.
func serveOthers(ctx context.Context) error {
	transport := newTransport(true)
	defer transport.CloseIdleConnections()
	for number := 0; ; number++ {
		status, body, err := get(context.WithoutCancel(ctx), transport, keyManager, "/api/containers/"+orgOne+"/apps/")
		if err != nil || status != http.StatusOK {
			return errors.Join(err, fmt.Errorf("request %d is answered %d %s", number, status, shortened(body)))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}

// manyFollow has many follow one log, of which each gets every line, once and in order.
func manyFollow(ctx context.Context, k *kubelet) error {
	const lines = 100
	var all errgroup.Group
	for i := range manyFollowers {
		all.Go(func() error {
			next := 0
			var wrong error
			err := followLines(ctx, "followed", i%2 == 0, func(line string) bool {
				if want := fmt.Sprintf("line %d", next); line != want {
					wrong = fmt.Errorf("follower %d got %q, want %q", i, line, want)
				}
				next++
				return wrong == nil && next < lines
			})
			return errors.Join(err, wrong)
		})
	}
	for number := range lines {
		if number == 1 { // All are there, beside the first line.
			if err := poll(ctx, func() bool { return k.followers() >= manyFollowers }); err != nil {
				return errors.Join(fmt.Errorf("%d of %d follow", k.followers(), manyFollowers), err)
			}
		}
		k.print(fmt.Sprintf("line %d", number))
	}
	return all.Wait()
}

// unreadEnd has some follow a log that nobody reads, until the facade has ended each of them.
func unreadEnd(ctx context.Context) error {
	before := strings.Count(suite.log.String(), followEnded)
	following, stop := context.WithCancel(ctx)
	defer stop()
	var all errgroup.Group
	for i := range unreadLogs {
		all.Go(func() error { return unread(following, "flood", i%2 == 0) })
	}
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for strings.Count(suite.log.String(), followEnded)-before < unreadLogs {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d of %d unread logs were ended", strings.Count(suite.log.String(), followEnded)-before, unreadLogs)
		case <-ticker.C:
		}
	}
	stop()
	return all.Wait()
}

// followEnded is what the log has of each request to follow the log that nobody reads, when it has ended.
var followEnded = `"path":"` + logsPath("flood") + `"`
