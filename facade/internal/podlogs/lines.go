package podlogs

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"time"
)

// maxLine is how much of a line is kept, in bytes; the rest of it is left out.
const maxLine = 64 << 10

// line is one line that a container printed, or that is said about it.
type line struct {
	time time.Time
	text string
}

// key tells lines apart that aren't the same.
func (l line) key() string { return l.time.UTC().Format(time.RFC3339Nano) + l.text }

// parseLine parts a line as the API server sends it into its time and the rest. A line without a time, such as a message of the node's, has
// none.
func parseLine(raw []byte) line {
	stamp, rest, _ := bytes.Cut(raw, []byte{' '})
	at, err := time.Parse(time.RFC3339Nano, string(stamp))
	if err != nil {
		return line{text: string(raw)}
	}
	return line{time: at, text: string(rest)}
}

// scan reads lines until the stream ends or yield says false. A line without a time of its own gets that of the line before it.
func scan(stream io.Reader, yield func(line) bool) error {
	reader := bufio.NewReaderSize(stream, maxLine)
	var last time.Time
	for {
		raw, err := reader.ReadSlice('\n')
		long := errors.Is(err, bufio.ErrBufferFull)
		if len(raw) > 0 {
			l := parseLine(bytes.TrimRight(raw, "\r\n"))
			if l.time.IsZero() {
				l.time = last
			}
			last = l.time
			if !yield(l) {
				return nil
			}
		}
		if long {
			err = skipLine(reader)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// skipLine reads up to the end of the line.
func skipLine(reader *bufio.Reader) error {
	for {
		_, err := reader.ReadSlice('\n')
		if !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}

// tail keeps the last lines that it is given, within two bounds.
type tail struct {
	maxLines, maxBytes int

	kept  []line
	first int
	bytes int
}

func (t *tail) add(l line) {
	t.kept = append(t.kept, l)
	t.bytes += len(l.text)
	for len(t.kept)-t.first > t.maxLines || t.bytes > t.maxBytes {
		t.bytes -= len(t.kept[t.first].text)
		t.kept[t.first] = line{}
		t.first++
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

// latest returns the latest of a time and those of lines.
func latest(at time.Time, lines []line) time.Time {
	for _, l := range lines {
		if l.time.After(at) {
			at = l.time
		}
	}
	return at
}

// text joins lines into a text in which each of them ends.
func text(lines []line) string {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(l.text)
		b.WriteByte('\n')
	}
	return b.String()
}
