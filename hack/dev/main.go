// Command dev brings up Berth on this machine for `make run`, and takes it down again for `make stop`.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/berth-dev/berth/hack/dev/stack"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "dev:", err)
		os.Exit(1)
	}
}

const usage = "usage: dev check|up|serve|down [flags]; `dev up -h` lists the flags"

func run(args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(args) == 0 {
		return errors.New(usage)
	}
	opts, err := parse(args[0], args[1:])
	if err != nil {
		return err
	}
	switch args[0] {
	case "check":
		return stack.Check(ctx, opts)
	case "up":
		return up(ctx, opts, args[1:])
	case "serve":
		return serve(ctx, opts)
	case "down":
		return down(ctx, opts)
	}
	return errors.New(usage)
}

func parse(name string, args []string) (stack.Options, error) {
	opts := stack.Options{Log: os.Stderr, FixedPorts: true}
	var cluster stack.Existing
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.StringVar(&opts.Root, "root", ".", "the checkout")
	flags.StringVar(&opts.Dir, "dir", ".run", "the folder for everything that is written")
	flags.StringVar(&opts.Cluster, "cluster", "", "the built command of hack/cluster")
	flags.StringVar(&opts.BaseDomain, "base-domain", "apps.localhost", "the domain below which Apps answer")
	flags.StringVar(&cluster.Kubeconfig, "kubeconfig", "", "install into this existing cluster instead of starting one")
	const found = "; empty: what the cluster has, if that is clear"
	flags.StringVar(&cluster.Registry.Push, "registry", "", "existing cluster: where images are pushed and pulled, HOST[:PORT][/REPOSITORY]"+found)
	flags.StringVar(&cluster.Issuer, "issuer", "", "existing cluster: the cert-manager ClusterIssuer"+found)
	flags.StringVar(&cluster.IngressClass, "ingress-class", "", "existing cluster: the IngressClass"+found)
	flags.StringVar(&cluster.RouterNamespace, "router-namespace", "", "existing cluster: the Namespace of its ingress controller"+found)
	flags.StringVar(&cluster.RouterNetwork, "router-network", "", "existing cluster: the network of an ingress controller that has no Pod addresses")
	flags.StringVar(&cluster.IngressAddr, "ingress-addr", "", "existing cluster: host:port where its ingress controller answers HTTPS")
	if err := flags.Parse(args); err != nil {
		return opts, err
	}
	if cluster.Kubeconfig != "" {
		opts.Existing = &cluster
	}
	return opts, nil
}
