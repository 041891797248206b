package web

import (
	"context"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
)

// streamWriteTimeout is how long a client of a stream may take to accept what is written before it is given up.
const streamWriteTimeout = 30 * time.Second

// withoutBody marks the context of a request whose answer has no body.
type withoutBody struct{}

// WithoutBody returns a context for a request whose answer's body is dropped, as that of HEAD is. A Stream then isn't asked for one, and JSON only for
// its beginning.
func WithoutBody(ctx context.Context) context.Context {
	return context.WithValue(ctx, withoutBody{}, true)
}

// streamedKey is where a request's context has that its answer is a Stream.
const streamedKey = "berth.dev/streamed"

// Streamed tells whether a request is answered by a Stream, which takes as long as its client likes.
func Streamed(c *gin.Context) bool { return c.GetBool(streamedKey) }

// stream sends what s writes. The time limits of an ordinary request don't fit one that is meant to last, so a limit for each write takes
// their place.
func stream(c *gin.Context, status int, s Stream) {
	c.Set(streamedKey, true)
	control := http.NewResponseController(c.Writer)
	if err := control.SetReadDeadline(time.Time{}); err != nil {
		Fail(c, err)
		return
	}
	c.Header("Content-Type", "text/plain; charset=utf-8")
	c.Status(status)
	out := &flusher{writer: c.Writer, control: control, timeout: streamWriteTimeout}
	// The headers go out at once: a client sees that it is being served before there is a first line.
	if _, err := out.Write(nil); err != nil {
		_ = c.Error(err)
		return
	}
	if c.Request.Context().Value(withoutBody{}) != nil {
		return
	}
	if err := s(out); err != nil {
		_ = c.Error(err)
	}
}

// flusher sends each write at once, and gives up a client that doesn't accept it within a time.
type flusher struct {
	writer  http.ResponseWriter
	control *http.ResponseController
	timeout time.Duration
}

func (f *flusher) Write(data []byte) (int, error) {
	if err := f.control.SetWriteDeadline(time.Now().Add(f.timeout)); err != nil {
		return 0, err
	}
	n, err := f.writer.Write(data)
	if err != nil {
		return n, err
	}
	if err := f.control.Flush(); err != nil {
		return n, err
	}
	// HTTP/2 ends a stream as soon as its deadline passes, also while there is nothing to write.
	return n, f.control.SetWriteDeadline(time.Time{})
}
