package mail

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Codes of replies: RFC 5321, section 4.2.3, and RFC 4954, section 6.
const (
	codeReady       = 220
	codeLoggedIn    = 235
	codeChallenge   = 334
	codeStartData   = 354
	codeUnavailable = 421
	// codeTransition is the answer to a mechanism that the password isn't stored for, until it was used with another one.
	codeTransition = 432
)

// reply is what a server answers.
type reply struct {
	code int
	// text has the lines of the answer, without their codes.
	text string
}

func (r reply) isPositive() bool  { return r.code/100 == 2 }
func (r reply) isTemporary() bool { return r.code/100 == 4 }
func (r reply) isPermanent() bool { return r.code/100 == 5 }

// command sends a line and reads the answer.
func (s *session) command(step step, line string) (reply, error) {
	if strings.ContainsAny(line, "\r\n\x00") {
		return reply{}, fmt.Errorf("%s: the command would be more than one", step)
	}
	if err := s.conn.SetDeadline(time.Now().Add(s.timeout)); err != nil {
		return reply{}, &stepError{step: step, cause: err}
	}
	if err := s.text.PrintfLine("%s", line); err != nil {
		return reply{}, &stepError{step: step, cause: err}
	}
	return s.read(step)
}

// read reads an answer, all of it within the timeout.
func (s *session) read(step step) (reply, error) {
	if err := s.conn.SetDeadline(time.Now().Add(s.timeout)); err != nil {
		return reply{}, &stepError{step: step, cause: err}
	}
	var answer reply
	var lines []string
	for more := true; more; {
		line, err := s.text.R.ReadString('\n') // ReadLine would take what was cut off for a line.
		if err != nil {
			return reply{}, &stepError{step: step, cause: err}
		}
		var code int
		var text string
		if code, text, more, err = parseLine(strings.TrimRight(line, "\r\n")); err != nil || lines != nil && code != answer.code {
			return reply{}, errNotSMTP
		}
		answer.code = code
		lines = append(lines, text)
	}
	answer.text = strings.Join(lines, "\n")
	return answer, nil
}

// parseLine reads a line of an answer. A code may stand alone: RFC 5321, section 4.2.
func parseLine(line string) (code int, text string, more bool, err error) {
	if len(line) < 3 {
		return 0, "", false, errNotSMTP
	}
	code, err = strconv.Atoi(line[:3])
	if err != nil || code < 200 || code > 599 {
		return 0, "", false, errNotSMTP
	}
	if len(line) == 3 {
		return code, "", false, nil
	}
	switch line[3] {
	case '-':
		return code, line[4:], true, nil
	case ' ':
		return code, line[4:], false, nil
	default:
		return 0, "", false, errNotSMTP
	}
}

// refused is the error that a step is refused.
func (s *session) refused(step step, answer reply) error {
	return &refusal{step: step, reply: s.redacted(answer)}
}

// redacted is an answer without what is secret: some servers repeat the command that they don't take.
func (s *session) redacted(answer reply) reply {
	for _, secret := range s.secrets {
		if secret != "" {
			answer.text = strings.ReplaceAll(answer.text, secret, "…")
		}
	}
	return answer
}

// isTemporary reports whether a server asks to come again.
func isTemporary(err error) bool {
	refused, ok := errors.AsType[*refusal](err)
	return ok && refused.reply.isTemporary()
}
