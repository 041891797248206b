// Command app is what the tests run in pods: an HTTP server, with arguments "lookup NAME" a DNS client, or with "dial HOST:PORT" one that
// says whether it can connect.
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}

func run(args []string) error {
	if len(args) == 2 && args[0] == "lookup" {
		addresses, err := net.DefaultResolver.LookupHost(context.Background(), args[1])
		fmt.Println(strings.Join(addresses, " "))
		return err
	}
	if len(args) == 2 && args[0] == "dial" {
		return dial(args[1])
	}
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	log.Println("listening as", host)
	return http.ListenAndServe(":8080", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "hello from", host)
	}))
}

// dial says "open", or "closed" and why.
func dial(address string) error {
	conn, err := net.DialTimeout("tcp", address, 2*time.Second)
	if err != nil {
		fmt.Println("closed:", err)
		return nil
	}
	fmt.Println("open")
	return conn.Close()
}
