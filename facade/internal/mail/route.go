package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"net/netip"
	"os"
	"slices"
	"unicode"

	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/mailbox"
	"github.com/berth-dev/berth/facade/internal/wire"
)

// route is the way to a server: which it is, and whether TLS or SMTP comes first there, which is found out by trying.
//
// Trying must not help an attacker between here and the server, who can close connections, be silent, or speak in the server's place:
//   - A password goes over TLS alone, to a server whose certificate is valid for its name, whichever way was found.
//   - A certificate that isn't valid, an alert of TLS or a STARTTLS that is offered and fails end the sending. Nothing is tried without TLS then.
//   - On a port of TLS nothing at all is sent without it: if the server answers in the clear there, it has to offer STARTTLS.
//   - On other ports, a message without a login goes in the clear to a server that offers no STARTTLS, as RFC 3207 has it: whoever uses such a
//     port without a login never had more. That TLS is tried there as well can only add protection.
type route struct {
	sender   *Sender
	settings Settings
	// host is the settings' in ASCII.
	host string
}

func (s *Sender) route(settings Settings) (*route, error) {
	if _, err := netip.ParseAddr(settings.Host); err == nil {
		return &route{sender: s, settings: settings, host: settings.Host}, nil
	}
	host, err := mailbox.Host(settings.Host)
	if err != nil {
		return nil, apierr.Field(wire.FieldHost, "There is no such mail server: "+err.Error()+".")
	}
	return &route{sender: s, settings: settings, host: host}, nil
}

// send hands a letter over.
func (r *route) send(ctx context.Context, letter *letter) error {
	opened, err := r.discover(ctx)
	if err != nil {
		return err
	}
	s, err := r.login(ctx, opened)
	if err != nil {
		return err
	}
	defer s.close()
	return s.deliver(letter)
}

// requiresTLS reports whether the port is one of TLS.
func (r *route) requiresTLS() bool { return slices.Contains(r.sender.tlsPorts, r.settings.Port) }

// discover connects, and finds out in which way.
func (r *route) discover(ctx context.Context) (*session, error) {
	if r.requiresTLS() {
		s, err := r.overTLS(ctx)
		// A server that isn't one of TLS has greeted before it was silent for so long.
		if speaksTLS(err) || errors.Is(err, os.ErrDeadlineExceeded) {
			return s, err
		}
		return r.inTheClear(ctx)
	}
	connection, err := r.dial(ctx)
	if err != nil {
		return nil, err
	}
	first := newSession(connection, r.sender.timeout)
	heard, err := first.listen(r.sender.patience)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return r.race(ctx, first)
	case err == nil && !isTLSRecord(heard):
		return r.begin(ctx, first)
	}
	first.drop()
	encrypted, tlsErr := r.overTLS(ctx)
	if tlsErr != nil && err != nil && !speaksTLS(tlsErr) {
		return nil, &stepError{step: stepGreeting, cause: err}
	}
	return encrypted, tlsErr
}

// isTLSRecord reports whether a byte is the first of a record of TLS: RFC 8446, section 5.1. A greeting begins with a digit.
func isTLSRecord(first byte) bool { return first >= 20 && first <= 23 }

// speaksTLS reports whether a server has answered as one that begins with TLS does, well or badly: it has not spoken otherwise, closed the connection
// or been silent.
func speaksTLS(err error) bool {
	if otherwise, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return isTLSRecord(otherwise.RecordHeader[0]) || !unicode.IsDigit(rune(otherwise.RecordHeader[0]))
	}
	failed, ok := errors.AsType[*stepError](err)
	wasSilent := isLost(err) || errors.Is(err, os.ErrDeadlineExceeded)
	return !ok || failed.step != stepTLS || !wasSilent
}

// race finds out what a silent server waits for: it gets the first bytes of TLS on the connection that there is, and has time to greet on another.
// In this order, a server that serves one connection after the other also sees what it waits for, and one that greets late loses no time.
func (r *route) race(ctx context.Context, first *session) (*session, error) {
	waiting, giveUp := context.WithCancel(ctx)
	encrypted, late := make(chan error, 1), make(chan opened, 1)
	go func() { encrypted <- first.encrypt(ctx, r.tls()) }()
	go func() {
		s, err := r.inTheClear(waiting)
		late <- opened{s, err}
	}()
	var tlsErr error
	var greeted opened
	select {
	case tlsErr = <-encrypted:
		if !speaksTLS(tlsErr) {
			greeted = <-late
		}
	case greeted = <-late:
		if greeted.err != nil {
			tlsErr = <-encrypted
		}
	}
	if greeted.session != nil {
		first.drop()
		greeted.session.release = giveUp
		return greeted.session, nil
	}
	giveUp()
	if speaksTLS(tlsErr) {
		return r.beginEncrypted(first, tlsErr)
	}
	first.drop()
	if _, answered := errors.AsType[tls.RecordHeaderError](tlsErr); answered && (isLost(greeted.err) || isTemporary(greeted.err)) {
		return r.inTheClear(ctx) // It greets, but one connection at a time.
	}
	return nil, greeted.err
}

// opened is a session, or why there is none.
type opened struct {
	session *session
	err     error
}

// again connects as a session was connected.
func (r *route) again(ctx context.Context, s *session) (*session, error) {
	if s.tlsFirst {
		return r.overTLS(ctx)
	}
	return r.inTheClear(ctx)
}

// overTLS connects to a server that begins with TLS.
func (r *route) overTLS(ctx context.Context) (*session, error) {
	connection, err := r.dial(ctx)
	if err != nil {
		return nil, err
	}
	s := newSession(connection, r.sender.timeout)
	return r.beginEncrypted(s, s.encrypt(ctx, r.tls()))
}

// beginEncrypted begins a session after the handshake of TLS.
func (r *route) beginEncrypted(s *session, handshake error) (*session, error) {
	if handshake != nil {
		s.drop()
		return nil, handshake
	}
	s.tlsFirst = true
	err := s.greet()
	if err == nil {
		err = s.hello(r.sender.name)
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// inTheClear connects to a server that begins without TLS.
func (r *route) inTheClear(ctx context.Context) (*session, error) {
	connection, err := r.dial(ctx)
	if err != nil {
		return nil, err
	}
	return r.begin(ctx, newSession(connection, r.sender.timeout))
}

// begin begins a session without TLS, which it goes on with if the server offers that.
func (r *route) begin(ctx context.Context, s *session) (*session, error) {
	err := r.handshake(ctx, s)
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (r *route) handshake(ctx context.Context, s *session) error {
	if err := s.greet(); err != nil {
		return err
	}
	if err := s.hello(r.sender.name); err != nil {
		return err
	}
	if !s.offers("STARTTLS") {
		if r.requiresTLS() {
			return errNoTLSOnPort
		}
		return nil
	}
	if err := s.startTLS(ctx, r.tls()); err != nil {
		return err
	}
	// What the server said before could be an attacker's.
	return s.hello(r.sender.name)
}

func (r *route) tls() *tls.Config {
	return &tls.Config{ServerName: r.host, RootCAs: r.sender.roots, MinVersion: tls.VersionTLS12}
}
