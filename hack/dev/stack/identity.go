package stack

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"

	"github.com/berth-dev/berth/internal/rbac"
)

// Those who can sign in at the identity provider, with one password. Ann manages the first organization, Ben contributes to it, and Hana is of
// the host's staff.
const (
	Manager     = "ann@example.test"
	Contributor = "ben@example.test"
	Staff       = "hana@example.test"
)

// Person is somebody who can sign in.
type Person struct {
	// Address is their e-mail address.
	Address string
	// Role says what they are.
	Role string
	// Groups are those that the identity provider knows them in, not all of which are Berth's.
	Groups []string
}

// People are those who can sign in.
func People() []Person {
	return []Person{
		{Address: Manager, Role: "manager", Groups: []string{rbac.Group(Organization, rbac.RoleManager), "everybody"}},
		{Address: Contributor, Role: "contributor", Groups: []string{rbac.Group(Organization, rbac.RoleContributor), "everybody"}},
		{Address: Staff, Role: "host staff", Groups: []string{rbac.GroupHost, "system:masters"}},
	}
}

// Identity is the identity provider that people sign in with, as the facade knows it.
type Identity struct {
	// Issuer is the provider's URL, PublicURL the facade's.
	Issuer, PublicURL string
	// ClientID is the facade's, SecretFile the file of its secret.
	ClientID, SecretFile string
	// CA is the file of the authority of the provider's certificate.
	CA string
	// SessionKeyFile is the file of the key that sessions are sealed with.
	SessionKeyFile string
	// PasswordFile is the file of everybody's password.
	PasswordFile string
}

// Identity is the cluster's own identity provider; nil for an existing cluster, whose is not known here.
func (s *Stack) Identity() *Identity {
	if s.cluster == nil {
		return nil
	}
	env := s.cluster.env
	return &Identity{
		Issuer: env["OIDC_ISSUER_URL"], PublicURL: "https://" + s.facadeAddr, ClientID: env["OIDC_CLIENT_ID"],
		SecretFile: env["OIDC_CLIENT_SECRET_FILE"], CA: env["OIDC_CA"],
		SessionKeyFile: s.sessionKeyFile(), PasswordFile: env["OIDC_PASSWORD_FILE"],
	}
}

// facadeFlags are the flags of a facade that is a process of this machine.
func (i *Identity) facadeFlags() []string {
	return []string{
		"--oidc-issuer-url=" + i.Issuer, "--oidc-client-id=" + i.ClientID, "--oidc-client-secret-file=" + i.SecretFile,
		"--oidc-ca-file=" + i.CA, "--public-url=" + i.PublicURL, "--session-key-file=" + i.SessionKeyFile,
	}
}

// identityFlags tell the cluster who can sign in, and where the facade is that sends them to do so.
func (s *Stack) identityFlags() []string {
	flags := []string{"--listen-oidc", s.opts.listen("oidc"), "--oidc-redirect", "https://" + s.facadeAddr + "/profile/callback"}
	for _, p := range People() {
		flags = append(flags, "--oidc-person", p.Address+"="+strings.Join(append(p.Groups, s.opts.Groups[p.Address]...), ","))
	}
	return flags
}

func (s *Stack) sessionKeyFile() string { return filepath.Join(s.opts.Dir, "session.key") }

// makeSessionKey makes up a key to seal sessions with.
func (s *Stack) makeSessionKey() error {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // It never fails.
	return os.WriteFile(s.sessionKeyFile(), key, 0o600)
}
