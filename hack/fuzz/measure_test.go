package fuzz

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	reportFlag   = flag.String("report", "", "the file that BenchmarkSlowClients writes its figures to, as a page of the documentation; empty for none")
	durationFlag = flag.Duration("duration", 10*time.Second, "how long BenchmarkSlowClients measures beside each kind of slow clients")
)

const (
	// measuring is how many clients are measured at once.
	measuring = 4
	// bound is how many times the normal time others may be answered in, at the 99th percentile.
	bound = 2
)

// figure is how others are served beside some slow clients.
type figure struct {
	beside   string
	requests int
	p50, p99 time.Duration
	failed   int
}

// BenchmarkSlowClients measures how long others wait for their answers while slow clients hang on the facade: beside each kind of them, and all.
// It is run by hand, and says whether the bound holds; the machine's other work is in it, since this process is the facade, its slow clients and
// those that are measured.
func BenchmarkSlowClients(b *testing.B) {
	allowFiles(b)
	k, node := startKubelet(b)
	for _, name := range []string{"followed", "flood"} {
		if err := newLog(b.Context(), name, node); err != nil {
			b.Fatal(err)
		}
	}
	kinds := []struct {
		name  string
		start func(ctx context.Context) (stop func())
	}{
		{"none", func(context.Context) func() { return func() {} }},
		{fmt.Sprintf("%d that send headers, a byte each %s", slowSenders, pause), many(slowSenders, slowHeaders)},
		{fmt.Sprintf("%d that send bodies so", slowSenders), many(slowSenders, slowBody)},
		{fmt.Sprintf("%d that follow a log and don't read", unreadLogs), many(unreadLogs, func(ctx context.Context) error { return unread(ctx, "flood", false) })},
		{fmt.Sprintf("%d that follow one log, of 10 lines a second", manyFollowers), followers(k)},
		{fmt.Sprintf("%d idle connections", idleClients), idlers(b)},
	}
	var figures []figure
	for range b.N {
		for _, kind := range kinds {
			figures = append(figures, beside(b, kind.name, kind.start))
		}
		figures = append(figures, beside(b, "all of these", func(ctx context.Context) func() {
			stops := make([]func(), 0, len(kinds))
			for _, kind := range kinds {
				stops = append(stops, kind.start(ctx))
			}
			return func() {
				for _, stop := range stops {
					stop()
				}
			}
		}))
	}
	page := report(figures)
	b.Log("\n" + page)
	if *reportFlag == "" {
		return
	}
	if err := os.WriteFile(*reportFlag, []byte(page), 0o600); err != nil {
		b.Fatal(err)
	}
}

// many starts so many clients again and again, as the facade ends them.
func many(number int, client func(ctx context.Context) error) func(ctx context.Context) func() {
	return func(ctx context.Context) func() {
		ctx, cancel := context.WithCancel(ctx)
		var running sync.WaitGroup
		for range number {
			running.Go(func() {
				for ctx.Err() == nil {
					_ = client(ctx) // One that was ended comes again.
				}
			})
		}
		return func() {
			cancel()
			running.Wait()
		}
	}
}

func followers(k *kubelet) func(ctx context.Context) func() {
	all := many(manyFollowers, func(ctx context.Context) error {
		return followLines(ctx, "followed", false, func(string) bool { return true })
	})
	return func(ctx context.Context) func() {
		ctx, cancel := context.WithCancel(ctx)
		stop := all(ctx)
		go func() {
			for ctx.Err() == nil {
				k.print("a line")
				time.Sleep(pause)
			}
		}()
		return func() {
			cancel()
			stop()
		}
	}
}

func idlers(b *testing.B) func(ctx context.Context) func() {
	b.Helper()
	return func(ctx context.Context) func() {
		stop, err := idle(ctx, idleClients)
		if err != nil {
			b.Errorf("idle connections: %v", err)
		}
		return stop
	}
}

// settle is how long slow clients have to begin before others are measured.
const settle = 2 * time.Second

// beside measures others while some slow clients are there.
func beside(b *testing.B, name string, start func(ctx context.Context) (stop func())) figure {
	b.Helper()
	stop := start(b.Context())
	defer stop()
	time.Sleep(settle)
	var mu sync.Mutex
	var took []time.Duration
	failed := 0
	var asking sync.WaitGroup
	end := time.Now().Add(*durationFlag)
	for range measuring {
		asking.Go(func() {
			transport := newTransport(true)
			defer transport.CloseIdleConnections()
			for time.Now().Before(end) {
				begin := time.Now()
				status, _, err := get(b.Context(), transport, keyManager, "/api/containers/"+orgOne+"/apps/")
				mu.Lock()
				took = append(took, time.Since(begin))
				if err != nil || status != http.StatusOK {
					failed++
				}
				mu.Unlock()
			}
		})
	}
	asking.Wait()
	slices.Sort(took)
	return figure{beside: name, requests: len(took), p50: took[len(took)/2], p99: took[len(took)*99/100], failed: failed}
}

// report is the figures as a page.
func report(figures []figure) string {
	var page strings.Builder
	fmt.Fprintf(&page, `# Slow clients

%d clients list the apps of an organization over HTTP/2, one request after another, while others are as slow as they can be. Their answers should
take at most %d times as long as normally, at the 99th percentile. Facade, slow clients, kubelet and those that are measured are one process, beside
kube-apiserver and etcd, on %d processors.

| Beside | Requests | Failed | p50 | p99 | p99, of the normal |
| --- | ---: | ---: | ---: | ---: | ---: |
`, measuring, bound, runtime.NumCPU())
	holds := true
	for _, f := range figures {
		ratio := float64(f.p99) / float64(figures[0].p99)
		holds = holds && ratio <= bound && f.failed == 0
		fmt.Fprintf(&page, "| %s | %d | %d | %s | %s | %.2f |\n", f.beside, f.requests, f.failed, milliseconds(f.p50), milliseconds(f.p99), ratio)
	}
	verdict := "The bound holds."
	if !holds {
		verdict = "The bound does not hold."
	}
	fmt.Fprintf(&page, "\n%s To repeat it: `make slow-clients`, which writes this page.\n", verdict)
	return page.String()
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond))
}
