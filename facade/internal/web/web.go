// Package web is what the facade knows of HTTP: reading bodies, pages, rendering answers and errors. It knows nothing of apps or Kubernetes.
package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/berth-dev/berth/facade/internal/apierr"
)

// Handler serves a request: it returns what the answer shows, or why there is none. A nil value is an answer without a body; a Stream writes
// its own.
type Handler func(c *gin.Context) (any, error)

// Stream is an answer of plain text that goes on until the client or the source of it ends. What write is given is sent at once.
type Stream func(write io.Writer) error

// JSON is an answer in JSON that is encoded while it is sent.
type JSON func(write io.Writer) error

// Handle is the one adapter between handlers and gin: it renders what h returns, a success with this status.
func Handle(status int, h Handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		c.Set(handledKey, true)
		value, err := h(c)
		if err != nil {
			Fail(c, err)
			return
		}
		switch v := value.(type) {
		case nil:
			c.Status(status)
			c.Writer.WriteHeaderNow()
		case Stream:
			stream(c, status, v)
		case JSON:
			renderJSON(c, status, v)
		default:
			render(c, status, v)
		}
	}
}

// handledKey is where a request's context has that it has come as far as its Handler.
const handledKey = "berth.dev/handled"

// Handled reports whether a request has come as far as its Handler: nothing in front of it has refused it.
func Handled(c *gin.Context) bool { return c.GetBool(handledKey) }

// showKey is where a request's context has how its errors are shown.
const showKey = "berth.dev/show-error"

// ShowErrors has the error of a request, if there will be one, answered by show in place of JSON: with a page for people, say.
func ShowErrors(c *gin.Context, show func(*gin.Context, *apierr.Error)) { c.Set(showKey, show) }

// Fail answers with an error and ends the request. The error itself goes to the log.
func Fail(c *gin.Context, err error) {
	e := apierr.From(err)
	_ = c.Error(e)
	maps.Copy(c.Writer.Header(), e.Header)
	if show, ok := c.Value(showKey).(func(*gin.Context, *apierr.Error)); ok {
		show(c, e)
	} else {
		render(c, e.Status, e)
	}
	c.Abort()
}

func render(c *gin.Context, status int, value any) {
	var body bytes.Buffer
	if err := newEncoder(&body).Encode(value); err != nil {
		_ = c.Error(err)
		status = http.StatusInternalServerError
		body.Reset()
		body.WriteString(`{"detail":"Internal server error."}`)
	}
	send(c, status, body.Bytes())
}

// send sends an answer as a whole. It says how long it is, since the answer may be flushed before its handler has returned.
func send(c *gin.Context, status int, body []byte) {
	c.Header("Content-Length", strconv.Itoa(len(body)))
	c.Data(status, typeJSONAnswer, body)
}

const (
	typeJSONAnswer = "application/json"
	// HeldBack is how much of an answer is encoded before its first bytes are sent. What fails until then is answered with an error; afterwards the
	// connection is closed, which is the only way left to tell the client.
	HeldBack = 64 << 10
)

// errNoBody ends the encoding of an answer to HEAD when its headers have been sent.
var errNoBody = errors.New("the answer has no body")

// renderJSON sends what v encodes, of which only a part is in memory at a time.
func renderJSON(c *gin.Context, status int, v JSON) {
	out := &late{c: c, status: status}
	err := v(out)
	switch {
	case err == nil && !out.sent:
		send(c, status, out.held.Bytes())
	case err == nil:
		err = out.flush()
	case errors.Is(err, errNoBody):
		return
	case !out.sent:
		Fail(c, err)
		return
	}
	if err != nil {
		_ = c.Error(err)
		panic(http.ErrAbortHandler)
	}
}

// late holds the beginning of an answer back.
type late struct {
	c      *gin.Context
	status int
	held   bytes.Buffer
	sent   bool
}

// Write sends data at once if there is much of it: a copy would be in memory for as long as the client takes to read it.
func (l *late) Write(data []byte) (int, error) {
	if l.held.Len()+len(data) < HeldBack {
		return l.held.Write(data)
	}
	if err := l.flush(); err != nil {
		return 0, err
	}
	return l.c.Writer.Write(data)
}

// flush sends what is held back. The answer to HEAD ends here, with the headers that GET has.
func (l *late) flush() error {
	if !l.sent {
		l.sent = true
		l.c.Header("Content-Type", typeJSONAnswer)
		l.c.Status(l.status)
		l.c.Writer.WriteHeaderNow()
	}
	if l.c.Request.Context().Value(withoutBody{}) != nil {
		return errNoBody
	}
	_, err := l.held.WriteTo(l.c.Writer)
	return err
}

func newEncoder(write io.Writer) *json.Encoder {
	encoder := json.NewEncoder(write)
	encoder.SetEscapeHTML(false)
	return encoder
}
