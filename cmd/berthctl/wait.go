package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// waitPoll is how often berthctl looks whether an organization is ready.
const waitPoll = 250 * time.Millisecond

// awaitReady waits until the operator has set an organization up; the error says why it has not.
func (g *global) awaitReady(cmd *cobra.Command, c client.Client, org *v1alpha1.Organization, timeout time.Duration) error {
	name := org.GetName()
	err := wait.PollUntilContextTimeout(cmd.Context(), waitPoll, timeout, true, func(context.Context) (bool, error) {
		if err := c.Get(cmd.Context(), client.ObjectKey{Name: name}, org); err != nil {
			return false, fmt.Errorf("read Organization %s: %w", name, err)
		}
		if org.Status.ObservedGeneration != org.GetGeneration() {
			return false, nil
		}
		if meta.IsStatusConditionTrue(org.Status.Conditions, v1alpha1.ConditionStalled) {
			return false, fmt.Errorf("organization %s was created but is not ready: %s", name, message(org))
		}
		return meta.IsStatusConditionTrue(org.Status.Conditions, v1alpha1.ConditionReady), nil
	})
	switch {
	case !wait.Interrupted(err):
		return err
	case org.Status.ObservedGeneration < org.GetGeneration():
		return fmt.Errorf("organization %[1]s was created, but the operator did not reconcile it within %[2]s; "+
			"check that it runs: kubectl get pods -n %[3]s", name, timeout, g.namespace)
	default:
		return fmt.Errorf("organization %s was created but is not ready after %s: %s", name, timeout, message(org))
	}
}

// message is what the Ready condition of an organization says.
func message(org *v1alpha1.Organization) string {
	if ready := meta.FindStatusCondition(org.Status.Conditions, v1alpha1.ConditionReady); ready != nil {
		return ready.Message
	}
	return "the operator has not reconciled it yet"
}
