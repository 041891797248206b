// Package kubectl talks to a cluster through its own kubectl: a client library would make this project's
// command slow to build, and it has to be built before anything else can be.
package kubectl

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// waitTimeout is how long Wait waits.
const waitTimeout = 2 * time.Minute

// Client runs kubectl as one user.
type Client struct {
	// Path is kubectl's file, Kubeconfig whom it acts as.
	Path, Kubeconfig string
}

// Apply applies manifests by server-side apply.
func (c Client) Apply(ctx context.Context, manifests []byte) error {
	_, err := c.run(ctx, manifests, "apply", "--server-side", "--force-conflicts", "--field-manager=cluster", "--validate=ignore", "--filename=-")
	return err
}

// Wait waits for objects, such as node/node1, to exist and have a condition. It gives up after two minutes.
func (c Client) Wait(ctx context.Context, condition string, objects ...string) error {
	for _, what := range []string{"create", "condition=" + condition} {
		args := append([]string{"wait", "--for=" + what, "--timeout=" + waitTimeout.String()}, objects...)
		if _, err := c.run(ctx, nil, args...); err != nil {
			return err
		}
	}
	return nil
}

// Delete deletes objects and waits until they are gone. One that is not there is no error. The namespace does not
// matter to objects outside of any.
func (c Client) Delete(ctx context.Context, namespace string, objects ...string) error {
	args := append([]string{"delete", "--ignore-not-found", "--namespace=" + namespace}, objects...)
	_, err := c.run(ctx, nil, args...)
	return err
}

// Field returns one field of an object by its JSONPath, such as {.data.key}.
func (c Client) Field(ctx context.Context, namespace, object, path string) (string, error) {
	out, err := c.run(ctx, nil, "get", object, "--namespace="+namespace, "--output=jsonpath="+path)
	return string(out), err
}

func (c Client) run(ctx context.Context, stdin []byte, args ...string) ([]byte, error) {
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, c.Path, append([]string{"--kubeconfig=" + c.Kubeconfig}, args...)...)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(stdin), &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("kubectl %s: %w: %s", args[0], err, strings.TrimSpace(stderr.String()))
	}
	return out, nil
}
