// Package mail sends test messages by the mail servers of apps, and connects to none that it must not.
package mail

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"net"
	netmail "net/mail"
	"time"

	gomail "github.com/wneessen/go-mail"

	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/mailbox"
	"github.com/berth-dev/berth/facade/internal/wire"
	"github.com/berth-dev/berth/internal/egress"
	"github.com/berth-dev/berth/internal/rootcas"
)

// DefaultTimeout is how long a server may take for each step, such as its greeting. Some greet late on purpose, to be rid of senders who don't
// wait. RFC 5321 (section 4.5.3.2) has minutes, which no REST client waits.
const DefaultTimeout = time.Minute

// patience is how long a server may be silent before it is thought to wait for TLS. It is above the pauses of a few seconds before a greeting that
// are common.
const patience = 5 * time.Second

// Options say which servers may be connected to and trusted.
type Options struct {
	// Name is what the sender calls itself towards servers: a host name.
	Name string
	// Authorities are certificates, PEM, that servers' certificates may be signed by beside those that the system trusts. May be empty.
	Authorities []byte
	// Egress says which servers of apps may be connected to, and at which ports.
	Egress egress.Options
	// Timeout bounds each step of a server; twice as much bounds a message. Default: DefaultTimeout.
	Timeout time.Duration
}

// Sender sends messages.
type Sender struct {
	name     string
	roots    *x509.CertPool
	egress   egress.Options
	limit    limit
	resolver *net.Resolver
	timeout  time.Duration
	patience time.Duration
	// tlsPorts are those where TLS comes before SMTP: the one of RFC 8314, section 3.3, and the other one that Amazon SES has for it.
	tlsPorts []int
}

// New makes a Sender. The error says that the authorities can't be read.
func New(options Options) (*Sender, error) {
	roots, err := rootcas.With(options.Authorities)
	if err != nil {
		return nil, fmt.Errorf("authorities of mail servers: %w", err)
	}
	timeout := cmp.Or(options.Timeout, DefaultTimeout)
	return &Sender{
		name: options.Name, roots: roots, limit: limit{now: time.Now}, timeout: timeout, patience: min(patience, timeout), tlsPorts: []int{465, 2465},
		egress: options.Egress,
	}, nil
}

// Bound is how long Test takes at most: enough for a greeting that takes all of its time and whatever comes after it. With the limit on how many
// messages an organization may send in a minute, it bounds how many of them wait for slow servers.
func (s *Sender) Bound() time.Duration { return 2 * s.timeout }

// Test sends a message that says no more than that it arrived to an address, by the mail server of a host. The error is a 400 that says
// what the server or the way to it has against it, or a 429 if the organization has had its share.
func (s *Sender) Test(ctx context.Context, organization, to string, settings Settings, host string) error {
	letter, err := newLetter(settings, to, host)
	if err != nil {
		return err
	}
	route, err := s.route(settings)
	if err != nil {
		return err
	}
	if wait := s.limit.take(organization); wait > 0 {
		return apierr.TooManyRequests(wait)
	}
	ctx, cancel := context.WithTimeout(ctx, s.Bound())
	defer cancel()
	if err := route.send(ctx, letter); err != nil {
		return s.explain(ctx, settings, err)
	}
	return nil
}

// letter is a message in its envelope.
type letter struct {
	from, to mailbox.Mailbox
	// replyTo is the zero value if replies go to from.
	replyTo mailbox.Mailbox
	message *gomail.Msg
}

func newLetter(settings Settings, to, host string) (*letter, error) {
	sender, err := mailbox.Parse(settings.From)
	if err != nil {
		return nil, apierr.Field(wire.FieldFrom, fmt.Sprintf("Mail cannot come from %q: %v.", settings.From, err))
	}
	var replyTo mailbox.Mailbox
	if settings.ReplyTo != "" {
		if replyTo, err = mailbox.Parse(settings.ReplyTo); err != nil {
			return nil, apierr.Field(wire.FieldFrom, fmt.Sprintf("Replies cannot be sent to %q: %v.", settings.ReplyTo, err))
		}
	}
	recipient, err := mailbox.Parse(to)
	if err != nil {
		return nil, apierr.BadRequest(fmt.Sprintf("Mail cannot be sent to %q, the owner of this API key: %v.", to, err))
	}
	message := gomail.NewMsg()
	// A name is encoded as RFC 2047 says if it needs that.
	message.SetAddrHeaderFromMailAddress(gomail.HeaderFrom, sender.Header())
	message.SetAddrHeaderFromMailAddress(gomail.HeaderTo, &netmail.Address{Address: recipient.Header().Address})
	if replyTo.Domain != "" {
		message.SetAddrHeaderFromMailAddress(gomail.HeaderReplyTo, replyTo.Header())
	}
	message.Subject("Test e-mail for " + host)
	message.SetDate()
	// Made by the library, it would have the name of this machine in it.
	message.SetMessageIDWithValue(rand.Text() + "@" + host)
	message.SetUserAgent("Berth")
	message.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no out-of-office notes, please.
	message.SetBodyString(gomail.TypeTextPlain, "The mail server that is set up for "+host+" took this message, and it arrived.\n")
	return &letter{from: sender, to: recipient, replyTo: replyTo, message: message}, nil
}
