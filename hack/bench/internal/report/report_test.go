package report

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/berth-dev/berth/hack/bench/internal/load"
)

// results are those of a run with few and with many Apps, in which all targets are met but one.
func results() *Results {
	size := func(apps int) Size {
		s := Size{
			Apps: apps,
			Converge: Converge{
				Clients: 4, Seconds: 10, Settled: 11, Rate: 80, SettledRate: 75, Floor: load.Figure{Rate: 100}, FloorWrites: 11,
				Singles: []Single{{What: "plain", Facade: 2, Operator: 6}}, Kinds: map[string]float64{"patch apps/status": 1.5}, CPU: map[string]float64{"etcd": 2},
			},
			Operator: Operator{ChangeCPU: 2, ConvergedRSS: 100 << 20, RestartedRSS: 90 << 20},
			Facade:   Facade{StartedRSS: 50 << 20, LoadedRSS: 201 << 20},
		}
		for _, name := range allCalls {
			for _, clients := range []int{1, 4} {
				s.Calls = append(s.Calls, Call{Name: name, Clients: clients, Figure: load.Figure{Rate: 9000 * float64(clients) / 4, P99: 3}})
			}
		}
		s.SetFloor(CallCreate, 4, false, load.Figure{Rate: 10000})
		s.SetFloor(CallChanged, 4, true, load.Figure{Rate: 18000})
		return s
	}
	return &Results{Sizes: []Size{size(100), size(1000), size(5000)}, Profiles: map[string]string{"operator": "flat  main.main\n"}}
}

func TestTargets(t *testing.T) {
	var missed []string
	all := results().targets()
	for _, target := range all {
		if !target.met {
			missed = append(missed, target.what)
		}
	}
	if diff := cmp.Diff([]string{"facade: memory when it has nothing to do"}, missed); diff != "" || len(all) < 15 {
		t.Errorf("targets(): %d, missed: -want, +got:\n%s", len(all), diff)
	}
}

func TestTargetIsMissed(t *testing.T) {
	cases := map[string]struct{ missed, met target }{
		"AtLeast": {missed: atLeast("", 10, 9.9), met: atLeast("", 10, 10)},
		"AtMost":  {missed: atMost("", 0, 0.001), met: atMost("", 0, 0)},
		"Share":   {missed: share("", 0.6, 0.59), met: share("", 0.6, 0.6)},
		"Memory":  {missed: memory("", 1, 2<<20), met: memory("", 1, 1<<20)},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if tc.missed.met || !tc.met.met {
				t.Errorf("got met %t for what misses the target %s, and %t for what meets it", tc.missed.met, tc.missed.want, tc.met.met)
			}
		})
	}
}

func TestSetFloor(t *testing.T) {
	for _, c := range results().Sizes[0].Calls {
		want := [2]float64{}
		switch {
		case c.Name == CallCreate && c.Clients == 4:
			want[0] = 0.9
		case c.Name == CallChanged && c.Clients == 4:
			want[1] = 0.5
		}
		if got := [2]float64{c.Ratio(), c.ApplyRatio()}; got != want {
			t.Errorf("Ratio() and ApplyRatio() of %s with %d clients: got %g, want %g", c.Name, c.Clients, got, want)
		}
	}
}

func TestTable(t *testing.T) {
	table := newTable("call", "calls/s", "p99")
	table.add("get", "9,000", "3.00")
	table.add("create", "100")
	want := "| call | calls/s | p99 |\n| --- | ---: | ---: |\n| get | 9,000 | 3.00 |\n| create | 100 |  |\n"
	if diff := cmp.Diff(want, table.String()); diff != "" {
		t.Errorf("String(): -want, +got:\n%s", diff)
	}
}

func TestNumber(t *testing.T) {
	cases := map[float64]string{
		0: "0", 0.0004: "< 0.001", 0.25: "0.250", 1: "1.00", 9.87: "9.87", 12.34: "12.3", 100: "100", 1234.5: "1,235", 1234567: "1,234,567",
	}
	for value, want := range cases {
		if got := number(value); got != want {
			t.Errorf("number(%g): got %s, want %s", value, got, want)
		}
	}
}

// TestWrite says that everything that was measured is in what is written.
func TestWrite(t *testing.T) {
	dir, r := t.TempDir(), results()
	if err := r.Write(dir); err != nil {
		t.Fatal(err)
	}
	read := func(name string) []byte {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	var back Results
	if err := json.Unmarshal(read("results.json"), &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, &back); diff != "" {
		t.Errorf("results.json: -want, +got:\n%s", diff)
	}
	markdown := string(read("results.md"))
	for _, want := range append([]string{"## Calls with 5,000 Apps", "flat  main.main", "| 201 MB | no |", "patch apps/status", "90 %"}, allCalls...) {
		if !strings.Contains(markdown, want) {
			t.Errorf("results.md lacks %q", want)
		}
	}
	for _, name := range []string{"calls.svg", "floor.svg"} {
		if err := wellFormed(string(read(name))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func wellFormed(text string) error {
	for tokens := xml.NewDecoder(strings.NewReader(text)); ; {
		if _, err := tokens.Token(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}
