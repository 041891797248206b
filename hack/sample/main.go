// Command sample is the web service that `make run` deploys and the end-to-end tests move, restart and crash.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	version := flag.String("version", "dev", "what the pages call this build")
	exitCode := flag.Int("exit-code", -1, "end at once with this status instead of serving; -1 serves")
	dieAfter := flag.Duration("die-after", 0, "end with status 1 after serving for so long; 0 serves on")
	flag.Parse()
	if *exitCode >= 0 {
		fmt.Fprintf(os.Stderr, "sample %s was told to end with status %d\n", *version, *exitCode)
		os.Exit(*exitCode)
	}
	if *dieAfter > 0 {
		time.AfterFunc(*dieAfter, func() {
			fmt.Fprintf(os.Stderr, "sample %s was told to die after %s\n", *version, *dieAfter)
			os.Exit(1)
		})
	}
	if err := run(*version); err != nil {
		slog.Error("sample ends", "error", err)
		os.Exit(1)
	}
}

// run serves on the port that the platform tells, 80 unless it tells one, until SIGTERM; requests under way are finished.
func run(version string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	port := os.Getenv("PORT")
	if port == "" {
		port = "80"
	}
	server := &http.Server{Addr: net.JoinHostPort("", port), Handler: handler(version), ReadHeaderTimeout: 5 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	slog.Info("sample serves", "version", version, "port", port)
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := server.Shutdown(drain); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// handler answers every path with the greeting of the environment, the version and the Pod's name, and logs the request.
func handler(version string) http.Handler {
	greeting := os.Getenv("GREETING")
	if greeting == "" {
		greeting = "Hello"
	}
	pod, _ := os.Hostname() // An unknown name only shortens the page.
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		slog.Info("request", "method", r.Method, "path", r.URL.Path)
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		fmt.Fprintf(w, "%s from sample %s on %s\n", greeting, version, pod)
	})
}
