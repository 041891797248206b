// Package forward carries connections from a listener to an address. A socket belongs to the network that
// it was made in, so a listener that came from outside leads into the cluster's network.
package forward

import (
	"errors"
	"io"
	"net"
)

// Serve carries every connection that l accepts to the TCP address target, until l is closed.
func Serve(l net.Listener, target string) error {
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		go carry(conn, target)
	}
}

// carry copies both ways. Whoever connected sees any error as the end of the connection.
func carry(outer net.Conn, target string) {
	defer outer.Close()
	inner, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer inner.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		copyHalf(inner, outer)
	}()
	copyHalf(outer, inner)
	<-done
}

// copyHalf copies one direction and passes its end on, so that the other direction can go on without it.
func copyHalf(to, from net.Conn) {
	_, _ = io.Copy(to, from) // an error ends the direction as its end does
	if half, ok := to.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}
