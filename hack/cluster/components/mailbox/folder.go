package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// partial begins the names of mails that are still arriving.
const partial = ".arriving-"

// folder is where mails are delivered. Only their owner can read them.
type folder struct {
	dir string

	mu sync.Mutex
	// last is the number of the mail that arrived last.
	last int
}

// openFolder makes the folder if it is not there, and goes on with the numbers of the mails that are.
func openFolder(dir string) (*folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	f := &folder{dir: dir}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), partial) {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return nil, err
			}
			continue
		}
		number, ok := strings.CutSuffix(e.Name(), ".eml")
		if n, err := strconv.Atoi(number); ok && err == nil {
			f.last = max(f.last, n)
		}
	}
	return f, nil
}

// put writes a mail as it arrived, below header lines with its envelope. The file has a name only when it is
// whole.
func (f *folder) put(from string, to []string, message io.Reader) error {
	file, err := os.CreateTemp(f.dir, partial)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.Copy(file, io.MultiReader(strings.NewReader(envelope(from, to)), message))
	if err == nil {
		err = file.Close()
	}
	if err == nil {
		err = f.name(file.Name())
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}

// name gives a mail that has arrived the next number.
func (f *folder) name(file string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last++
	return os.Rename(file, filepath.Join(f.dir, fmt.Sprintf("%06d.eml", f.last)))
}

// envelope is what the client said of the mail beside the mail itself, as header lines.
func envelope(from string, to []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "X-Envelope-From: <%s>\r\n", from)
	for _, t := range to {
		fmt.Fprintf(&b, "X-Envelope-To: <%s>\r\n", t)
	}
	return b.String()
}
