// Command chart makes the Helm chart out of the kustomize manifests: `chart generate` writes it into config/chart. hack/release packs it.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"

	"github.com/berth-dev/berth/hack/chart/generate"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "chart:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 || args[0] != "generate" {
		return errors.New("usage: chart generate [--root=FOLDER]")
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	root := flags.String("root", ".", "the checkout")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	return generate.Run(*root)
}
