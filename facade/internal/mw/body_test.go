package mw

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

const testLimit = 64

// bodyServer serves calls that do different things to their bodies.
func bodyServer(t *testing.T) *httptest.Server {
	t.Helper()
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.Use(LimitBody(testLimit))
	engine.POST("/unread", func(c *gin.Context) { c.Status(http.StatusNoContent) })
	engine.POST("/large", func(c *gin.Context) { c.String(http.StatusOK, strings.Repeat("x", 100_000)) })
	engine.POST("/some", func(c *gin.Context) {
		_, _ = io.ReadFull(c.Request.Body, make([]byte, 2))
		c.String(http.StatusOK, "some")
	})
	engine.POST("/read", func(c *gin.Context) {
		if _, err := io.ReadAll(c.Request.Body); err != nil {
			c.String(http.StatusRequestEntityTooLarge, "too large")
			return
		}
		c.String(http.StatusOK, "read")
	})
	engine.POST("/refused", func(c *gin.Context) { c.AbortWithStatus(http.StatusForbidden) })
	server := httptest.NewUnstartedServer(engine)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

// http2Client speaks HTTP/2 frame by frame.
type http2Client struct {
	*http2.Framer

	host string
}

func newHTTP2Client(t *testing.T, server *httptest.Server) http2Client {
	t.Helper()
	transport, ok := server.Client().Transport.(*http.Transport)
	if !ok {
		t.Fatal("the test server's client has another transport")
	}
	config := transport.TLSClientConfig.Clone()
	config.NextProtos, config.ServerName = []string{"h2"}, "example.com"
	host := server.Listener.Addr().String()
	conn, err := (&tls.Dialer{Config: config}).DialContext(t.Context(), "tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	c := http2Client{http2.NewFramer(conn, conn), host}
	if err := c.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 24}); err != nil {
		t.Fatal(err)
	}
	if err := c.WriteWindowUpdate(0, 1<<24); err != nil {
		t.Fatal(err)
	}
	return c
}

// post sends a request whose body comes after a moment, in two frames, and returns the status of the answer and the code with which its stream
// was reset, if it was. It returns when the server answers a PING that was sent last.
func (c http2Client) post(t *testing.T, path string, body []byte) (status string, reset *http2.ErrCode) {
	t.Helper()
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, field := range [][2]string{{":method", "POST"}, {":scheme", "https"}, {":authority", c.host}, {":path", path}} {
		_ = encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]})
	}
	if err := c.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond) // A handler that doesn't wait for the body ends meanwhile.
	for i, piece := range [][]byte{body[:len(body)/2], body[len(body)/2:]} {
		if err := c.WriteData(1, i == 1, piece); err != nil {
			t.Fatal(err)
		}
	}
	for answered := false; ; {
		frame, err := c.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		switch frame := frame.(type) {
		case *http2.HeadersFrame:
			fields, err := hpack.NewDecoder(4096, nil).DecodeFull(frame.HeaderBlockFragment())
			if err != nil {
				t.Fatal(err)
			}
			status = fields[0].Value
		case *http2.RSTStreamFrame:
			reset = &frame.ErrCode
		case *http2.PingFrame:
			return status, reset
		}
		if header := frame.Header(); !answered && header.StreamID == 1 && header.Flags.Has(http2.FlagDataEndStream) {
			answered = true
			if err := c.WritePing(false, [8]byte{}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestLimitBodyReadsTheRest says that a stream isn't reset because its call has no use for the body.
func TestLimitBodyReadsTheRest(t *testing.T) {
	t.Parallel()
	server := bodyServer(t)
	cases := map[string]struct {
		path string
		size int
		want string
	}{
		"Unread":        {path: "/unread", size: 10, want: "204"},
		"LargeAnswer":   {path: "/large", size: 10, want: "200"},
		"ReadInPart":    {path: "/some", size: 10, want: "200"},
		"Read":          {path: "/read", size: 10, want: "200"},
		"Refused":       {path: "/refused", size: 10, want: "403"},
		"NotFound":      {path: "/nowhere", size: 10, want: "404"},
		"UnreadToLimit": {path: "/unread", size: testLimit - 1, want: "204"},
		"TooLarge":      {path: "/read", size: testLimit + 10, want: "413"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, reset := newHTTP2Client(t, server).post(t, tc.path, make([]byte, tc.size))
			if status != tc.want {
				t.Errorf("got the status %s, want %s", status, tc.want)
			}
			if reset != nil {
				t.Errorf("the stream was reset: %s", reset)
			}
		})
	}
}

// TestLimitBodyIsBounded says that neither an endless body nor one that doesn't come keeps an answer back.
func TestLimitBodyIsBounded(t *testing.T) {
	t.Parallel()
	server := bodyServer(t)
	for name, body := range map[string]io.Reader{"Endless": endless{}, "Silent": silent{t.Context()}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			request, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+"/unread", body)
			if err != nil {
				t.Fatal(err)
			}
			response, err := server.Client().Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			if response.StatusCode != http.StatusNoContent {
				t.Errorf("got %s", response.Status)
			}
		})
	}
}

// endless is a body without end.
type endless struct{}

func (endless) Read(data []byte) (int, error) { return len(data), nil }

// silent is a body that never comes.
type silent struct{ ctx context.Context } //nolint:containedctx // It is all that ends the reading.

func (s silent) Read([]byte) (int, error) {
	<-s.ctx.Done()
	return 0, s.ctx.Err()
}

// TestRestOfBody says how much of a body is read that a call has left, and that it is counted.
func TestRestOfBody(t *testing.T) {
	t.Parallel()
	gin.SetMode(gin.ReleaseMode)
	const sent = 10 * drainStep
	for name, tc := range map[string]struct{ status, counted, want int }{
		"Served":     {status: http.StatusOK, counted: sent, want: sent},
		"Refused":    {status: http.StatusForbidden, counted: sent, want: sent},
		"TooMuch":    {status: http.StatusOK, counted: 3 * drainStep, want: 3 * drainStep},
		"TooOften":   {status: http.StatusTooManyRequests, counted: sent, want: drainStep},
		"NotCounted": {status: http.StatusOK, want: sent},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			read, counted := 0, 0
			engine := gin.New()
			engine.Use(func(c *gin.Context) { c.Request.Body = countingBody{c.Request.Body, &read} }, LimitBody(2*sent))
			engine.POST("/", func(c *gin.Context) {
				if tc.counted > 0 {
					CountRest(c, func(size int) bool { counted += size; return counted < tc.counted })
				}
				c.Status(tc.status)
			})
			ended := make(chan struct{})
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer close(ended)
				engine.ServeHTTP(w, r)
			}))
			t.Cleanup(server.Close)
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, bytes.NewReader(make([]byte, sent)))
			if err != nil {
				t.Fatal(err)
			}
			response, err := http.DefaultTransport.RoundTrip(request)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
			<-ended
			if read != tc.want || tc.counted > 0 && counted != read {
				t.Errorf("%d bytes are read, want %d; %d are counted", read, tc.want, counted)
			}
		})
	}
}

// countingBody counts what is read of a body.
type countingBody struct {
	io.ReadCloser

	read *int
}

func (b countingBody) Read(into []byte) (int, error) {
	n, err := b.ReadCloser.Read(into)
	*b.read += n
	return n, err
}
