package chaos

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// process is an operator or a facade that is a process of its own.
type process struct {
	program string
	args    []string

	mu      sync.Mutex
	command *exec.Cmd
}

// memoryLimit is how many bytes of memory a container of Berth's may have in config/operator and config/facade, which the runtime of Go is told of.
const memoryLimit = 512 << 20

// build builds a command of Berth's, and returns its file.
func build(t *testing.T, name string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), name)
	command := exec.CommandContext(t.Context(), "go", "build", "-o", program, "github.com/berth-dev/berth/cmd/"+name)
	if said, err := command.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", name, err, said)
	}
	return program
}

// newProcess starts a program that may do at the API server what a configuration may. It is killed with the test at the latest.
func newProcess(t *testing.T, program string, config *rest.Config, args ...string) *process {
	t.Helper()
	kubeconfig := clientcmdapi.NewConfig()
	kubeconfig.Clusters["chaos"] = &clientcmdapi.Cluster{Server: config.Host, CertificateAuthority: config.CAFile}
	kubeconfig.AuthInfos["chaos"] = &clientcmdapi.AuthInfo{Token: config.BearerToken}
	kubeconfig.Contexts["chaos"] = &clientcmdapi.Context{Cluster: "chaos", AuthInfo: "chaos"}
	kubeconfig.CurrentContext = "chaos"
	file := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*kubeconfig, file); err != nil {
		t.Fatal(err)
	}
	p := &process{program: program, args: append([]string{"--kubeconfig=" + file}, args...)}
	if err := p.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	return p
}

func (p *process) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.command = exec.Command(p.program, p.args...) //nolint:noctx // It is killed when the test wants that.
	p.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p.command.Env = append(os.Environ(), fmt.Sprint("GOMEMLIMIT=", memoryLimit))
	if *verbose {
		p.command.Stderr = os.Stderr
	}
	return p.command.Start()
}

// kill ends the process as a crash does.
func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.command.Process.Kill()
	_ = p.command.Wait()
}

// peakMemory is how many bytes of memory the process has had at most; an error says that it has ended.
func (p *process) peakMemory() (int64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	file, err := os.Open(fmt.Sprintf("/proc/%d/status", p.command.Process.Pid))
	if err != nil {
		return 0, err
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if rest, found := strings.CutPrefix(lines.Text(), "VmHWM:"); found {
			var kilobytes int64
			_, err := fmt.Sscan(rest, &kilobytes)
			return kilobytes << 10, err
		}
	}
	return 0, fmt.Errorf("%s has ended", p.program) // What is left of a process that was not waited for has no memory.
}
