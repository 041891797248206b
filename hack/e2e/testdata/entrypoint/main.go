// Command entrypoint does what entrypoints of official images do as root, and serves what came of each step.
package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// folder is one that another user owns, such as a cache or a database.
	folder = "/data"
	owner  = 101
	// setuidCopy is a copy of this program that runs as root, whoever starts it.
	setuidCopy = "/setuid-entrypoint"
	nobody     = 65534
	// whoami is the argument with which the program prints as whom it runs.
	whoami = "whoami"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == whoami {
		fmt.Print(os.Geteuid())
		return
	}
	var report strings.Builder
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"mkdir", func() error { return os.MkdirAll(folder, 0o700) }},
		{"chown", func() error { return os.Chown(folder, owner, owner) }},
		{"write in another user's folder", func() error { return os.WriteFile(folder+"/file", nil, 0o600) }},
		{"chmod of another user's folder", func() error { return os.Chmod(folder, 0o750) }},
		{"switch user", func() error { return runAs(nobody, "/proc/self/exe", nobody) }},
		{"setuid", startSetuid},
	} {
		result := "ok"
		if err := step.do(); err != nil {
			result = err.Error()
		}
		fmt.Fprintf(&report, "%s: %s\n", step.name, result)
	}
	fmt.Print(report.String())
	server := &http.Server{
		Addr: ":" + os.Getenv("PORT"), ReadHeaderTimeout: 5 * time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, report.String()) }),
	}
	fmt.Println(server.ListenAndServe())
	os.Exit(1)
}

// startSetuid starts a setuid program of root's as another user.
func startSetuid() error {
	program, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		return err
	}
	if err := os.WriteFile(setuidCopy, program, 0o755); err != nil { //nolint:gosec // Everybody is to start it.
		return err
	}
	if err := os.Chmod(setuidCopy, 0o755|os.ModeSetuid); err != nil {
		return err
	}
	return runAs(nobody, setuidCopy, 0)
}

// runAs starts a copy of this program as a user, and looks as whom it runs then.
func runAs(user uint32, program string, want int) error {
	cmd := exec.Command(program, whoami) //nolint:gosec,noctx // It is this program, and ends at once.
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user}}
	out, err := cmd.Output()
	if err == nil && string(out) != strconv.Itoa(want) {
		err = fmt.Errorf("it runs as %s, want %d", out, want)
	}
	return err
}
