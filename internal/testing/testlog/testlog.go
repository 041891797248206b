// Package testlog keeps what is logged while a test runs.
package testlog

import (
	"bytes"
	"sync"
)

// Buffer keeps what is written to it. It may be used by several goroutines at once. The zero value is empty.
type Buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write keeps a text. It returns no error.
func (b *Buffer) Write(text []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(text)
}

// String returns all that has been written since the last Reset.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// Reset forgets what has been written, and gives its memory back.
func (b *Buffer) Reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text = bytes.Buffer{}
}
