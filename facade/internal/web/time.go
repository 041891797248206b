package web

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
)

// AllowTime gives the answer of a request so much time from now, in place of what the server allows, where it waits for something that is slow.
func AllowTime(c *gin.Context, d time.Duration) error {
	control, end := http.NewResponseController(c.Writer), time.Now().Add(d)
	// Over HTTP/1, a deadline for reading that passes ends the request's context.
	if err := control.SetReadDeadline(end); err != nil {
		return err
	}
	return control.SetWriteDeadline(end)
}
