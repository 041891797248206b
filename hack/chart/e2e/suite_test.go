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

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	berthv1alpha1 "github.com/berth-dev/berth/api/v1alpha1"
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
		return s.Client.Create(context.Background(), earlierOrganization())
	}))
}

// earlierOrganization returns a Namespace that was an organization before Organizations were a kind. The operator makes it one when it is installed.
func earlierOrganization() *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: organization, Labels: map[string]string{berthv1alpha1.LabelOrganization: organization},
		Annotations: map[string]string{berthv1alpha1.AnnotationExternalID: "external-id-of-before"},
	}}
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
