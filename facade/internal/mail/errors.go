package mail

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/berth-dev/berth/facade/internal/mailbox"
)

// step is what is waited for.
type step string

const (
	stepGreeting step = "the greeting"
	stepTLS      step = "TLS"
	stepHello    step = "the answer to EHLO"
	stepStartTLS step = "the answer to STARTTLS"
	stepLogin    step = "the answer to the login"
	stepMessage  step = "the answer to the message"
)

// Why nothing is sent.
var (
	errTooMuch     = errors.New("the mail server sends far too much")
	errNoTLS       = errors.New("the mail server offers no TLS, without which a password would be readable on its way")
	errNoTLSOnPort = errors.New("the mail server offers no TLS on a port that is for TLS; use its port without TLS, such as 25 or 587")
	errInjected    = errors.New("the mail server said more than its answer to STARTTLS, as somebody on the way could have")
	errNotSMTP     = errors.New("the answer is not one of SMTP")
	// errChallenge is about one mechanism.
	errChallenge = errors.New("it asks for something else than the mechanism has")
)

// stepError is a connection that failed at a step.
type stepError struct {
	step  step
	cause error
}

// Error says what failed.
func (e *stepError) Error() string { return string(e.step) + ": " + e.cause.Error() }

// Unwrap returns the cause.
func (e *stepError) Unwrap() error { return e.cause }

// refusal is a step that the server has refused.
type refusal struct {
	step  step
	reply reply
}

// Error is what the server said, and what to make of it.
func (e *refusal) Error() string {
	words := e.reply.words()
	switch {
	case e.step == stepStartTLS:
		return fmt.Sprintf("The mail server offers STARTTLS and refuses it: %s. Nothing was sent, since it would be readable on its way.", words)
	case e.step == stepGreeting && e.reply.isPermanent():
		return "The mail server takes no mail from here: " + words
	case e.reply.code == codeUnavailable || e.step == stepGreeting:
		return fmt.Sprintf("The mail server is not available at the moment: %s. Try again later.", words)
	case e.step == stepLogin:
		return fmt.Sprintf("The mail server cannot check the password at the moment: %s. Try again later.", words)
	case e.reply.isTemporary():
		return fmt.Sprintf("The mail server did not take the message for now: %s. Try again in some minutes: it may be greylisting.", words)
	default:
		return "The mail server refused the message: " + words
	}
}

// words are a reply as people read it: the code, and what the server says in one line, the enhanced code of RFC 2034 once.
func (r reply) words() string {
	first, rest, _ := strings.Cut(r.text, "\n")
	enhanced, _, _ := strings.Cut(first, " ")
	if strings.Count(enhanced, ".") == 2 {
		rest = strings.TrimPrefix(rest, enhanced+" ")
		rest = strings.ReplaceAll(rest, "\n"+enhanced+" ", "\n")
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", r.code, clean(first+"\n"+rest)))
}

// attempt is a login that failed.
type attempt struct {
	mechanism, words string
}

// loginError says what was tried to log in.
type loginError struct {
	attempts []attempt
}

func (e *loginError) add(mechanism string, answer reply, err error) {
	words := answer.words()
	switch {
	case isLost(err):
		words = "it closed the connection"
	case err != nil:
		words = err.Error()
	}
	e.attempts = append(e.attempts, attempt{mechanism, words})
}

// Error names all mechanisms that were tried, those together to which the server said the same.
func (e *loginError) Error() string {
	var answers []string
	tried := map[string][]string{}
	for _, a := range e.attempts {
		if !slices.Contains(answers, a.words) {
			answers = append(answers, a.words)
		}
		tried[a.words] = append(tried[a.words], a.mechanism)
	}
	for i, words := range answers {
		answers[i] = strings.Join(tried[words], ", ") + ": " + words
	}
	return "The mail server refused the login by " + strings.Join(answers, "; by ")
}

// noLoginError is about a server that offers no mechanism that can be used.
type noLoginError struct {
	offered []string
}

// Error says what is offered and what is needed.
func (e *noLoginError) Error() string {
	known := make([]string, 0, len(mechanisms))
	for _, m := range mechanisms {
		known = append(known, m.name)
	}
	offer := "no login"
	if len(e.offered) > 0 {
		offer = "only the login by " + clean(strings.Join(e.offered, ", "))
	}
	words := fmt.Sprintf("the mail server offers %s; a user name and password require one of %s", offer, strings.Join(known, ", "))
	if slices.ContainsFunc(e.offered, func(name string) bool { return name == "XOAUTH2" || name == "OAUTHBEARER" }) {
		words += ". Ask its operator for an app password or SMTP credentials: tokens of OAuth are not supported"
	}
	return words
}

// address is one of a letter's envelope.
type address struct {
	mailbox mailbox.Mailbox
	// isSender tells the sender's from the recipient's.
	isSender bool
}

// utf8Error is about an address that the server can't take.
type utf8Error struct {
	address address
}

// Error says which address, and what it requires.
func (e *utf8Error) Error() string {
	return fmt.Sprintf("Nothing was sent: the mail server does not support SMTPUTF8, which the address %s requires.", e.address.mailbox.Address())
}
