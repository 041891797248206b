// Package e2e tests Berth as its users see it, on a real node: over REST, with kubectl, and as a browser of the Apps.
package e2e

import (
	"flag"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/berth-dev/berth/hack/dev/stack"
	"github.com/berth-dev/berth/hack/e2e/witness"
)

// What every test uses; made once, since a node takes seconds to start.
var (
	berth      *stack.Stack
	httpClient *http.Client
	// clusterCommand is the built command of hack/cluster.
	clusterCommand = os.Getenv("BERTH_CLUSTER")
)

func TestMain(m *testing.M) {
	flag.Parse() // A wrong flag is told before a cluster starts.
	os.Exit(stack.Test(m, stack.Options{
		Root: "../..", BaseDomain: "apps.test", AuditPolicy: "testdata/audit-policy.yaml", Amazon: true, Flux: true,
	}, func(s *stack.Stack) (err error) {
		berth = s
		httpClient, err = s.HTTPClient()
		return err
	}))
}

// organization makes an organization of the test's own and returns a REST client that is its manager.
func organization(t *testing.T, name string, flags ...string) *restClient {
	t.Helper()
	if err := berth.CreateOrganization(t.Context(), name, flags...); err != nil {
		t.Fatal(err)
	}
	return managerOf(t, name, "tests@example.test")
}

// managerOf makes another manager of an organization, with a key whose owner has this address.
func managerOf(t *testing.T, organization, owner string) *restClient {
	t.Helper()
	flags := []string{"--org", organization, "--role", "manager", "--owner", owner, "--max-keys-per-owner=0"} // All tests have one owner.
	key, err := berth.Berthctl(t.Context(), append([]string{"apikey", "create"}, flags...)...)
	if err != nil {
		t.Fatal(err)
	}
	c := &restClient{organization: organization, key: key}
	// The facade learns of a new key a moment later.
	eventually(t, time.Minute, "the facade knows the key", c.lists(t, http.StatusOK))
	return c
}

// push moves a tag of the registry to the sample with the given arguments, and returns its reference.
func push(t *testing.T, name string, args ...string) string {
	t.Helper()
	if err := berth.Push(t.Context(), name, berth.Bin("sample"), args...); err != nil {
		t.Fatal(err)
	}
	return berth.Env.Registry + "/" + name
}

// pushImage makes an image of a program, as the flags of `cluster push` say, and returns where it is.
func pushImage(t *testing.T, name, binary string, flags ...string) string {
	t.Helper()
	args := append(append([]string{"push", "--registry", berth.Env.Registry}, flags...), name, binary)
	if out, err := exec.CommandContext(t.Context(), clusterCommand, args...).CombinedOutput(); err != nil {
		t.Fatalf("push %s: %v: %s", name, err, out)
	}
	return berth.Env.Registry + "/" + name
}

// kubectl runs kubectl with a text on its standard input and returns what it printed.
func kubectl(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	out, err := tryKubectl(t, stdin, args...)
	if err != nil {
		t.Fatalf("kubectl %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return out
}

// tryKubectl runs kubectl and returns what it printed, and whether it succeeded.
func tryKubectl(t *testing.T, stdin string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), clusterCommand, append([]string{"kubectl", "--kubeconfig", berth.Env.Kubeconfig}, args...)...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// eventually waits for a condition; see witness.Eventually.
func eventually(t *testing.T, timeout time.Duration, what string, condition func() (ok bool, saw string)) {
	t.Helper()
	witness.Eventually(t, timeout, what, condition)
}
