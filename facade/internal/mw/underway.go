package mw

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/berth-dev/berth/facade/internal/auth"
	"github.com/berth-dev/berth/facade/internal/limit"
)

const (
	// anonymousWriteTimeout is how long a client without a valid API key may take to read an answer. It is short: nothing else bounds how often such a
	// client asks. A slow line still gets a page within it.
	anonymousWriteTimeout = 15 * time.Second
	// underWayKey is where a request's context has what takes the request off the count.
	underWayKey = "berth.dev/under-way"
)

// UnderWay bounds how many requests are under way in all, from their headers until their answers have been handed to the network; 0 is for any number.
// One address, or /64 of IPv6, has a third of them at most, and when there are several, each an equal part. A request beyond that is broken off, which
// costs nothing, and told to refused with its address.
//
// It has to be counted until then: by a window of 0, a client of HTTP/2 keeps the answer to any request, also a refusal, in the server's memory.
func UnderWay(most int, refused func(address string)) gin.HandlerFunc {
	if most == 0 {
		return func(*gin.Context) {}
	}
	slots := &limit.Slots{Total: int64(most)}
	return func(c *gin.Context) {
		address := auth.Network(c.ClientIP())
		release, ok := slots.Take(address, 1, int64(most))
		if !ok {
			refused(address)
			panic(http.ErrAbortHandler)
		}
		defer release()
		c.Set(underWayKey, release)
		c.Next()
		handOver(c)
	}
}

// handOver waits until the answer has been handed to the network. Over HTTP/1.1, net/http does so before it reads another request of the connection, and
// connections are bounded.
func handOver(c *gin.Context) {
	if c.Request.ProtoMajor < 2 {
		return
	}
	if auth.FromContext(c.Request.Context()).ID == "" {
		// If it fails, the connection is gone.
		_ = http.NewResponseController(c.Writer).SetWriteDeadline(time.Now().Add(anonymousWriteTimeout))
	}
	c.Writer.Flush()
}

// Lasts takes a request off the count of those that are under way: it is meant to last, and bounded otherwise.
func Lasts(c *gin.Context) {
	if release, ok := c.Value(underWayKey).(func()); ok {
		release() // Which does so once.
	}
}
