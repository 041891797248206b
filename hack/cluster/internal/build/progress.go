package build

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// How often progress is told: on a terminal as a line that is written over, elsewhere as a line of a log.
const (
	terminalInterval = 500 * time.Millisecond
	logInterval      = 10 * time.Second
)

// progress tells how far all builds together are. Work is measured in bytes of Go code.
type progress struct {
	out   io.Writer
	start time.Time
	live  bool
	done  chan struct{}
	ended sync.WaitGroup

	mu        sync.Mutex
	doing     string
	downloads int
	// begun is when the first package was compiled.
	begun time.Time
	// total is all work, ready what is there by now, and compiled what of that was not in Go's build cache.
	total, ready, compiled int64
}

func startProgress(out io.Writer) *progress {
	p := &progress{out: out, start: time.Now(), live: isTerminal(out), done: make(chan struct{})}
	every := logInterval
	if p.live {
		every = terminalInterval
	}
	p.ended.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				p.print()
			case <-p.done:
				return
			}
		}
	})
	return p
}

func (p *progress) stop() {
	close(p.done)
	p.ended.Wait()
	p.print()
	if p.live {
		fmt.Fprintln(p.out)
	}
}

// begin says what is being done from now on.
func (p *progress) begin(what string) { p.change(func() { p.doing = what }) }

func (p *progress) downloaded() { p.change(func() { p.downloads++ }) }

// expect adds work.
func (p *progress) expect(work int64) { p.change(func() { p.total += work }) }

// compile says that work has been done.
func (p *progress) compile(work int64) {
	p.change(func() {
		if p.begun.IsZero() {
			p.begun = time.Now()
		}
		p.ready += work
		p.compiled += work
	})
}

// skip says that work was done before.
func (p *progress) skip(work int64) { p.change(func() { p.ready += work }) }

func (p *progress) change(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

func (p *progress) print() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	line := "build " + p.doing + ": " + now.Sub(p.start).Round(time.Second).String()
	if p.downloads > 0 {
		line += fmt.Sprintf(", %d modules downloaded", p.downloads)
	}
	if p.total > 0 {
		line += fmt.Sprintf(", %d %% of all", 100*p.ready/p.total)
	}
	if left := p.left(now); left > 0 {
		line += ", about " + left.String() + " left"
	}
	if p.live {
		fmt.Fprintf(p.out, "\r\x1b[K%s", line)
		return
	}
	fmt.Fprintln(p.out, line)
}

// left estimates how long the rest takes, by the rate so far; zero if that cannot be told yet or is all.
func (p *progress) left(now time.Time) time.Duration {
	if p.compiled == 0 || now.Sub(p.begun) < logInterval {
		return 0
	}
	rate := float64(p.compiled) / float64(now.Sub(p.begun))
	left := time.Duration(float64(p.total-p.ready) / rate)
	if left > time.Minute {
		return left.Round(time.Minute)
	}
	return left.Round(10 * time.Second)
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
