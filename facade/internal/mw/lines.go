package mw

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/berth-dev/berth/facade/internal/auth"
	"github.com/berth-dev/berth/facade/internal/limit"
	"github.com/berth-dev/berth/facade/internal/web"
)

const (
	// maxLogged is how many bytes of a text that a client has made up are in a line of the log, such as the path of its request.
	maxLogged = 256
	// tellOmitted is how long after the first omitted line the log tells how many there were.
	tellOmitted = time.Minute
	// lineBurst is for how many seconds the lines that may be written in the long run may be written at once.
	lineBurst = 30
	// shareOfAddress is the part of all lines that those about the requests of one caller may be.
	shareOfAddress = 0.1
)

// Lines bounds the lines of the log about requests that anybody can send: those without a valid API key, those for no route, and those of a key
// that is used too often. Otherwise the disk of the node would be the attacker's. Lines beyond the bound are omitted and counted; the log tells
// the count.
type Lines struct {
	log *slog.Logger
	// count is told of each line that is omitted.
	count func()
	// all bounds all lines, each those about one address or key, so that one caller does not keep the others out of the log.
	all, each *limit.Limiter
	// after is time.AfterFunc.
	after func(time.Duration, func()) *time.Timer

	mu      sync.Mutex
	omitted int
}

// NewLines returns Lines that writes so many lines a second in the long run. It returns nil, which omits nothing, if perSecond is 0.
func NewLines(log *slog.Logger, perSecond float64, count func()) *Lines {
	if perSecond <= 0 {
		return nil
	}
	return &Lines{
		log: log, count: count, after: time.AfterFunc,
		all:  limit.New(perSecond, int(perSecond*lineBurst)),
		each: limit.New(perSecond*shareOfAddress, int(perSecond*lineBurst*shareOfAddress)),
	}
}

// linesKey is where the context of a request has its Lines.
const linesKey = "berth.dev/lines"

// BoundLines has the lines about requests bounded. It has to come before Log.
func BoundLines(lines *Lines) gin.HandlerFunc {
	return func(c *gin.Context) { c.Set(linesKey, lines) }
}

// logged reports whether the log has a line about a request. A write that has come as far as its handler always has: whatever it was answered, it may
// have changed something.
func logged(c *gin.Context) bool {
	lines, ok := c.Value(linesKey).(*Lines)
	if !ok || lines == nil {
		return true
	}
	caller := userOf(c)
	if caller != "" && (c.Writer.Status() != http.StatusTooManyRequests || writes(c) && web.Handled(c)) {
		return true
	}
	if caller == "" {
		caller = auth.Network(c.ClientIP())
	}
	return lines.take(caller)
}

// userOf returns the user who is known to make a request, by an API key or by having signed in; empty if there is none.
func userOf(c *gin.Context) string {
	if done, ok := c.Value(deedKey).(deed); ok {
		return done.subject.User
	}
	return auth.FromContext(c.Request.Context()).User
}

// take reports whether one more line about a caller may be written; if not, it is counted.
func (l *Lines) take(caller string) bool {
	if l.each.Take(caller) == 0 && l.all.Take("") == 0 {
		return true
	}
	l.count()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.omitted++
	if l.omitted == 1 {
		l.after(tellOmitted, l.tell)
	}
	return false
}

// tell logs how many lines were omitted since the last time.
func (l *Lines) tell() {
	l.mu.Lock()
	omitted := l.omitted
	l.omitted = 0
	l.mu.Unlock()
	l.log.LogAttrs(context.Background(), slog.LevelWarn, "requests not logged", slog.Int("count", omitted), slog.Duration("within", tellOmitted))
}

// cut shortens a text that a client has made up.
func cut(text string) string {
	if len(text) <= maxLogged {
		return text
	}
	return strings.ToValidUTF8(text[:maxLogged], "") // It may end within a character.
}
