// Package mail sends test messages by the mail servers of apps, and connects to none that it must not.
package mail

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"code.dny.dev/ssrf"
	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"github.com/berth-dev/berth/facade/internal/apierr"
)

const (
	// timeout bounds all that one message takes: to find the server, to connect, to log in and to hand the message over.
	timeout = 10 * time.Second
	// maxRead is how many bytes are read from a server, its certificates included: ten times what a talkative one sends.
	maxRead = 128 << 10
	// implicitTLSPort is where TLS comes before SMTP (RFC 8314, section 3.3).
	implicitTLSPort = 465
)

// Options say which servers may be connected to and trusted.
type Options struct {
	// Name is what the sender calls itself towards servers: a host name.
	Name string
	// Authorities are certificates, PEM, that servers' certificates may be signed by beside those that the system trusts. May be empty.
	Authorities []byte
	// Networks are those in which apps' servers may be though they are inside: private ones, loopback and the like.
	Networks []netip.Prefix
}

// Sender sends messages.
type Sender struct {
	name     string
	roots    *x509.CertPool
	guard    *ssrf.Guardian
	limit    limit
	resolver *net.Resolver
	// implicitTLSPort is the constant, but for tests, which can't all listen there.
	implicitTLSPort int
}

// New makes a Sender. The error says that the authorities can't be read.
func New(options Options) (*Sender, error) {
	roots, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("read the system's certificate authorities: %w", err)
	}
	if len(options.Authorities) > 0 && !roots.AppendCertsFromPEM(options.Authorities) {
		return nil, errors.New("the authorities of mail servers hold no certificate in PEM")
	}
	var v4, v6 []netip.Prefix
	for _, network := range options.Networks {
		if network.Addr().Is4() {
			v4 = append(v4, network)
		} else {
			v6 = append(v6, network)
		}
	}
	guard := ssrf.New(ssrf.WithAnyPort(), ssrf.WithAllowedV4Prefixes(v4...), ssrf.WithAllowedV6Prefixes(v6...))
	return &Sender{name: options.Name, roots: roots, guard: guard, limit: limit{now: time.Now}, implicitTLSPort: implicitTLSPort}, nil
}

// Test sends a message that says no more than that it arrived to an address, by the mail server of a host. The error is a 400 that says
// what the server or the way to it has against it, or a 429 if the organization has had its share.
func (s *Sender) Test(ctx context.Context, organization, to string, settings Settings, host string) error {
	message, err := testMessage(settings.From, to, host)
	if err != nil {
		return err
	}
	if wait := s.limit.take(organization); wait > 0 {
		return apierr.TooManyRequests(wait)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if err := s.send(ctx, settings, message); err != nil {
		return explain(ctx, settings, err)
	}
	return nil
}

func testMessage(from, to, host string) (*gomail.Msg, error) {
	message := gomail.NewMsg()
	if err := message.From(from); err != nil {
		return nil, apierr.Field("from_email", fmt.Sprintf("%q is no address that mail can come from.", from))
	}
	if err := message.To(to); err != nil {
		return nil, apierr.BadRequest(fmt.Sprintf("%q, the address of this API key's owner, is no address that mail can go to.", to))
	}
	message.Subject("Test e-mail for " + host)
	message.SetDate()
	// Made by the library, it would have the name of this machine in it.
	message.SetMessageIDWithValue(rand.Text() + "@" + host)
	message.SetUserAgent("Berth")
	message.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no out-of-office notes, please.
	message.SetBodyString(gomail.TypeTextPlain, "The mail server that is set up for "+host+" took this message, and it arrived.\n")
	return message, nil
}

// send hands a message over.
func (s *Sender) send(ctx context.Context, settings Settings, message *gomail.Msg) error {
	client, err := s.connect(ctx, settings)
	if err != nil {
		return err
	}
	if err := login(client, settings); err != nil {
		return err
	}
	if err := client.Mail(message.GetFrom()[0].Address); err != nil {
		return err
	}
	if err := client.Rcpt(message.GetTo()[0].Address); err != nil {
		return err
	}
	data, err := client.Data()
	if err != nil {
		return err
	}
	if _, err := message.WriteTo(data); err != nil {
		return err
	}
	if err := data.Close(); err != nil {
		return err
	}
	_ = client.Quit() // The server has the message already.
	return nil
}

// connect connects to a server, with TLS if it offers that. The connection ends with ctx.
func (s *Sender) connect(ctx context.Context, settings Settings) (*smtp.Client, error) {
	config := &tls.Config{ServerName: settings.Host, RootCAs: s.roots, MinVersion: tls.VersionTLS12}
	policy, dial := gomail.TLSOpportunistic, s.dialer(ctx, settings)
	if settings.Port == s.implicitTLSPort {
		policy, dial = gomail.NoTLS, dialTLS(dial, config)
	}
	client, err := gomail.NewClient(settings.Host, gomail.WithPort(settings.Port), gomail.WithHELO(s.name), gomail.WithTimeout(timeout),
		gomail.WithTLSConfig(config), gomail.WithTLSPolicy(policy), gomail.WithDialContextFunc(dial))
	if err != nil {
		return nil, err
	}
	return client.DialToSMTPClientWithContext(ctx)
}

// bounded is a connection that ends when its other side sends far more than a mail server has to say: what it says is kept in memory, however
// long its lines are.
type bounded struct {
	net.Conn
	left int
}

// Read reads what may still be read.
func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooMuch
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// dialer returns what connects to the server of settings. Where it is an app's, each address is looked at when it is about to be connected to,
// after the name was resolved once: an answer of DNS that changes in between would change nothing. The connection ends with ctx.
func (s *Sender) dialer(ctx context.Context, settings Settings) gomail.DialContextFunc {
	dialer := &net.Dialer{Resolver: s.resolver}
	host := settings.Host
	if !settings.Platform {
		dialer.Control = s.guard.Safe
		if _, err := netip.ParseAddr(host); err != nil {
			host += "." // A name of the world's. Without the dot, the domains of the cluster would be tried first.
		}
	}
	address := net.JoinHostPort(host, fmt.Sprint(settings.Port))
	return func(dialing context.Context, network, _ string) (net.Conn, error) {
		connection, err := dialer.DialContext(dialing, network, address)
		if err != nil {
			return nil, err
		}
		context.AfterFunc(ctx, func() { _ = connection.Close() })
		return &bounded{Conn: connection, left: maxRead}, nil
	}
}

// dialTLS begins a connection with TLS.
func dialTLS(dial gomail.DialContextFunc, config *tls.Config) gomail.DialContextFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		connection, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		encrypted := tls.Client(connection, config)
		return encrypted, encrypted.HandshakeContext(ctx)
	}
}
