package mw

import (
	"bytes"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// TestUnderWay says that a client of HTTP/2 which reads no answer has no more of them in the server's memory than its share, and that others are served.
func TestUnderWay(t *testing.T) {
	t.Parallel()
	const most, share, asked = 9, 3, 10
	brokenOff := make(chan string, asked)
	engine := gin.New()
	engine.Use(UnderWay(most, func(address string) { brokenOff <- address }))
	engine.GET("/", func(c *gin.Context) { c.Data(http.StatusUnauthorized, "text/plain", make([]byte, 100)) })
	server := httptest.NewUnstartedServer(engine)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)

	framer, end := stalled(t, server, asked)
	reset := 0
	for reset < asked-share {
		frame, err := framer.ReadFrame()
		if err != nil {
			t.Fatalf("after %d streams that were reset: %v", reset, err)
		}
		switch frame.(type) {
		case *http2.RSTStreamFrame:
			reset++
		case *http2.DataFrame:
			t.Error("an answer was sent in spite of the window")
		}
	}
	if len(brokenOff) != asked-share {
		t.Errorf("%d requests were told of as broken off, want %d", len(brokenOff), asked-share)
	}
	end()
	for deadline := time.Now().Add(10 * time.Second); ; {
		response, err := server.Client().Get(server.URL) //nolint:noctx // The server is the test's own.
		if err == nil {
			content, _ := io.ReadAll(response.Body)
			_ = response.Body.Close()
			if response.StatusCode != http.StatusUnauthorized || len(content) != 100 {
				t.Errorf("the next client: got %d with %d bytes", response.StatusCode, len(content))
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the place is not free after its client has gone: %v", err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// stalled sends requests over one connection of HTTP/2 that takes no byte of a body, and returns what it receives and what ends it.
func stalled(t *testing.T, server *httptest.Server, requests int) (*http2.Framer, func()) {
	t.Helper()
	transport, ok := server.Client().Transport.(*http.Transport)
	if !ok {
		t.Fatalf("the transport is a %T", server.Client().Transport)
	}
	config := transport.TLSClientConfig.Clone()
	config.NextProtos = []string{http2.NextProtoTLS}
	connection, err := (&tls.Dialer{Config: config}).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	if err := connection.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(connection, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	framer := http2.NewFramer(connection, connection)
	if err := framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0}); err != nil {
		t.Fatal(err)
	}
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for i := range requests {
		block.Reset()
		for _, field := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", "api"}, {":path", "/"}} {
			if err := encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]}); err != nil {
				t.Fatal(err)
			}
		}
		headers := http2.HeadersFrameParam{StreamID: uint32(2*i + 1), BlockFragment: block.Bytes(), EndStream: true, EndHeaders: true}
		if err := framer.WriteHeaders(headers); err != nil {
			t.Fatal(err)
		}
	}
	return framer, func() { _ = connection.Close() }
}
