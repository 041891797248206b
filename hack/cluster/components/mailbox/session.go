package main

import (
	"crypto/subtle"
	"fmt"
	"io"
	"strings"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// backend is what all conversations share.
type backend struct {
	user, password string
	// refuseDomain is where every recipient is refused; empty: nowhere.
	refuseDomain string
	box          *folder
}

// NewSession begins a conversation, in which nobody has logged in yet.
func (b *backend) NewSession(*smtp.Conn) (smtp.Session, error) { return &session{backend: b}, nil }

// session is one conversation with a client.
type session struct {
	*backend

	loggedIn bool
	from     string
	to       []string
}

// AuthMechanisms are offered over TLS alone; the server sees to that.
func (s *session) AuthMechanisms() []string { return []string{sasl.Plain, sasl.Login} }

func (s *session) Auth(mechanism string) (sasl.Server, error) {
	switch mechanism {
	case sasl.Plain:
		return sasl.NewPlainServer(func(identity, user, password string) error {
			if identity != "" && identity != user {
				return smtp.ErrAuthFailed // nobody acts for another here
			}
			return s.logIn(user, password)
		}), nil
	case sasl.Login:
		return &loginServer{logIn: s.logIn}, nil
	}
	return nil, smtp.ErrAuthUnknownMechanism
}

func (s *session) logIn(user, password string) error {
	sameUser := subtle.ConstantTimeCompare([]byte(user), []byte(s.user))
	samePassword := subtle.ConstantTimeCompare([]byte(password), []byte(s.password))
	if sameUser&samePassword != 1 {
		return smtp.ErrAuthFailed
	}
	s.loggedIn = true
	return nil
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if !s.loggedIn {
		return &smtp.SMTPError{Code: 530, EnhancedCode: smtp.EnhancedCode{5, 7, 0}, Message: "Log in first"}
	}
	s.from = from
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	domain := to[strings.LastIndexByte(to, '@')+1:]
	if s.refuseDomain != "" && strings.EqualFold(domain, s.refuseDomain) {
		text := fmt.Sprintf("Nobody at %s takes mail from here", s.refuseDomain)
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: text}
	}
	s.to = append(s.to, to)
	return nil
}

func (s *session) Data(message io.Reader) error { return s.box.put(s.from, s.to, message) }

// Reset forgets the mail that was begun.
func (s *session) Reset() { s.from, s.to = "", nil }

func (s *session) Logout() error { return nil }
