package podlogs

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func scanned(t *testing.T, stream []byte) []line {
	t.Helper()
	var lines []line
	if err := scan(bytes.NewReader(stream), func(l line) bool { lines = append(lines, l); return true }); err != nil {
		t.Fatal(err)
	}
	return lines
}

// FuzzScan says that a stream is parted into its lines, whatever they hold.
func FuzzScan(f *testing.F) {
	f.Add([]byte("2026-01-01T00:00:01Z one\nfailed to read\r\n\n2026-01-01T00:00:02.5+02:00 \xff\x00two"))
	f.Add([]byte("2026-01-01T00:00:01Z " + strings.Repeat("x", maxLine) + "\ny"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		lines := scanned(t, stream)
		pieces := strings.SplitAfter(string(stream), "\n")
		if pieces[len(pieces)-1] == "" {
			pieces = pieces[:len(pieces)-1]
		}
		if len(lines) != len(pieces) {
			t.Fatalf("got %d lines of %d", len(lines), len(pieces))
		}
		for i, l := range lines {
			if len(l.text) > maxLine || strings.Contains(l.text, "\n") || !strings.Contains(pieces[i], l.text) {
				t.Errorf("%q became %q", pieces[i], l.text)
			}
			if i > 0 && l.time.IsZero() && !lines[i-1].time.IsZero() {
				t.Errorf("%q has no time, and the line before it one", pieces[i])
			}
		}
	})
}

// FuzzMerge says that of several containers the last lines are shown, that no line comes before one of the same container that was printed
// earlier, and that lines are in the order of their times as far as those of their containers are.
func FuzzMerge(f *testing.F) {
	f.Add([]byte("2026-01-01T00:00:01Z a1\n2026-01-01T00:00:03Z a3\n"), []byte("2026-01-01T00:00:02Z b2\n2026-01-01T00:00:03Z b3\n"), 3)
	f.Add([]byte("no time\n2026-01-01T00:00:01Z a1\n"), []byte("2026-01-01T00:00:01Z b1\n"), 10)
	f.Add([]byte("2026-01-01T00:00:05Z a5\n2026-01-01T00:00:01Z back\n"), []byte("2026-01-01T00:00:03Z b3\n"), 10)
	f.Fuzz(func(t *testing.T, one, two []byte, n int) {
		n = min(max(n, 0), maxLines)
		containers := [][]line{scanned(t, one), scanned(t, two)}
		for c, lines := range containers {
			for i := range lines {
				lines[i].text = string(rune('a'+c)) + lines[i].text // To tell whose it is.
			}
		}
		merged := merge(n, slices.Clone(containers[0]), slices.Clone(containers[1]))
		if want := min(n, len(containers[0])+len(containers[1])); len(merged) != want {
			t.Fatalf("got %d lines, want %d", len(merged), want)
		}
		for c, lines := range containers {
			var got []line
			for _, l := range merged {
				if strings.HasPrefix(l.text, string(rune('a'+c))) {
					got = append(got, l)
				}
			}
			if diff := cmp.Diff(lines[len(lines)-min(len(got), len(lines)):], append([]line{}, got...), lineOpts()); diff != "" {
				t.Errorf("lines of container %d are not its last ones in their order: -want, +got:\n%s", c, diff)
			}
		}
		if inOrder(containers[0]) && inOrder(containers[1]) && !inOrder(merged) {
			t.Errorf("the lines are not in the order of their times: %v", merged)
		}
	})
}

const maxLines = 1000

func inOrder(lines []line) bool {
	return slices.IsSortedFunc(lines, func(a, b line) int { return a.time.Compare(b.time) })
}

// FuzzTail says that a tail keeps as many of the last lines as its bounds have room for.
func FuzzTail(f *testing.F) {
	f.Add([]byte("a\nbb\nccc\n\n\ndddd\n"), 3, 6)
	f.Add([]byte("a\n"), 0, 0)
	f.Fuzz(func(t *testing.T, stream []byte, lines, size int) {
		lines, size = max(lines, 0), max(size, 0)
		all := scanned(t, stream)
		kept := tail{maxLines: lines, maxBytes: size}
		for _, l := range all {
			kept.add(l)
		}
		first, left := len(all), size
		for first > 0 && len(all)-first < lines && left >= len(all[first-1].text) {
			first--
			left -= len(all[first].text)
		}
		if diff := cmp.Diff(append([]line{}, all[first:]...), append([]line{}, kept.lines()...), lineOpts()); diff != "" {
			t.Errorf("-want, +got:\n%s", diff)
		}
	})
}
