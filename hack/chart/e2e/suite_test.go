// Package e2e tests the chart by Helm itself, on a real node with Apps that run.
package e2e

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/berth-dev/berth/hack/dev/stack"
)

// root is the checkout.
const root = "../../.."

// What the test uses.
var (
	berth      *stack.Stack
	httpClient *http.Client
)

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := runSuite(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
	os.Exit(code)
}

func runSuite(m *testing.M) (code int, err error) {
	cluster := os.Getenv("BERTH_CLUSTER")
	if cluster == "" {
		return 0, errors.New("BERTH_CLUSTER has to name the built command of hack/cluster; `make test-e2e` sets it")
	}
	dir, err := os.MkdirTemp("", "berth-chart-e2e-")
	if err != nil {
		return 0, err
	}
	defer func() {
		if code == 0 && err == nil {
			err = os.RemoveAll(dir)
		} else {
			fmt.Fprintln(os.Stderr, "e2e: the logs are in", dir)
		}
	}()
	berth, err = stack.Start(context.Background(), stack.Options{
		Root: root, Dir: dir, Cluster: cluster, Log: os.Stderr, BaseDomain: "apps.test", WithoutBerth: true,
	})
	if err != nil {
		return 0, err
	}
	defer func() {
		if stopErr := berth.Stop(); err == nil {
			err = stopErr
		}
	}()
	if httpClient, err = berth.HTTPClient(berth.Env.CAIngress); err != nil {
		return 0, err
	}
	return m.Run(), nil
}

// get asks for a page, with an API key unless that is empty, and returns the status of the answer.
func get(ctx context.Context, address, key string) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return 0, err
	}
	if key != "" {
		req.SetBasicAuth(key, "")
	}
	res, err := httpClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, err
}

// eventually calls a condition until it holds, and fails the test with its last word when that takes longer than the timeout.
func eventually(t *testing.T, timeout time.Duration, what string, condition func() (ok bool, saw string)) {
	t.Helper()
	last := ""
	for end := time.Now().Add(timeout); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		ok, saw := condition()
		if ok {
			return
		}
		last = saw
	}
	t.Fatalf("not within %s: %s; last seen: %s", timeout, what, last)
}
