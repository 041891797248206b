package mail

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/wneessen/go-mail/smtp"
)

const (
	// maxAttempts is how many mechanisms are tried for one message. Many servers lock an account, or an address, after five failures.
	maxAttempts = 4
	// maxIterations is how much work a server may ask for with SCRAM: several times what servers do, and a second at most.
	maxIterations = 1_000_000
	// maxChallenges is how often a server may ask: SCRAM has three challenges.
	maxChallenges = 4
)

// mechanism is a way to log in.
type mechanism struct {
	name string
	auth func(user, password, host string) smtp.Auth
}

// mechanisms are those that can be used here, in the order in which they are tried: SCRAM doesn't tell the server the password, and CRAM-MD5 is
// the one that fails most often, since it requires a server that can read the password it has stored.
var mechanisms = []mechanism{
	{"SCRAM-SHA-256", func(user, password, _ string) smtp.Auth { return smtp.ScramSHA256Auth(user, password) }},
	{"SCRAM-SHA-1", func(user, password, _ string) smtp.Auth { return smtp.ScramSHA1Auth(user, password) }},
	{"PLAIN", func(user, password, host string) smtp.Auth { return smtp.PlainAuth("", user, password, host, false) }},
	{"LOGIN", func(user, password, host string) smtp.Auth { return smtp.LoginAuth(user, password, host, false) }},
	{"CRAM-MD5", func(user, password, _ string) smtp.Auth { return smtp.CRAMMD5Auth(user, password) }},
}

// login logs in, if there is a user to log in as, by one after the other of the mechanisms that the server offers. A password goes over TLS alone.
// It returns the session that is logged in, which is another one if the server has ended the first one.
func (r *route) login(ctx context.Context, s *session) (*session, error) {
	if r.settings.User == "" {
		return s, nil
	}
	offered := strings.Fields(s.extensions["AUTH"])
	usable := slices.DeleteFunc(slices.Clone(mechanisms), func(m mechanism) bool { return !slices.Contains(offered, m.name) })
	switch {
	case !s.encrypted:
		s.close()
		return nil, errNoTLS
	case len(usable) == 0:
		s.close()
		return nil, &noLoginError{offered: offered}
	}
	return r.tryAll(ctx, s, usable[:min(len(usable), maxAttempts)])
}

// tryAll tries one mechanism after the other, on the same session as long as the server keeps it.
func (r *route) tryAll(ctx context.Context, s *session, usable []mechanism) (*session, error) {
	failed := &loginError{}
	for _, m := range usable {
		answer, err := r.authenticate(s, m)
		if len(failed.attempts) > 0 && (isLost(err) || answer.code == codeUnavailable) {
			// It has ended the session after the failure before, maybe, and not looked at this login.
			s.drop()
			next, lost := r.again(ctx, s)
			if lost != nil {
				return nil, failed
			}
			s = next
			answer, err = r.authenticate(s, m)
		}
		switch {
		case answer.code == codeLoggedIn:
			return s, nil
		case answer.isTemporary() && answer.code != codeTransition:
			s.close()
			return nil, s.refused(stepLogin, answer)
		case err != nil && !isLost(err) && !errors.Is(err, errChallenge):
			s.drop()
			return nil, err
		}
		failed.add(m.name, s.redacted(answer), err)
	}
	s.close()
	return nil, failed
}

// authenticate logs in by a mechanism. The error is errChallenge if the server asks for something that the mechanism doesn't have.
func (r *route) authenticate(s *session, m mechanism) (reply, error) {
	if !s.encrypted {
		return reply{}, errNoTLS
	}
	s.secrets = append(s.secrets, r.settings.Password)
	auth := m.auth(r.settings.User, r.settings.Password, r.host)
	_, initial, err := auth.Start(&smtp.ServerInfo{Name: r.host, TLS: true})
	if err != nil {
		return reply{}, errChallenge
	}
	line := "AUTH " + m.name
	if initial != nil {
		line += " " + s.encode(initial)
	}
	for range maxChallenges {
		answer, err := s.command(stepLogin, line)
		if err != nil || answer.code != codeChallenge {
			return answer, err
		}
		response, err := respond(auth, answer.text)
		if err != nil {
			break
		}
		line = s.encode(response)
	}
	if _, err := s.command(stepLogin, "*"); err != nil { // The server waits for an answer: RFC 4954, section 4.
		return reply{}, err
	}
	return reply{}, errChallenge
}

// respond answers a challenge.
func respond(auth smtp.Auth, encoded string) ([]byte, error) {
	challenge, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	if err != nil {
		return nil, err
	}
	for attribute := range strings.SplitSeq(string(challenge), ",") {
		if iterations, found := strings.CutPrefix(attribute, "i="); found {
			if n, err := strconv.Atoi(iterations); err != nil || n > maxIterations {
				return nil, errChallenge
			}
		}
	}
	return auth.Next(challenge, true)
}

// encode writes what proves who logs in, and keeps it out of errors: some servers repeat the command that they don't take.
func (s *session) encode(response []byte) string {
	encoded := base64.StdEncoding.EncodeToString(response)
	s.secrets = append(s.secrets, encoded)
	return encoded
}

// isLost reports whether a server has closed the connection.
func isLost(err error) bool {
	return slices.ContainsFunc([]error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE}, func(lost error) bool { return errors.Is(err, lost) })
}
