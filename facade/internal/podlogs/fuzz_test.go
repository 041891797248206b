package podlogs

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
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
		if n := len(pieces); n > 0 && strings.Trim(pieces[n-1], "\r") == "" {
			pieces = pieces[:n-1] // What never ended and has no text isn't a line.
		}
		if len(lines) != len(pieces) {
			t.Fatalf("got %d lines of %d", len(lines), len(pieces))
		}
		var last time.Time
		for i, l := range lines {
			checkLine(t, pieces[i], last, l)
			last = l.time
		}
	})
}

// checkLine fails the test unless a line is a piece of a stream without its end and the time that it may begin with, with a mark in place of what
// there is no room for. It has that time, or that of the line before.
func checkLine(t *testing.T, piece string, last time.Time, l line) {
	t.Helper()
	piece = strings.TrimRight(piece, "\r\n")
	stamp, text, _ := strings.Cut(piece, " ")
	at, err := time.Parse(time.RFC3339Nano, stamp)
	if err != nil {
		text = piece
	}
	if at.IsZero() {
		at = last
	}
	if !l.time.Equal(at) {
		t.Errorf("%.100q is of %s, want %s", piece, l.time, at)
	}
	want := printable([]byte(text))
	if _, mark, cut := strings.Cut(l.text, "[… "); cut && l.text != want {
		var left int
		if _, err := fmt.Sscanf(mark, "%d bytes left out]", &left); err != nil || left < 1 || left > len(text) {
			t.Fatalf("%.100q has the mark %q", piece, mark)
		}
		want = printable([]byte(text[:len(text)-left])) + "[… " + mark
	}
	if l.text != want || len(text) <= maxLine-len(stamp) && strings.Contains(l.text, " bytes left out]") != strings.Contains(text, " bytes left out]") {
		t.Errorf("%.100q became %.100q, want %.100q", piece, l.text, want)
	}
	if !utf8.ValidString(l.text) || strings.ContainsRune(l.text, 0) {
		t.Errorf("%.100q is not printable", l.text)
	}
}

// FuzzMerge says that of several containers the last lines are shown, none of them printed before one that is left out, that no line comes
// before one of the same container that was printed earlier, and that lines are in the order of their times as far as those of their containers
// are.
func FuzzMerge(f *testing.F) {
	f.Add([]byte("2026-01-01T00:00:01Z a1\n2026-01-01T00:00:03Z a3\n"), []byte("2026-01-01T00:00:02Z b2\n2026-01-01T00:00:03Z b3\n"), 3)
	f.Add([]byte("2026-01-01T00:00:01Z a1\n2026-01-01T00:00:03Z a3\n"), []byte("2026-01-01T00:00:02Z b2\n2026-01-01T00:00:04Z b4\n"), 2)
	f.Add([]byte{}, []byte("0"), 0)
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
		ordered := inOrder(containers[0]) && inOrder(containers[1])
		for c, lines := range containers {
			var got []line
			for _, l := range merged {
				if strings.HasPrefix(l.text, string(rune('a'+c))) {
					got = append(got, l)
				}
			}
			first := len(lines) - min(len(got), len(lines))
			if diff := cmp.Diff(lines[first:], got, lineOpts(), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("lines of container %d are not its last ones in their order: -want, +got:\n%s", c, diff)
			}
			if ordered && len(merged) > 0 && first > 0 && lines[first-1].time.After(merged[0].time) {
				t.Errorf("%v of container %d is left out, and is later than %v", lines[first-1], c, merged[0])
			}
		}
		if ordered && !inOrder(merged) {
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
