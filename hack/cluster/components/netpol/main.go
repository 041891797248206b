// Command netpol keeps a node to the cluster's NetworkPolicies: it watches them, the Pods and the Namespaces, and writes what they
// come to into nftables of the network that it runs in.
//
// It is made for a cluster of one node whose Pods reach each other by the node's own routes, where every packet passes the forward or
// the input hook. What the node itself sends is never held back, and connections outlive the policy that they were made under. A Pod's
// policies begin to count when the API server knows its address, moments before or after its first container runs.
package main

import (
	"context"
	"flag"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

func main() {
	kubeconfig := flag.String("kubeconfig", "", "file that leads to the API server")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *kubeconfig)
	stop()
	if err != nil {
		slog.Error("netpol ends", "error", err)
		os.Exit(1)
	}
}

// run keeps the table true until ctx ends. A table that cannot be written ends it: whoever started it has to know.
func run(ctx context.Context, kubeconfig string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	t, err := openTable()
	if err != nil {
		return err
	}
	return watch(ctx, client, func(o objects) error { return t.write(ctx, chains(o)) })
}
