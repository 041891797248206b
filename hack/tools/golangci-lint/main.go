// Command golangci-lint is golangci-lint with kube-api-linter built in, as `golangci-lint custom` would generate it, but with every
// version pinned by go.mod and go.sum.
package main

import (
	"fmt"
	"os"
	"runtime/debug"

	"github.com/golangci/golangci-lint/v2/pkg/commands"
	"github.com/golangci/golangci-lint/v2/pkg/exitcodes"
	_ "sigs.k8s.io/kube-api-linter" // Registers itself as a linter.
)

func main() {
	if err := commands.Execute(buildInfo()); err != nil {
		fmt.Fprintf(os.Stderr, "golangci-lint ends: %v\n", err)
		os.Exit(exitcodes.Failure)
	}
}

// buildInfo says what `golangci-lint version` prints and what its cache is keyed by: the version of golangci-lint that go.mod pins.
func buildInfo() commands.BuildInfo {
	const module = "github.com/golangci/golangci-lint/v2"
	info := commands.BuildInfo{Version: "unknown", Commit: "unknown", Date: "unknown"}
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return info
	}
	info.GoVersion = build.GoVersion
	for _, dep := range build.Deps {
		if dep.Path == module {
			info.Version, info.Commit = dep.Version, dep.Sum
		}
	}
	return info
}
