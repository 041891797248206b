package chaos

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"
)

// figures are what a case has found.
type figures struct {
	Case string `json:"case"`
	// Faults is how many faults were injected.
	Faults int `json:"faults"`
	// Objects is how many organizations, Apps or tokens went through them.
	Objects int `json:"objects"`
	// Lost is how many things aren't as they were promised.
	Lost int `json:"lost"`
	// Diverged is how many aren't in the end as without a fault, or took more rollouts.
	Diverged int `json:"diverged"`
	// Failed says that something is lost or diverged, or that the case has broken off: what it would have found isn't in the figures then.
	Failed bool `json:"failed"`
	// Measured are sentences with what else was measured, for people to read.
	Measured []string `json:"measured,omitempty"`
	// Seconds is how long it took.
	Seconds float64 `json:"seconds"`
}

// report collects the figures of all cases. The zero value is empty.
type report struct {
	mu   sync.Mutex
	rows []*figures
}

// begin begins the figures of a case, which fails if something is lost or diverges.
func begin(t *testing.T, name string) *figures {
	t.Helper()
	f := &figures{Case: name}
	begun := time.Now()
	t.Cleanup(func() {
		f.Failed = t.Failed()
		f.Seconds = time.Since(begun).Round(100 * time.Millisecond).Seconds()
		suite.report.mu.Lock()
		defer suite.report.mu.Unlock()
		suite.report.rows = append(suite.report.rows, f)
	})
	return f
}

// measured adds a sentence to what was measured.
func (f *figures) measured(format string, args ...any) {
	f.Measured = append(f.Measured, fmt.Sprintf(format, args...)+".")
}

// title is what a row begins with.
func (f *figures) title() string {
	if f.Failed {
		return "FAILED: " + f.Case
	}
	return f.Case
}

// lost tells of something that was promised and isn't there.
func (f *figures) lost(t *testing.T, format string, args ...any) {
	t.Helper()
	f.Lost++
	t.Errorf("lost: "+format, args...)
}

// diverged tells of something that isn't as without a fault.
func (f *figures) diverged(t *testing.T, format string, args ...any) {
	t.Helper()
	f.Diverged++
	t.Errorf("diverged: "+format, args...)
}

// write prints the table, and writes it into a file if that has a name.
func (r *report) write(file string, seed uint64, long bool, took time.Duration) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "case\tfaults\tobjects\tlost\tdiverged\tseconds\t")
	for _, f := range r.rows {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%.1f\t\n", f.title(), f.Faults, f.Objects, f.Lost, f.Diverged, f.Seconds)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, f := range r.rows {
		for _, sentence := range f.Measured {
			fmt.Fprintln(os.Stdout, sentence)
		}
	}
	if file == "" {
		return nil
	}
	content := r.markdown(seed, long, took)
	if filepath.Ext(file) == ".json" {
		var err error
		if content, err = json.MarshalIndent(map[string]any{"seed": seed, "long": long, "cases": r.rows}, "", "  "); err != nil {
			return err
		}
	}
	return os.WriteFile(file, append(content, '\n'), 0o644)
}

func (r *report) markdown(seed uint64, long bool, took time.Duration) []byte {
	var page strings.Builder
	how := fmt.Sprintf("make chaos SEED=%d", seed)
	if long {
		how = fmt.Sprintf("make chaos LONG=1 SEED=%d", seed)
	}
	fmt.Fprintf(&page, chaosPage, how, took.Round(time.Second))
	for _, f := range r.rows {
		fmt.Fprintf(&page, "| %s | %d | %d | %d | %d | %.1f |\n", f.title(), f.Faults, f.Objects, f.Lost, f.Diverged, f.Seconds)
	}
	for _, f := range r.rows {
		if len(f.Measured) > 0 {
			fmt.Fprintf(&page, "\n## %s%s\n\n- %s\n", strings.ToUpper(f.Case[:1]), f.Case[1:], strings.Join(f.Measured, "\n- "))
		}
	}
	return []byte(strings.TrimSuffix(page.String(), "\n"))
}

// chaosPage is what stands above the table.
const chaosPage = `# Chaos

What becomes of Apps and Domains when operator, facade, API server and etcd fail in the middle of their work. This page is written by
` + "`%s`" + `, which took %s. The control plane is a real one (etcd, kube-apiserver, kube-controller-manager with the garbage collector); kubelets and
cert-manager are played.

*Faults* are requests that failed, streams that were cut, processes that were killed, or jumps of the clock. *Lost* is what was answered with a
success and isn't so in the end. *Diverged* is what differs in the end from a run without faults, has an owner that is gone, or was rolled out
more often than it was changed. A case that *FAILED* may have broken off before it has counted everything.

| Case | Faults | Objects | Lost | Diverged | Seconds |
| --- | ---: | ---: | ---: | ---: | ---: |
`
