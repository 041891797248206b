// Package version says which Berth a command is.
package version

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// stamp is set when a release is linked: -ldflags="-X github.com/berth-dev/berth/internal/version.stamp=v1.2.3".
var stamp string

// Of returns the version that the command was released as, such as v1.2.3. One that `go install …/cmd/berthctl@v1.2.3` built
// knows it from its module; one that was built of a checkout is (devel).
func Of() string {
	if stamp != "" {
		return stamp
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// Line returns what a command prints for --version: its name, its version, that of Go, and the platform.
func Line(command string) string {
	return fmt.Sprintf("%s %s %s %s/%s", command, Of(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
