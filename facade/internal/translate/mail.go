package translate

import (
	"cmp"
	"strings"

	"k8s.io/utils/ptr"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/mailbox"
	"github.com/berth-dev/berth/internal/credential"
)

// defaultMailPort is where mail servers take mail from those who log in (RFC 6409).
const defaultMailPort = 587

// Mail is a mail server, who logs in there, and the address that notifications come from.
type Mail struct {
	// From is an address; may be empty.
	From string
	// Host is empty if there is no server.
	Host string
	// Port is 0 for the usual one.
	Port int32
	// User is empty to send without a login.
	User string
}

// Sending is how the notifications for a host are sent.
type Sending struct {
	Mail

	// Platform says that the server is the platform's own.
	Platform bool
	// PlatformLogin says that User is the platform's, to be used with its password. It is never so for a server that isn't the platform's.
	PlatformLogin bool
}

// MailFor is how the notifications for a Domain are sent, or for an App that has none if it is nil. What the Domain leaves open is as the
// platform has it.
//
// A login belongs to its server: a Domain that names one, or another port, doesn't get the platform's login.
func (p Platform) MailFor(domain *v1alpha1.Domain) Sending { return p.sending(mailOf(domain)) }

// sending is how notifications are sent where a Domain says this of mail.
func (p Platform) sending(own v1alpha1.DomainMail) Sending {
	platform := p.Mail
	platform.Port = cmp.Or(platform.Port, defaultMailPort)
	s := Sending{Mail: Mail{
		From: cmp.Or(own.From, address(own.User), p.from()),
		Host: cmp.Or(own.Host, platform.Host),
		Port: ptr.Deref(own.Port, platform.Port),
		User: own.User,
	}}
	s.Platform = s.Host != "" && strings.EqualFold(s.Host, platform.Host) && s.Port == platform.Port
	if s.Platform && own.Host == "" && own.User == "" {
		s.User, s.PlatformLogin = platform.User, platform.User != ""
	}
	return s
}

// Password is the password of the Domain's own login, empty for none, without the line break that a file may have at its end. It is false if the
// Domain names one that isn't there.
func Password(o Observed) (password string, found bool) {
	ref := mailOf(o.Domain).PasswordSecretRef
	if ref == nil {
		return "", true
	}
	secret := o.secret(ref.Name, v1alpha1.SecretMailPassword)
	if secret == nil {
		return "", false
	}
	value, found := secret.Data[ref.Key]
	return credential.TrimLineBreak(string(value)), found
}

// address is the text if it is an e-mail address, else empty.
func address(text string) string {
	if mailbox.IsAddress(text) {
		return text
	}
	return ""
}

// mailOf is what a Domain itself says of mail.
func mailOf(domain *v1alpha1.Domain) v1alpha1.DomainMail {
	if domain == nil {
		return v1alpha1.DomainMail{}
	}
	return ptr.Deref(domain.Spec.Mail, v1alpha1.DomainMail{})
}
