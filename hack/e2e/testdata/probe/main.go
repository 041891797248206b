// Command probe is an App that tells whom it can reach: GET /dial?address=HOST:PORT says "open", "refused" by the other side, "unknown" to
// DNS, or "closed" on the way there. With ADDRESSES, a list with spaces, it gives these to the loopback interface of the network that it runs
// in and serves there instead of everywhere.
package main

import (
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// dialTimeout is how long an address may take to answer.
const dialTimeout = 3 * time.Second

func main() {
	http.HandleFunc("GET /dial", dial)
	http.HandleFunc("GET /visitor", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.RemoteAddr) })
	hosts := strings.Fields(os.Getenv("ADDRESSES"))
	for i, h := range hosts {
		if err := addAddress(fmt.Sprintf("lo:%d", i+1), h); err != nil {
			log.Fatalf("add %s: %v", h, err)
		}
	}
	if len(hosts) == 0 {
		hosts = []string{""}
	}
	failed := make(chan error)
	for _, h := range hosts {
		go func() { failed <- http.ListenAndServe(net.JoinHostPort(h, os.Getenv("PORT")), nil) }()
	}
	log.Fatal(<-failed)
}

func dial(w http.ResponseWriter, r *http.Request) {
	conn, err := net.DialTimeout("tcp", r.URL.Query().Get("address"), dialTimeout)
	switch {
	case err == nil:
		defer conn.Close()
		fmt.Fprintln(w, "open")
	case errors.Is(err, syscall.ECONNREFUSED):
		fmt.Fprintln(w, "refused:", err)
	case errors.As(err, new(*net.DNSError)):
		fmt.Fprintln(w, "unknown:", err)
	default:
		fmt.Fprintln(w, "closed:", err)
	}
}

// addAddress gives an interface's alias an address.
func addAddress(alias, address string) error {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return err
	}
	request, err := unix.NewIfreq(alias)
	if err != nil {
		return err
	}
	if err := request.SetInet4Addr(a.AsSlice()); err != nil {
		return err
	}
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(socket)
	return unix.IoctlIfreq(socket, unix.SIOCSIFADDR, request)
}
