package forward

import (
	"io"
	"net"
	"testing"
	"time"
)

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// TestServe asks a server that answers only after the end of what it is told: both directions have to be
// carried, and the end of one without that of the other.
func TestServe(t *testing.T) {
	target, outside := listen(t), listen(t)
	go func() {
		conn, err := target.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		text, err := io.ReadAll(conn)
		if err == nil {
			_, _ = conn.Write(append([]byte("heard: "), text...))
		}
	}()
	served := make(chan error, 1)
	go func() { served <- Serve(outside, target.Addr().String()) }()

	conn, err := net.Dial("tcp", outside.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil || string(answer) != "heard: hello" {
		t.Errorf("answer %q, error %v", answer, err)
	}
	if err := outside.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-served; err != nil {
		t.Errorf("Serve after its listener was closed: %v, want no error", err)
	}
}

func TestServeNobodyThere(t *testing.T) {
	target, outside := listen(t), listen(t)
	if err := target.Close(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = Serve(outside, target.Addr().String()) }() // ends with the test
	conn, err := net.Dial("tcp", outside.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Read(make([]byte, 1)); err == nil {
		t.Errorf("read %d bytes, want the connection's end", n)
	}
}
