package stack

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Env is what a person or a test needs to know to use a stack. It is also written to the file "env" in the stack's folder, as shell
// assignments.
type Env struct {
	// URL is the base URL of the REST facade.
	URL string
	// CA is the file of the certificate authority that the facade's certificate is verified with.
	CA string
	// APIKey is a manager's key of Organization.
	APIKey string
	// HostKey is a key of the host's staff.
	HostKey string
	// BaseDomain is the domain below which Apps answer.
	BaseDomain string
	// HTTPSAddr is the address, host:port, where the ingress controller answers HTTPS; empty if there is none.
	HTTPSAddr string
	// HTTPAddr is the same for plain HTTP.
	HTTPAddr string
	// CAIngress is the file of the certificate authority that signs the default certificates.
	CAIngress string
	// ACMEIssuer is the ClusterIssuer that asks the cluster's ACME server, and CAACME the file of that server's root. Names that it can
	// resolve are in the file Hosts, in the form of hosts(5). All three are empty where there is no node.
	ACMEIssuer, CAACME, Hosts string
	// ProfileURL is where people see to their API keys, once they have signed in with the password in the file PasswordFile; both are empty for an
	// existing cluster.
	ProfileURL, PasswordFile string
	// MailDir is where the mails that Berth sends arrive, as .eml files; empty for an existing cluster, which sends none.
	MailDir string
	// AuditLog is the API server's audit log; empty unless there is a policy for one.
	AuditLog string
	// Kubeconfig is the file that leads to the cluster.
	Kubeconfig string
	// Registry is the image registry, host:port as both this machine and the cluster's node know it.
	Registry string
	// Mode is "node", where Pods run, "control-plane", where they don't, or "existing".
	Mode string
}

func (e *Env) assignments() [][2]string {
	return [][2]string{
		{"BERTH_URL", e.URL},
		{"BERTH_CA", e.CA},
		{"BERTH_API_KEY", e.APIKey},
		{"BERTH_HOST_KEY", e.HostKey},
		{"BERTH_BASE_DOMAIN", e.BaseDomain},
		{"BERTH_HTTPS_ADDR", e.HTTPSAddr},
		{"BERTH_HTTP_ADDR", e.HTTPAddr},
		{"BERTH_CA_INGRESS", e.CAIngress},
		{"BERTH_ACME_ISSUER", e.ACMEIssuer},
		{"BERTH_CA_ACME", e.CAACME},
		{"BERTH_HOSTS", e.Hosts},
		{"BERTH_PROFILE_URL", e.ProfileURL},
		{"BERTH_PASSWORD_FILE", e.PasswordFile},
		{"BERTH_MAIL_DIR", e.MailDir},
		{"BERTH_AUDIT_LOG", e.AuditLog},
		{"KUBECONFIG", e.Kubeconfig},
		{"REGISTRY", e.Registry},
		{"BERTH_MODE", e.Mode},
	}
}

// write puts the assignments into a file that only its owner can read, since two of them are keys. The file appears whole: scripts
// wait for it.
func (e *Env) write(path string) error {
	var b strings.Builder
	names := []string{}
	for _, a := range e.assignments() {
		fmt.Fprintf(&b, "%s=%s\n", a[0], shellQuote(a[1]))
		names = append(names, a[0])
	}
	fmt.Fprintf(&b, "export %s\n", strings.Join(names, " "))
	tmp := path + ".tmp"
	if err := os.WriteFile(tmp, []byte(b.String()), 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

// shellQuote leaves the plain words as they are and puts everything else in single quotes.
func shellQuote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:@", r)
	}
	if !slices.ContainsFunc([]rune(s), func(r rune) bool { return !plain(r) }) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// readAssignments reads a file of NAME=VALUE lines, the values bare or in single quotes; lines of another form are passed over.
func readAssignments(path string) (map[string]string, error) {
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	values := map[string]string{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		name, value, ok := strings.Cut(lines.Text(), "=")
		if !ok || strings.Contains(name, " ") {
			continue
		}
		if len(value) >= 2 && value[0] == '\'' {
			value = strings.ReplaceAll(value[1:len(value)-1], `'\''`, "'")
		}
		values[name] = value
	}
	return values, lines.Err()
}
