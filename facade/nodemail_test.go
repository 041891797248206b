package facade

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
)

// TestTestEmailToANode says that the public address of a node is to a tenant what an address inside is, from the moment when the node has it.
func TestTestEmailToANode(t *testing.T) {
	org, key, slug := newSite(t, "mailnode")
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node-" + slug}}
	if err := suite.cluster.Create(t.Context(), node); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = suite.cluster.Delete(context.Background(), node) })
	node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeExternalIP, Address: "9.9.9.9"}}
	if err := suite.cluster.Status().Update(t.Context(), node); err != nil {
		t.Fatal(err)
	}
	err := wait.PollUntilContextTimeout(t.Context(), 10*time.Millisecond, 30*time.Second, true, func(ctx context.Context) (bool, error) {
		networks, err := suite.server.store.NodeNetworks(ctx)
		for _, n := range networks {
			if n.String() == "9.9.9.9/32" {
				return true, nil
			}
		}
		return false, err
	})
	if err != nil {
		t.Fatal(err)
	}
	call(t, key, http.MethodPut, domainPath(org, slug), map[string]any{"email_host": "9.9.9.9"}).want(t, http.StatusOK)
	got := call(t, key, http.MethodPost, domainPath(org, slug)+"test-email/", nil).want(t, http.StatusBadRequest).json(t)
	if detail, _ := got["detail"].(string); got["email_host"] == nil || !strings.Contains(detail, "with a public address") {
		t.Errorf("the answer is %v", got)
	}
}
