package mw

import (
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
)

// drainTimeout is how long a client may take to send the rest of a body that the call doesn't need.
const drainTimeout = 5 * time.Second

// LimitBody refuses to read more than limit bytes of a request's body. What the call leaves of the body is read before the answer ends, up to as
// much again.
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
			_, _ = io.CopyN(io.Discard, body, limit)
		}
	}
}
