// Command vulncheck is govulncheck with its version pinned by go.mod: it looks for known vulnerabilities in what packages are compiled of.
//
// A vulnerability that the packages reach is a failure. Those in packages and modules that they do not call are listed. Without the vulnerability
// database, which is elsewhere on the Internet, nothing is known: that is said and is no failure, so that a machine without access can test the rest. An
// answer that is not the database's is a failure: GOVULNDB, or what is between, has to be corrected.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"golang.org/x/vuln/scan"
)

// defaultDatabase is where govulncheck looks unless GOVULNDB names another place.
const defaultDatabase = "https://vuln.go.dev"

// probeTimeout bounds the question whether the database answers.
const probeTimeout = 15 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Environ(), os.Stdout, os.Args[1:]...); err != nil {
		fmt.Fprintln(os.Stderr, "vulncheck:", err)
		os.Exit(1) //nolint:gocritic // The deferred stop only restores signals, which the exit does as well.
	}
}

// errReached says that the packages call something vulnerable.
var errReached = errors.New("vulnerabilities are reached: update the modules, or Go, to the versions that fix them")

// run checks the packages that patterns name, in the module of the current folder.
func run(ctx context.Context, env []string, out io.Writer, patterns ...string) error {
	database := defaultDatabase
	for _, variable := range env {
		if value, found := strings.CutPrefix(variable, "GOVULNDB="); found && value != "" {
			database = value
		}
	}
	if err := probe(ctx, database); err != nil {
		return warned(out, err)
	}
	err := check(ctx, env, out, append([]string{"-show=verbose", "-db=" + database}, patterns...))
	if err == nil || errors.Is(err, errReached) || ctx.Err() != nil {
		return err
	}
	if lost := probe(ctx, database); errors.Is(lost, errUnreachable) { // The connection ended meanwhile.
		return warned(out, lost)
	}
	return err
}

// errUnreachable says that nothing is known, for the database cannot be asked now.
var errUnreachable = errors.New("the vulnerability database cannot be reached")

// warned warns of a database that cannot be reached, and returns every other error.
func warned(out io.Writer, err error) error {
	if !errors.Is(err, errUnreachable) {
		return err
	}
	warn(out, err)
	return nil
}

// check runs govulncheck.
func check(ctx context.Context, env []string, out io.Writer, args []string) error {
	cmd := scan.Command(ctx, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = env, out, out
	if err := cmd.Start(); err != nil {
		return err
	}
	err := cmd.Wait()
	// The code that govulncheck documents for vulnerabilities that are called.
	if coded, ok := errors.AsType[interface {
		error
		ExitCode() int
	}](err); ok && coded.ExitCode() == 3 {
		return errReached
	}
	return err
}

// probe returns an error if the database does not answer, which wraps errUnreachable if that is not for what was asked. One in a folder is not asked: if it
// is missing, the check fails.
func probe(ctx context.Context, database string) error {
	if strings.HasPrefix(database, "file:") {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(database, "/")+"/index/db.json", http.NoBody)
	if err != nil {
		return err
	}
	if web := request.URL.Scheme == "https" || request.URL.Scheme == "http"; !web || request.URL.Host == "" {
		return fmt.Errorf("%s is not the address of a vulnerability database, such as %s", request.URL.Redacted(), defaultDatabase)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("%w: %w", errUnreachable, err)
	}
	defer response.Body.Close()
	if response.StatusCode >= http.StatusInternalServerError {
		return fmt.Errorf("%w: GET %s: %s", errUnreachable, request.URL.Redacted(), response.Status)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", request.URL.Redacted(), response.Status)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("%w: GET %s: %w", errUnreachable, request.URL.Redacted(), err)
	}
	var index struct {
		Modified time.Time `json:"modified"`
	}
	if err := json.Unmarshal(body, &index); err != nil || index.Modified.IsZero() {
		return fmt.Errorf("GET %s: the answer is not that of a vulnerability database", request.URL.Redacted())
	}
	return nil
}

// warn says that nothing was checked, so that it is not taken for a good result.
func warn(out io.Writer, err error) {
	line := strings.Repeat("!", 80)
	fmt.Fprintf(out, "%s\nWARNING: VULNERABILITIES WERE NOT CHECKED:\n%v\n"+
		"Run `make vulncheck` where it can, or set GOVULNDB to a copy of it.\n%s\n", line, err, line)
}
