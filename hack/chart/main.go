// Command chart makes the Helm chart out of the kustomize manifests: `chart generate` writes it into config/chart, `chart package` packs it.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"

	"github.com/berth-dev/berth/hack/chart/generate"
	"github.com/berth-dev/berth/hack/chart/pack"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "chart:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return errors.New("usage: chart generate|package [flags]; `chart package -h` lists the flags")
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	root := flags.String("root", ".", "the checkout")
	switch args[0] {
	case "generate":
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		return generate.Run(*root)
	case "package":
		version := flags.String("version", "", "the version of the chart, without a v; default: what Chart.yaml says")
		out := flags.String("out", ".", "the folder to write berth-VERSION.tgz to")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		file, err := pack.Write(*root, *version, *out)
		if err == nil {
			fmt.Fprintln(os.Stdout, file)
		}
		return err
	}
	return fmt.Errorf("unknown command %q", args[0])
}
