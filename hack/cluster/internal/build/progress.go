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

// progress tells how far a build is.
type progress struct {
	out   io.Writer
	title string
	start time.Time
	live  bool
	done  chan struct{}
	ended sync.WaitGroup

	mu                  sync.Mutex
	packages, downloads int
	total               int
}

func startProgress(out io.Writer, title string) *progress {
	p := &progress{out: out, title: title, start: time.Now(), live: isTerminal(out), done: make(chan struct{})}
	every := logInterval
	if p.live {
		every = terminalInterval
	}
	fmt.Fprintf(out, "build %s\n", title)
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

// expect adds a build of n packages, most of which may turn out to lie in Go's build cache.
func (p *progress) expect(n int) { p.add(func() { p.total += n }) }
func (p *progress) compiled()    { p.add(func() { p.packages++ }) }
func (p *progress) downloaded()  { p.add(func() { p.downloads++ }) }

func (p *progress) add(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

func (p *progress) print() {
	p.mu.Lock()
	defer p.mu.Unlock()
	line := fmt.Sprintf("build %s: %s", p.title, time.Since(p.start).Round(time.Second))
	if p.downloads > 0 {
		line += fmt.Sprintf(", %d modules downloaded", p.downloads)
	}
	if p.total > 0 {
		line += fmt.Sprintf(", %d of at most %d packages compiled", p.packages, p.total)
	}
	if p.live {
		fmt.Fprintf(p.out, "\r\x1b[K%s", line)
		return
	}
	fmt.Fprintln(p.out, line)
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
