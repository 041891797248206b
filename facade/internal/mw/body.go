package mw

import (
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
)

const (
	// drainTimeout is how long a client may take to send the rest of a body that the call doesn't need.
	drainTimeout = 5 * time.Second
	// drainStep is in what portions the rest of a body is counted. No more than that is read after a 429: whoever sends too much has to stop, and so
	// much is enough for what clients usually send.
	drainStep = 64 << 10
	// restKey is where a request's context has who counts the rest of its body.
	restKey = "berth.dev/rest"
)

// CountRest has the bytes counted that LimitBody reads of a request's body after the call. It reads no more once count returns false.
func CountRest(c *gin.Context, count func(size int) bool) { c.Set(restKey, count) }

// LimitBody refuses to read more than limit bytes of a request's body. What the call leaves of the body is read before the answer ends, up to as
// much again; hardly anything is after a 429.
//
// Over HTTP/2, an answer that ends before its request makes net/http reset the stream. RFC 9113 allows that, but curl before 7.89, which is Debian
// 12's, takes it for an error, also after a call that worked.
func LimitBody(limit int64) gin.HandlerFunc {
	return func(c *gin.Context) {
		body := c.Request.Body
		c.Request.Body = http.MaxBytesReader(c.Writer, body, limit)
		c.Next()
		// A client that waits to be told to send its body is told no more once it has its answer.
		if body == nil || body == http.NoBody || strings.EqualFold(c.GetHeader("Expect"), "100-continue") {
			return
		}
		if err := http.NewResponseController(c.Writer).SetReadDeadline(time.Now().Add(drainTimeout)); err == nil {
			drain(c, body, limit)
		}
	}
}

// drain reads up to most bytes of the rest of a body.
func drain(c *gin.Context, body io.Reader, most int64) {
	if c.Writer.Status() == http.StatusTooManyRequests {
		most = min(most, drainStep)
	}
	count, counted := c.Value(restKey).(func(int) bool)
	for most > 0 {
		n, err := io.CopyN(io.Discard, body, min(most, drainStep))
		if err != nil || counted && !count(int(n)) {
			return
		}
		most -= n
	}
}
