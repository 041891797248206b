package addon

import (
	"net"
	"path/filepath"

	"github.com/berth-dev/berth/hack/cluster/internal/address"
	"github.com/berth-dev/berth/hack/cluster/internal/component"
	"github.com/berth-dev/berth/hack/cluster/internal/pki"
	"github.com/berth-dev/berth/hack/cluster/internal/supervise"
)

// Identity says who can sign in with the identity provider, and where.
type Identity struct {
	// Listen is its host:port.
	Listen string
	// Host is the name or address under which everybody reaches it, at the port of Listen.
	Host string
	// Redirects are the URLs that browsers may be sent back to.
	Redirects []string
	// People are ADDRESS=GROUP,GROUP.
	People []string
}

// Client is how a program asks the identity provider who somebody is.
type Client struct {
	// Issuer is the URL that discovery begins at.
	Issuer string
	// ID is the client's. Its secret is in SecretFile, which none but its owner can read.
	ID, SecretFile string
	// PasswordFile is the file of the password of everybody who can sign in, as private.
	PasswordFile string
}

// newClient makes up the client's secret and everybody's password.
func newClient(dir string, identity Identity) (Client, error) {
	_, port, err := net.SplitHostPort(identity.Listen)
	if err != nil {
		return Client{}, err
	}
	c := Client{
		Issuer: "https://" + net.JoinHostPort(identity.Host, port), ID: "berth",
		SecretFile: filepath.Join(dir, "oidc-client-secret"), PasswordFile: filepath.Join(dir, "oidc-password"),
	}
	for _, file := range []string{c.SecretFile, c.PasswordFile} {
		if err := writeSecret(file); err != nil {
			return c, err
		}
	}
	return c, nil
}

// Client is who asks the identity provider. It is made up by Start.
func (a *Addons) Client() Client { return a.client }

// startDex runs the identity provider.
func (a *Addons) startDex() error {
	identity := a.o.Identity
	if err := a.o.Authority.Issue("dex", pki.Subject{User: "dex", Hosts: []string{identity.Host, address.Loopback}}); err != nil {
		return err
	}
	args := []string{
		"-issuer=" + a.client.Issuer, "-listen=" + identity.Listen,
		"-cert=" + filepath.Join(a.o.PKI, "dex.crt"), "-key=" + filepath.Join(a.o.PKI, "dex.key"),
		"-client-id=" + a.client.ID, "-client-secret-file=" + a.client.SecretFile, "-password-file=" + a.client.PasswordFile,
	}
	for _, url := range identity.Redirects {
		args = append(args, "-redirect="+url)
	}
	for _, person := range identity.People {
		args = append(args, "-person="+person)
	}
	return a.o.Supervisor.Start(supervise.Program{
		Name: "dex",
		Path: filepath.Join(a.o.Programs[component.Dex], "dex"),
		Args: args,
	})
}
