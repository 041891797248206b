package podlogs

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	// maxLine is how many bytes of a line are kept; a mark says how many are left out.
	maxLine = 64 << 10
	// maxStamp is the room for the time that the kubelet puts in front of a line.
	maxStamp = 64
	// readSize is how many bytes of a stream are read at a time.
	readSize = 32 << 10
)

// line is a line that a container printed, or a note about a Pod or an App.
type line struct {
	time time.Time
	text string
	// open is true if the stream ended before the line did.
	open bool

	// subject is the Pod or the App that a note is about; empty for what a container printed.
	subject string
	// kind is the same for notes that differ in nothing but their subject; those without a kind are never summed up.
	kind string
	// id identifies a note whose words may change; empty if its time and text do.
	id string
}

// key identifies a note.
func (l line) key() string {
	if l.id != "" {
		return l.id
	}
	return l.time.UTC().Format(time.RFC3339Nano) + l.text
}

// same reports whether two lines were printed at the same time and have the same text.
func (l line) same(other line) bool { return l.time.Equal(other.time) && l.text == other.text }

// parseLine splits a line as the API server sends it into its time and its text, of which left bytes are missing. A line without a time, such as
// a message of the kubelet, has none.
func parseLine(raw []byte, left int) line {
	stamp, text, _ := bytes.Cut(raw, []byte{' '})
	at, err := time.Parse(time.RFC3339Nano, string(stamp))
	if err != nil {
		at, text = time.Time{}, raw
	}
	if len(text) > maxLine {
		kept := boundary(text)
		left += len(text) - kept
		text = text[:kept]
	}
	l := line{time: at, text: printable(text)}
	if left > 0 {
		l.text += fmt.Sprintf("[… %d bytes left out]", left)
	}
	return l
}

// boundary returns where to cut a text that is longer than maxLine, so that no character is halved.
func boundary(text []byte) int {
	for at := maxLine; at > maxLine-utf8.UTFMax; at-- {
		if utf8.RuneStart(text[at]) {
			return at
		}
	}
	return maxLine
}

// printable returns a text with U+FFFD for each byte that isn't UTF-8 and for NUL, which takes a text for binary data in many a client.
func printable(text []byte) string {
	return strings.Map(func(r rune) rune {
		if r == 0 {
			return utf8.RuneError
		}
		return r
	}, string(text))
}

// scan reads lines until the stream ends or yield returns false. A line without a time of its own gets that of the line before it.
func scan(stream io.Reader, yield func(line) bool) error {
	reader := bufio.NewReaderSize(stream, readSize)
	var last time.Time
	for {
		raw, left, err := readLine(reader)
		if len(raw) > 0 || err == nil {
			l := parseLine(raw, left)
			l.open = err != nil
			if l.time.IsZero() {
				l.time = last
			}
			last = l.time
			if !yield(l) {
				return nil
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// readLine reads a line without its end, as far as there is room for it, and returns how many bytes there was none for. The error is that of a
// line that doesn't end.
func readLine(reader *bufio.Reader) (raw []byte, left int, err error) {
	const room = maxStamp + maxLine
	ends := 0 // How many of the bytes without room belong to the line's end.
	for {
		piece, err := reader.ReadSlice('\n')
		kept := min(len(piece), room-len(raw))
		raw = append(raw, piece[:kept]...)
		rest := piece[kept:]
		left += len(rest)
		if text := len(bytes.TrimRight(rest, "\r\n")); text > 0 {
			ends = 0
			rest = rest[text:]
		}
		ends += len(rest)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if left == ends {
			return bytes.TrimRight(raw, "\r\n"), 0, err
		}
		return raw, left - ends, err
	}
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
