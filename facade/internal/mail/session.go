package mail

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/textproto"
	"strings"
	"time"
)

// quitTimeout is how long a server may take to say goodbye, once it has the message.
const quitTimeout = 5 * time.Second

// session is a connection to a server, in the words of RFC 5321.
//
// The libraries that there are leave out the angle brackets, send what no server has offered, or end the session after a login that fails.
type session struct {
	// raw is the connection below TLS, which another goroutine may close.
	raw     net.Conn
	conn    net.Conn
	text    *textproto.Conn
	timeout time.Duration
	// extensions are those that the server offers, by their keyword in upper case, with their parameters.
	extensions map[string]string
	// tlsFirst says that TLS came before SMTP, and encrypted that there is TLS.
	tlsFirst, encrypted bool
	// secrets are what no error may have of what was sent.
	secrets []string
	// release is called at the end; may be nil.
	release func()
}

func newSession(connection net.Conn, timeout time.Duration) *session {
	return &session{raw: connection, conn: connection, text: textproto.NewConn(connection), timeout: timeout}
}

// listen waits for the first byte that the server says by itself.
func (s *session) listen(patience time.Duration) (byte, error) {
	if err := s.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return 0, err
	}
	first, err := s.text.R.Peek(1)
	if err != nil {
		return 0, err
	}
	return first[0], nil
}

// encrypt begins TLS.
func (s *session) encrypt(ctx context.Context, config *tls.Config) error {
	if err := s.conn.SetDeadline(time.Now().Add(s.timeout)); err != nil {
		return &stepError{step: stepTLS, cause: err}
	}
	encrypted := tls.Client(s.conn, config)
	if err := encrypted.HandshakeContext(ctx); err != nil {
		return &stepError{step: stepTLS, cause: err}
	}
	s.conn, s.text, s.encrypted = encrypted, textproto.NewConn(encrypted), true
	return nil
}

// greet takes the greeting.
func (s *session) greet() error {
	greeting, err := s.read(stepGreeting)
	if err != nil {
		return err
	}
	if greeting.code != codeReady {
		return s.refused(stepGreeting, greeting)
	}
	return nil
}

// hello says who speaks, and learns what the server offers. One that knows no extension is spoken to without.
func (s *session) hello(name string) error {
	s.extensions = map[string]string{}
	answer, err := s.command(stepHello, "EHLO "+name)
	if err != nil {
		return err
	}
	if answer.isPermanent() {
		if answer, err = s.command(stepHello, "HELO "+name); err != nil {
			return err
		}
	}
	if !answer.isPositive() {
		return s.refused(stepHello, answer)
	}
	_, offers, _ := strings.Cut(answer.text, "\n")
	for line := range strings.SplitSeq(offers, "\n") {
		keyword, parameters, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(line)), " ")
		// Before RFC 2554, AUTH had an equals sign, which some servers say still, beside the other form or in its place.
		if rest, found := strings.CutPrefix(keyword, "AUTH="); found {
			keyword, parameters = "AUTH", rest+" "+parameters
		}
		s.extensions[keyword] += " " + parameters
	}
	return nil
}

// offers reports whether the server offers an extension.
func (s *session) offers(extension string) bool {
	_, found := s.extensions[extension]
	return found
}

// startTLS has the server go on with TLS, which it has offered.
func (s *session) startTLS(ctx context.Context, config *tls.Config) error {
	answer, err := s.command(stepStartTLS, "STARTTLS")
	if err != nil {
		return err
	}
	if answer.code != codeReady {
		return s.refused(stepStartTLS, answer)
	}
	if s.text.R.Buffered() > 0 {
		return errInjected // It would be taken for what is said over TLS.
	}
	return s.encrypt(ctx, config)
}

// deliver hands a letter over.
func (s *session) deliver(letter *letter) error {
	sender := "MAIL FROM:<" + letter.from.Address() + ">"
	for _, address := range []address{{letter.from, true}, {letter.replyTo, true}, {letter.to, false}} {
		if !address.mailbox.NeedsUTF8() {
			continue
		}
		if !s.offers("SMTPUTF8") {
			return &utf8Error{address}
		}
		sender = "MAIL FROM:<" + letter.from.Address() + "> SMTPUTF8"
	}
	for _, command := range []string{sender, "RCPT TO:<" + letter.to.Address() + ">"} {
		answer, err := s.command(stepMessage, command)
		if err != nil {
			return err
		}
		if !answer.isPositive() {
			return s.refused(stepMessage, answer)
		}
	}
	answer, err := s.command(stepMessage, "DATA")
	if err != nil {
		return err
	}
	if answer.code != codeStartData {
		return s.refused(stepMessage, answer)
	}
	return s.data(letter.message)
}

// data sends the message itself.
func (s *session) data(message io.WriterTo) error {
	data := s.text.DotWriter()
	if _, err := message.WriteTo(data); err != nil {
		return &stepError{step: stepMessage, cause: err}
	}
	if err := data.Close(); err != nil {
		return &stepError{step: stepMessage, cause: err}
	}
	answer, err := s.read(stepMessage)
	if err != nil {
		return err
	}
	if !answer.isPositive() {
		return s.refused(stepMessage, answer)
	}
	s.timeout = quitTimeout
	_, _ = s.command(stepMessage, "QUIT") // The server has the message already.
	s.drop()
	return nil
}

// close says goodbye and ends the connection, without waiting for an answer.
func (s *session) close() {
	if s.conn.SetDeadline(time.Now().Add(quitTimeout)) == nil {
		_ = s.text.PrintfLine("QUIT")
	}
	s.drop()
}

// drop ends the connection.
func (s *session) drop() {
	_ = s.raw.Close()
	if s.release != nil {
		s.release()
	}
}
