// Command berthctl is for the staff of a platform: it makes, lists and removes organizations and API keys, straight in the cluster that the
// kubeconfig names.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/internal/rbac"
	"github.com/berth-dev/berth/internal/version"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := newRoot().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "berthctl:", err)
		os.Exit(1) //nolint:gocritic // The deferred stop only restores signals, which the exit does as well.
	}
}

func newRoot() *cobra.Command {
	g := &global{}
	cmd := &cobra.Command{
		Use:           "berthctl",
		Short:         "Manage the organizations and API keys of a Berth platform",
		Version:       version.Of(),
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	cmd.SetVersionTemplate(version.Line(cmd.Name()) + "\n")
	flags := cmd.PersistentFlags()
	flags.StringVar(&g.kubeconfig, "kubeconfig", "", "the kubeconfig file; default: $KUBECONFIG, then ~/.kube/config, then the cluster that it runs in")
	flags.StringVar(&g.context, "context", "", "the context of the kubeconfig; default: the current one")
	flags.StringVarP(&g.namespace, "namespace", "n", "berth-system", "Berth's own namespace")
	flags.StringVar(&g.keysNamespace, "keys-namespace", rbac.KeysNamespace, "the namespace of the API keys")
	flags.StringVarP(&g.output, "output", "o", outputText, "output format: text or json")
	cmd.AddCommand(newOrganization(g), newAPIKey(g))
	return cmd
}
