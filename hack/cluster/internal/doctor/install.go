package doctor

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// Install installs the Debian packages that bring what is missing, if this is root on a machine that has apt-get, and says so. What no package brings
// stays missing.
func Install(ctx context.Context, needs []Need, out io.Writer) error {
	missing := Packages(needs)
	if _, err := exec.LookPath("apt-get"); err != nil || len(missing) == 0 || os.Geteuid() != 0 {
		return nil //nolint:nilerr // Check names what is missing.
	}
	fmt.Fprintf(out, "install the Debian packages %s; INSTALL=no has make only name them\n", strings.Join(missing, " "))
	for _, args := range [][]string{{"update", "-q"}, append([]string{"install", "-qy", "--no-install-recommends"}, missing...)} {
		cmd := exec.CommandContext(ctx, "apt-get", args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		cmd.Stdout, cmd.Stderr = out, out
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("apt-get %s: %w", strings.Join(args, " "), err)
		}
	}
	return nil
}
