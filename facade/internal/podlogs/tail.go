package podlogs

import (
	"slices"
	"time"
)

// tail keeps the last lines that it is given, within two bounds.
type tail struct {
	maxLines, maxBytes int

	kept  []line
	first int
	bytes int
	// dropped is how many lines were let go, and full is true if one of them was for want of bytes.
	dropped int
	full    bool
}

func (t *tail) add(l line) {
	t.kept = append(t.kept, l)
	t.bytes += len(l.text)
	for len(t.kept)-t.first > t.maxLines || t.bytes > t.maxBytes {
		t.full = t.full || len(t.kept)-t.first <= t.maxLines
		t.bytes -= len(t.kept[t.first].text)
		t.kept[t.first] = line{}
		t.first++
		t.dropped++
	}
	if t.first > len(t.kept)/2 {
		t.kept = append(t.kept[:0], t.kept[t.first:]...)
		t.first = 0
	}
}

func (t *tail) lines() []line { return t.kept[t.first:] }

// merge returns the last n lines of several containers, in the order of their times; lines of one container stay in theirs, also where a clock
// was set back while it printed.
func merge(n int, containers ...[]line) []line {
	type placed struct {
		line

		at time.Time
	}
	var all []placed
	for _, lines := range containers {
		var at time.Time
		for i := range lines {
			at = latest(at, lines[i:i+1])
			all = append(all, placed{lines[i], at})
		}
	}
	slices.SortStableFunc(all, func(a, b placed) int { return a.at.Compare(b.at) })
	last := all[max(0, len(all)-n):]
	merged := make([]line, len(last))
	for i := range last {
		merged[i] = last[i].line
	}
	return merged
}

// fit returns at most n lines: the last of those that were printed, then notes about the present. Notes get the room that lines leave them, or
// else half of it.
func fit(n int, lines, notes []line) []line {
	room := max(n/2, n-len(lines))
	notes = notes[:min(room, len(notes))]
	return slices.Concat(lines[max(0, len(lines)+len(notes)-n):], notes)
}
