package addon

import (
	"crypto/rand"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/berth-dev/berth/hack/cluster/internal/component"
	"github.com/berth-dev/berth/hack/cluster/internal/pki"
	"github.com/berth-dev/berth/hack/cluster/internal/supervise"
)

// RefusedDomain is where the mail server refuses every recipient.
const RefusedDomain = "refused.test"

// mailPasswordFile is the file in the add-ons' folder that the mail server's password is kept in.
const mailPasswordFile = "mail-password"

// MailLogin is who may send mail.
type MailLogin struct {
	User string
	// PasswordFile is the file of the password, which none but its owner can read.
	PasswordFile string
}

// newMailLogin makes up a user and a password.
func newMailLogin(dir string) (MailLogin, error) {
	l := MailLogin{User: "user-" + strings.ToLower(rand.Text()[:8]), PasswordFile: filepath.Join(dir, mailPasswordFile)}
	return l, writeSecret(l.PasswordFile)
}

// writeSecret makes up a secret and writes it to a file that none but its owner can read.
func writeSecret(file string) error {
	// A file that is there would keep its mode.
	if err := os.RemoveAll(file); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(rand.Text()), 0o600)
}

// startMailbox runs the mail server. Its certificate is for the address that it listens at.
func (a *Addons) startMailbox() error {
	host, _, err := net.SplitHostPort(a.o.Submission)
	if err != nil {
		return err
	}
	if err := a.o.Authority.Issue("mailbox", pki.Subject{User: "mailbox", Hosts: []string{host}}); err != nil {
		return err
	}
	return a.o.Supervisor.Start(supervise.Program{
		Name: "mailbox",
		Path: filepath.Join(a.o.Programs[component.Mailbox], "mailbox"),
		Args: []string{
			"-submission=" + a.o.Submission, "-submissions=" + a.o.Submissions, "-dir=" + a.o.Mail,
			"-cert=" + filepath.Join(a.o.PKI, "mailbox.crt"), "-key=" + filepath.Join(a.o.PKI, "mailbox.key"),
			"-user=" + a.login.User, "-password-file=" + a.login.PasswordFile, "-refuse-domain=" + RefusedDomain,
		},
	})
}
