package translate

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/mailbox"
	"github.com/berth-dev/berth/facade/internal/wire"
	"github.com/berth-dev/berth/internal/host"
)

// Sender is the address that a notification comes from, and the one that replies go to.
type Sender struct {
	// From is as in Mail.
	From string
	// ReplyTo is the address that the Domain asks for if From is the platform's instead of it; otherwise empty.
	ReplyTo string
}

// SenderFor returns the sender of the notifications for a Domain of an organization that is not trusted. At the platform's mail server, and without a
// login of its own, an organization sends from the platform's domains and from those that owns says are its own: what that server sends carries the
// platform's SPF and DKIM. Any other address gets the replies, so that a client that has set it keeps working. The error is that of owns, or a 400 if
// there is no address of the platform to send from.
func (p Platform) SenderFor(domain *v1alpha1.Domain, owns func(domain string) (bool, error)) (Sender, error) {
	own := mailOf(domain)
	as := Sender{From: p.MailFor(domain).From}
	if own.From == "" || !p.sharesServer(own) {
		return as, nil
	}
	asked, err := mailbox.Parse(as.From)
	if err != nil {
		return as, nil //nolint:nilerr // The sender of the message says what is wrong with an address.
	}
	allowed, err := p.allowsSender(asked, owns)
	if err != nil {
		return Sender{}, err
	}
	platform := p.from()
	switch {
	case allowed && looksLikeAddress(asked.Name) && !strings.EqualFold(strings.TrimSpace(asked.Name), asked.Address()):
		// Many programs for mail show the name in place of the address.
		return Sender{From: asked.Address()}, nil
	case allowed:
		return as, nil
	case platform == "":
		return Sender{}, apierr.Field(wire.FieldFrom, "The platform's mail server sends from an address below a host only if your organization has proven "+
			"that it owns the host. Choose such an address, or use your own mail server.")
	default:
		return Sender{From: platform, ReplyTo: asked.Address()}, nil
	}
}

// allowsSender reports whether an organization may send from an address at the platform's mail server.
func (p Platform) allowsSender(asked mailbox.Mailbox, owns func(domain string) (bool, error)) (bool, error) {
	domain := host.Normalize(asked.Domain)
	switch {
	case looksLikeAddress(asked.Local): // As in "ceo@example.org"@example.com.
		return false, nil
	case slices.Contains(p.senderDomains(), domain):
		return true, nil
	default:
		return owns(domain)
	}
}

// senderDomains are the domains that every organization may send from at the platform's mail server. What is below them is not: below the base domain
// are the hosts of other organizations.
func (p Platform) senderDomains() []string {
	if len(p.SenderDomains) > 0 {
		return p.SenderDomains
	}
	from, err := mailbox.Parse(p.from())
	if err != nil {
		return nil
	}
	return []string{host.Normalize(from.Domain)}
}

// from is the platform's own address; empty if it has none.
func (p Platform) from() string { return cmp.Or(p.Mail.From, address(p.Mail.User)) }

// sharesServer reports whether a Domain's notifications are sent by the platform's mail server on the platform's behalf: with its login, or with none. A
// server that has checked a login of the organization's own knows which addresses go with it. The port does not matter: it is the same server.
func (p Platform) sharesServer(own v1alpha1.DomainMail) bool {
	return p.Mail.Host != "" && own.User == "" && (own.Host == "" || sameServer(own.Host, p.Mail.Host))
}

// sameServer reports whether two names or IP addresses of mail servers are the same, however they are written.
func sameServer(a, b string) bool {
	if x, err := netip.ParseAddr(a); err == nil {
		y, err := netip.ParseAddr(b)
		return err == nil && x.Unmap() == y.Unmap()
	}
	return serverName(a) == serverName(b)
}

func serverName(text string) string {
	text = host.Normalize(text)
	if name, err := mailbox.Host(text); err == nil {
		return host.Normalize(name)
	}
	return text
}

// looksLikeAddress reports whether a text has an at sign, in any of the forms that look like one.
func looksLikeAddress(text string) bool { return strings.ContainsAny(text, "@\uff20\ufe6b") }
