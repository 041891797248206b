package supervise

import (
	"bytes"
	"fmt"
	"io"
	"os"
)

// tailSize is how much of the end of a log an error shows, in bytes.
const tailSize = 3000

// EndedError tells of a program that keeps ending.
type EndedError struct {
	// Program is its name, Err how it ended last.
	Program string
	Err     error
	// Log is the file that it wrote to, Tail the end of that.
	Log, Tail string
}

func (e *EndedError) Error() string {
	return fmt.Sprintf("%s keeps ending: %v; the end of %s:\n%s", e.Program, e.Err, e.Log, e.Tail)
}

func (e *EndedError) Unwrap() error { return e.Err }

// tail returns the last whole lines of a file. It serves an error message, so what cannot be read is empty.
func tail(file string) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return ""
	}
	from := max(0, info.Size()-tailSize)
	text, err := io.ReadAll(io.NewSectionReader(f, from, tailSize))
	if err != nil {
		return ""
	}
	if from > 0 {
		if _, rest, ok := bytes.Cut(text, []byte("\n")); ok {
			text = rest
		}
	}
	return string(text)
}
