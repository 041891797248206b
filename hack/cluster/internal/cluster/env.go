package cluster

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/berth-dev/berth/hack/cluster/internal/addon"
	"github.com/berth-dev/berth/hack/cluster/internal/address"
	"github.com/berth-dev/berth/hack/cluster/internal/component"
	"github.com/berth-dev/berth/hack/cluster/internal/node"
)

// writeEnv writes the file that tells others how to reach the cluster. It appears as a whole, since others
// wait for it.
func (r *runner) writeEnv() error {
	s := r.spec
	kubeconfig := s.path(kubeconfigFile)
	if err := r.control.Authority.WriteKubeconfig(kubeconfig, "admin", "https://"+s.listen(APIPort)); err != nil {
		return err
	}
	mode, ip := "control-plane", address.Loopback
	if s.Node {
		mode, ip = "node", address.Node
	}
	vars := []variable{
		{"KUBECONFIG", kubeconfig},
		{"CLUSTER_MODE", mode},
		{"CLUSTER_PID", strconv.Itoa(s.PID)},
		{"CLUSTER_BIN", s.Programs[component.Kube]},
		{"CLUSTER_ISSUER", addon.Issuer},
		{"CLUSTER_CA_INGRESS", s.path(caFile)},
		{"TRAEFIK_DIR", r.addons.TraefikDir()},
		{"NODE_IP", ip},
	}
	if s.Node {
		vars = append(vars,
			variable{"CLUSTER_HOSTS", s.path(nodeDir, node.HostsFile)},
			variable{"CLUSTER_ACME_ISSUER", addon.ACMEIssuer},
			variable{"CLUSTER_CA_ACME", s.path(acmeRootFile)},
		)
	}
	if s.AuditPolicy != "" {
		vars = append(vars, variable{"CLUSTER_AUDIT_LOG", s.path(auditLogFile)})
	}
	if flux := r.flux(); flux != nil {
		vars = append(vars, variable{"FLUX_GIT_URL", flux.GitURL()}, variable{"FLUX_GIT_REPOSITORIES", flux.Repositories})
	}
	mail, err := r.mailVariables()
	if err != nil {
		return err
	}
	vars = append(vars, mail...)
	vars = append(vars, r.identityVariables()...)
	for _, p := range s.Ports {
		if p.Variable != "" {
			vars = append(vars, variable{p.Variable, p.Listen})
		}
	}
	tmp := s.path(envFile + ".tmp")
	if err := os.WriteFile(tmp, []byte(assignments(vars)), 0o644); err != nil {
		return err
	}
	return os.Rename(tmp, filepath.Join(s.Dir, envFile))
}

// mailVariables tell how to send mail, and where it arrives.
func (r *runner) mailVariables() ([]variable, error) {
	host, submission, err := net.SplitHostPort(r.submission)
	if err != nil {
		return nil, err
	}
	_, submissions, err := net.SplitHostPort(r.submissions)
	if err != nil {
		return nil, err
	}
	login := r.addons.MailLogin()
	return []variable{
		{"SMTP_HOST", host},
		{"SMTP_PORT", submission},
		{"SMTPS_PORT", submissions},
		{"SMTP_USER", login.User},
		{"SMTP_PASSWORD_FILE", login.PasswordFile},
		{"SMTP_CA", r.control.Authority.File()},
		{"MAIL_DIR", r.spec.path(mailDir)},
	}, nil
}

// identityVariables tell how a program has people sign in.
func (r *runner) identityVariables() []variable {
	c := r.addons.Client()
	return []variable{
		{"OIDC_ISSUER_URL", c.Issuer},
		{"OIDC_CLIENT_ID", c.ID},
		{"OIDC_CLIENT_SECRET_FILE", c.SecretFile},
		{"OIDC_PASSWORD_FILE", c.PasswordFile},
		{"OIDC_CA", r.control.Authority.File()},
	}
}

type variable struct{ name, value string }

// assignments are variables in the words of every POSIX shell.
func assignments(vars []variable) string {
	var b strings.Builder
	for _, v := range vars {
		fmt.Fprintf(&b, "%s='%s'\n", v.name, strings.ReplaceAll(v.value, "'", `'\''`))
	}
	return b.String()
}
