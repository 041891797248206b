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
// It is run by hand, and fails if the bound doesn't hold; the machine's other work is in it, since this process is the facade, its slow clients and
// those that are measured.
func BenchmarkSlowClients(b *testing.B) {
	idleNumber := allowIdle(b)
	k, node := startKubelet(b)
	for _, name := range []string{"followed", "flood"} {
		if err := newLog(b.Context(), name, node); err != nil {
			b.Fatal(err)
		}
	}
	all := slowKinds(b, k, idleNumber)
	var figures []figure
	for range b.N {
		beside(b, none) // The first to come find everything cold.
		figures = append(figures, beside(b, none))
		for _, each := range all {
			figures = append(figures, beside(b, each))
		}
		figures = append(figures, beside(b, together(all)), beside(b, none))
	}
	page, holds := report(figures)
	b.Log("\n" + page)
	if *reportFlag != "" {
		if err := os.WriteFile(*reportFlag, []byte(page), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	if !holds {
		b.Errorf("others were not served within %d times their normal time", bound)
	}
}

// kind is one of slow clients.
type kind struct {
	name  string
	start func(ctx context.Context) (stop func())
}

var none = kind{"none", func(context.Context) func() { return func() {} }}

func slowKinds(b *testing.B, k *kubelet, idleNumber int) []kind {
	b.Helper()
	unreadBy := func(http2 bool) func(ctx context.Context) error {
		return func(ctx context.Context) error { return unread(ctx, "flood", http2) }
	}
	return []kind{
		{fmt.Sprintf("%d that send headers, a byte each %s", slowSenders, pause), many(b, slowSenders, slowHeaders)},
		{fmt.Sprintf("%d that send bodies so", slowSenders), many(b, slowSenders, slowBody)},
		{fmt.Sprintf("%d that send bodies so over HTTP/2", slowSenders), many(b, slowSenders, slowBody2)},
		{fmt.Sprintf("%d that follow a log and don't read", unreadLogs), many(b, unreadLogs, unreadBy(false))},
		{fmt.Sprintf("%d that do so over HTTP/2", unreadLogs), many(b, unreadLogs, unreadBy(true))},
		{fmt.Sprintf("%d that follow one log, of 10 lines a second", manyFollowers), followers(b, k)},
		{fmt.Sprintf("%d idle connections", idleNumber), idlers(b, idleNumber)},
		hostile(b),
	}
}

// together is all kinds at once.
func together(kinds []kind) kind {
	return kind{"all of these", func(ctx context.Context) func() {
		stops := make([]func(), 0, len(kinds))
		for _, each := range kinds {
			stops = append(stops, each.start(ctx))
		}
		return func() {
			for _, stop := range stops {
				stop()
			}
		}
	}}
}

// many starts so many clients again and again, as the facade ends them.
func many(b *testing.B, number int, client func(ctx context.Context) error) func(ctx context.Context) func() {
	b.Helper()
	return func(ctx context.Context) func() {
		ctx, cancel := context.WithCancel(ctx)
		var running sync.WaitGroup
		for range number {
			running.Go(func() {
				for ctx.Err() == nil { // One that was ended comes again.
					if err := client(ctx); err != nil && ctx.Err() == nil {
						b.Errorf("a slow client: %v", err)
						return
					}
				}
			})
		}
		return func() {
			cancel()
			running.Wait()
		}
	}
}

func followers(b *testing.B, k *kubelet) func(ctx context.Context) func() {
	b.Helper()
	all := many(b, manyFollowers, func(ctx context.Context) error {
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

func idlers(b *testing.B, number int) func(ctx context.Context) func() {
	b.Helper()
	return func(ctx context.Context) func() {
		stop, err := idle(ctx, number)
		if err != nil {
			b.Errorf("idle connections: %v", err)
		}
		return stop
	}
}

// settle is how long slow clients have to begin before others are measured.
const settle = 2 * time.Second

// beside measures others while some slow clients are there.
func beside(b *testing.B, slow kind) figure {
	b.Helper()
	stop := slow.start(b.Context())
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
	return figure{beside: slow.name, requests: len(took), p50: took[len(took)/2], p99: took[len(took)*99/100], failed: failed}
}

// report is the figures as a page, and whether the bound holds. Normal is the better of the times that were measured beside none, first and last.
func report(figures []figure) (page string, holds bool) {
	var text strings.Builder
	fmt.Fprintf(&text, `# Slow clients

%d clients list the apps of an organization over HTTP/2, one request after another, while others are as slow as they can be. Their answers should
take at most %d times as long as normally, at the 99th percentile. Facade, slow clients, kubelet and those that are measured are one process, beside
kube-apiserver and etcd, on %d processors. What is normal is measured first and last, and the lower of the two counts.

| Beside | Requests | Failed | p50 | p99 | p99, of the normal |
| --- | ---: | ---: | ---: | ---: | ---: |
`, measuring, bound, runtime.NumCPU())
	normal := min(figures[0].p99, figures[len(figures)-1].p99)
	holds = true
	for _, f := range figures {
		ratio := float64(f.p99) / float64(normal)
		holds = holds && (ratio <= bound || f.beside == none.name) && f.failed == 0
		fmt.Fprintf(&text, "| %s | %d | %d | %s | %s | %.2f |\n", f.beside, f.requests, f.failed, milliseconds(f.p50), milliseconds(f.p99), ratio)
	}
	verdict := "The bound holds."
	if !holds {
		verdict = "The bound does not hold."
	}
	fmt.Fprintf(&text, "\n%s To repeat it: `make slow-clients`, which writes this page.\n", verdict)
	return text.String(), holds
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond))
}
