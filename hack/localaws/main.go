// Command localaws is an AWS for the end-to-end tests, with STS and ECR, and a registry that takes nothing but ECR's tokens. Beside it is one
// that takes nothing but a user name with its password.
package main

import (
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"time"

	"github.com/berth-dev/berth/internal/testing/testaws"
)

func main() {
	listen := flag.String("listen", ":4566", "where STS and ECR answer, and the tests' own requests")
	registry := flag.String("registry", ":4567", "where the registry of ECR answers")
	users := flag.String("registry-of-users", ":4568", "where the registry answers that isn't ECR")
	upstream := flag.String("upstream", "", "URL of the registry that has the images and lets everybody in; needed")
	flag.Parse()
	if err := run(*listen, *registry, *users, *upstream); err != nil {
		fmt.Fprintln(os.Stderr, "localaws:", err)
		os.Exit(1)
	}
}

// run serves until something fails.
func run(listen, registry, users, upstream string) error {
	to, err := url.Parse(upstream)
	if err != nil || to.Host == "" {
		return errors.New("--upstream has to be a URL")
	}
	aws := testaws.New(time.Now)
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}
	handlers := map[string]http.Handler{listen: aws.Controlled(), registry: aws.Registry(proxy), users: testaws.RegistryOfUsers(proxy)}
	failed := make(chan error, len(handlers))
	for address, handler := range handlers {
		server := &http.Server{Addr: address, Handler: handler, ReadHeaderTimeout: 5 * time.Second}
		go func() { failed <- server.ListenAndServe() }()
	}
	return <-failed
}
