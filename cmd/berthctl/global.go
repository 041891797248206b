package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
)

const (
	outputText = "text"
	outputJSON = "json"
)

// global is what the flags of every command say.
type global struct {
	kubeconfig string
	context    string
	namespace  string
	// keysNamespace is that of the API keys.
	keysNamespace string
	output        string
}

// client connects to the cluster. Every read is live: a command runs once and ends.
func (g *global) client() (client.Client, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = g.kubeconfig
	overrides := &clientcmd.ConfigOverrides{CurrentContext: g.context}
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("read the kubeconfig: %w", err)
	}
	kinds := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{scheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(kinds); err != nil {
			return nil, fmt.Errorf("register kinds: %w", err)
		}
	}
	c, err := client.New(config, client.Options{Scheme: kinds})
	if err != nil {
		return nil, fmt.Errorf("connect to the cluster: %w", err)
	}
	return client.WithFieldOwner(c, "berthctl"), nil
}

// print writes items as a JSON array, or as a table of rows under header.
func (g *global) print(out io.Writer, items any, header []string, rows [][]string) error {
	switch g.output {
	case outputJSON:
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(items)
	case outputText:
		table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
		for _, row := range append([][]string{header}, rows...) {
			fmt.Fprintln(table, strings.Join(row, "\t"))
		}
		return table.Flush()
	default:
		return g.check()
	}
}

// check refuses an unknown output format, before anything is written.
func (g *global) check() error {
	if g.output != outputText && g.output != outputJSON {
		return fmt.Errorf("--output is %s or %s, not %q", outputText, outputJSON, g.output)
	}
	return nil
}
