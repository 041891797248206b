// Package e2e tests the chart by Helm itself, on a real node with Apps that run.
package e2e

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/berth-dev/berth/hack/dev/stack"
	"github.com/berth-dev/berth/hack/e2e/witness"
)

// root is the checkout.
const root = "../../.."

// organization is the one whose Apps run while Berth comes and goes.
const organization = "cowork"

// What the tests use.
var (
	berth      *stack.Stack
	httpClient *http.Client
	// clusterCommand is the built command of hack/cluster.
	clusterCommand = os.Getenv("BERTH_CLUSTER")
)

func TestMain(m *testing.M) {
	flag.Parse() // A wrong flag is told before a cluster starts.
	os.Exit(stack.Test(m, stack.Options{Root: root, BaseDomain: "apps.test", WithoutBerth: true}, func(s *stack.Stack) (err error) {
		berth = s
		if httpClient, err = s.HTTPClient(s.Env.CAIngress); err != nil {
			return err
		}
		_, err = s.Berthctl(context.Background(), "org", "create", organization)
		return err
	}))
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

// visit visits an App's page again and again, from when it is there for the first time.
func visit(t *testing.T, host string) *witness.Visitor {
	t.Helper()
	page := func(ctx context.Context) error {
		status, err := get(ctx, "https://"+host+"/", "")
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("status %d", status)
		}
		return err
	}
	witness.Eventually(t, time.Minute, host+" answers", func() (bool, string) {
		err := page(t.Context())
		return err == nil, fmt.Sprint(err)
	})
	return witness.Visit(t, 10*time.Millisecond, page)
}
