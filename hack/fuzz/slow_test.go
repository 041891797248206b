package fuzz

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// pause is how long a slow client waits after each byte.
const pause = 100 * time.Millisecond

// How many slow clients of each kind there are; of idle ones, at most.
const (
	slowSenders   = 50
	unreadLogs    = 8
	manyFollowers = 64
	idleClients   = 5000
)

// The facade's limits, before which it ends no slow client.
const (
	headersLimit = 10 * time.Second
	bodyLimit    = time.Minute
)

// allowIdle lets this process have as many open files as its idle connections take, both their ends, or as many as it may, and returns how many
// such connections there can be.
func allowIdle(tb testing.TB) int {
	tb.Helper()
	const others, wanted = 1024, 2*idleClients + 1024
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		tb.Fatal(err)
	}
	limit.Cur = min(max(limit.Cur, wanted), limit.Max)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		tb.Fatal(err)
	}
	number := max(0, (int(min(limit.Cur, wanted))-others)/2)
	tb.Logf("%d idle connections, as %d files can be open", number, limit.Cur)
	return number
}

// dial opens a TLS connection to the facade for HTTP/1.1, with a small window so that what isn't read is soon felt.
func dial(ctx context.Context) (*tls.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", strings.TrimPrefix(suite.url, "https://"))
	if err != nil {
		return nil, err
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		if err := tcp.SetReadBuffer(4096); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	secure := tls.Client(conn, &tls.Config{RootCAs: suite.roots, ServerName: "localhost"})
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return secure, nil
}

// authorization is the header of a manager's key.
func authorization() string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(suite.keys[keyManager]+":")) + "\r\n"
}

// slowHeaders sends a request's headers, which have no end, a byte at a time until the facade ends the connection or ctx does.
func slowHeaders(ctx context.Context) error {
	return trickle(ctx, headersLimit, "GET /api/ HTTP/1.1\r\n", "X-A: a\r\n")
}

// slowBody does so with the body of a request whose headers came at once.
func slowBody(ctx context.Context) error {
	head := "PUT /api/containers/" + orgOne + "/apps/followed/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n"
	return trickle(ctx, bodyLimit, head+authorization()+"\r\n", " ")
}

// notBefore is the error that a client was ended before a limit that began when it did.
func notBefore(limit time.Duration, began time.Time) error {
	if took := time.Since(began); took < limit {
		return fmt.Errorf("a slow client was ended after %s, and not by the limit of %s", took, limit)
	}
	return nil
}

// trickle sends what comes first at once, and then the rest again and again, a byte at a time, until the facade ends the connection. The error is
// that of ctx if it ends before, or that the connection ends before a limit.
func trickle(ctx context.Context, limit time.Duration, first, rest string) error {
	began := time.Now()
	conn, err := dial(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(io.Discard, conn)
	}()
	if _, err := io.WriteString(conn, first); err != nil {
		return err
	}
	for i := 0; ; i = (i + 1) % len(rest) {
		select {
		case <-ended:
			return notBefore(limit, began)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		if _, err := io.WriteString(conn, rest[i:i+1]); err != nil {
			return notBefore(limit, began) // The facade has ended the connection, which is what it should.
		}
	}
}

// slowReader is a body that comes a byte at a time, without end.
type slowReader struct{ ctx context.Context } //nolint:containedctx // It is the body of one request.

func (r slowReader) Read(data []byte) (int, error) {
	select {
	case <-r.ctx.Done():
		return 0, r.ctx.Err()
	case <-time.After(pause):
		data[0] = ' '
		return 1, nil
	}
}

// slowBody2 does what slowBody does over HTTP/2.
func slowBody2(ctx context.Context) error {
	transport := newTransport(true)
	defer transport.CloseIdleConnections()
	path := suite.url + "/api/containers/" + orgOne + "/apps/followed/"
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, path, slowReader{ctx})
	if err != nil {
		return err
	}
	request.SetBasicAuth(suite.keys[keyManager], "")
	request.Header.Set("Content-Type", "application/json")
	began := time.Now()
	response, err := transport.RoundTrip(request)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil: // The facade has ended the stream.
		return notBefore(bodyLimit, began)
	default:
		return errors.Join(notBefore(bodyLimit, began), response.Body.Close())
	}
}

// unread follows the log of an app and reads no more than that it may, until ctx ends.
func unread(ctx context.Context, app string, http2 bool) error {
	if http2 {
		transport := newTransport(true)
		defer transport.CloseIdleConnections()
		response, err := follow(ctx, transport, app)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		<-ctx.Done()
		return nil
	}
	conn, err := dial(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, "GET "+logsPath(app)+"?follow=true HTTP/1.1\r\nHost: localhost\r\n"+authorization()+"\r\n"); err != nil {
		return err
	}
	status, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || !strings.HasPrefix(status, "HTTP/1.1 200 ") {
		return errors.Join(err, fmt.Errorf("following answers %q", status))
	}
	<-ctx.Done()
	return nil
}

// follow begins to follow the log of an app, with all that it has.
func follow(ctx context.Context, transport *http.Transport, app string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, suite.url+logsPath(app)+"?follow=true&tail=10000", http.NoBody)
	if err != nil {
		return nil, err
	}
	request.SetBasicAuth(suite.keys[keyManager], "")
	response, err := transport.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, errors.Join(fmt.Errorf("following answers %d", response.StatusCode), response.Body.Close())
	}
	return response, nil
}

// followLines follows the log of an app, with a connection of its own, and gives each line to seen until that says false.
func followLines(ctx context.Context, app string, http2 bool, seen func(line string) bool) error {
	transport := newTransport(http2)
	defer transport.CloseIdleConnections()
	response, err := follow(ctx, transport, app)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		if !seen(lines.Text()) {
			return nil
		}
	}
	return errors.Join(errors.New("the log ends"), lines.Err())
}

// idle opens connections that have each sent one request, and then say nothing. They are closed by the function that is returned.
func idle(ctx context.Context, number int) (closeAll func(), err error) {
	var mu sync.Mutex
	var open []*tls.Conn
	closeAll = func() {
		for _, conn := range open {
			_ = conn.Close()
		}
	}
	free := make(chan struct{}, 16)
	var opening sync.WaitGroup
	for range number {
		free <- struct{}{}
		opening.Go(func() {
			defer func() { <-free }()
			conn, problem := openIdle(ctx)
			mu.Lock()
			defer mu.Unlock()
			err = errors.Join(err, problem)
			if conn != nil {
				open = append(open, conn)
			}
		})
	}
	opening.Wait()
	return closeAll, err
}

func openIdle(ctx context.Context) (*tls.Conn, error) {
	conn, err := dial(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := io.WriteString(conn, "GET /api/nothing/ HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		return conn, err
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return conn, err
	}
	_, err = io.Copy(io.Discard, response.Body)
	return conn, errors.Join(err, response.Body.Close())
}
