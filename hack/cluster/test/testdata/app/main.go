// Command app is what the tests run in pods: an HTTP server, or with arguments "lookup NAME" a DNS client.
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
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
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	log.Println("listening as", host)
	return http.ListenAndServe(":8080", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "hello from", host)
	}))
}
