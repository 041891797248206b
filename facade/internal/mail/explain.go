package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/wire"
	"github.com/berth-dev/berth/internal/egress"
)

// maxWords is how much, in characters, of what a server says is passed on.
const maxWords = 500

// explain is the 400 about a message that could not be sent. What the server said is in it; where the way to an app's server is the trouble, it
// names the field that says which server.
func (s *Sender) explain(ctx context.Context, settings Settings, err error) error {
	if refused, ok := errors.AsType[*refusal](err); ok {
		return apierr.BadRequest(refused.Error())
	}
	if failed, ok := errors.AsType[*loginError](err); ok {
		return apierr.BadRequest(failed.Error())
	}
	if unable, ok := errors.AsType[*utf8Error](err); ok {
		if unable.address.isSender {
			return apierr.Field(wire.FieldFrom, unable.Error())
		}
		return apierr.BadRequest(unable.Error())
	}
	if egress.IsProhibitedPort(err) {
		return apierr.Field(wire.FieldPort, fmt.Sprintf("The platform connects to mail servers at the ports %s only, not at %d. Choose another port, or ask the "+
			"platform's administrators to allow it.", ports(s.egress.Ports), settings.Port))
	}
	detail := s.wayProblem(ctx, settings, err)
	if settings.Platform {
		return apierr.BadRequest(detail)
	}
	return apierr.Field(wire.FieldHost, detail)
}

// wayProblem says why a server could not be spoken to.
func (s *Sender) wayProblem(ctx context.Context, settings Settings, err error) string {
	server := "mail server " + net.JoinHostPort(settings.Host, fmt.Sprint(settings.Port))
	if unusable, ok := errors.AsType[*noLoginError](err); ok {
		return "Nothing was sent: " + unusable.Error() + "."
	}
	for _, known := range []error{errNoTLS, errNoTLSOnPort, errInjected, errTooMuch} {
		if errors.Is(err, known) {
			return "Nothing was sent: " + known.Error() + "."
		}
	}
	unknown, lookedUp := errors.AsType[*net.DNSError](err)
	if egress.IsProhibited(err) || lookedUp && unknown.IsNotFound {
		// In the same words, or it would tell what there is inside the platform.
		return fmt.Sprintf("There is no %s with a public address; the platform connects to none inside itself or a private network.", server)
	}
	if invalid, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return fmt.Sprintf("The certificate of the %s is not valid: %s.", server, clean(invalid.Err.Error()))
	}
	failedStep, atStep := errors.AsType[*stepError](err)
	if ctx.Err() != nil || errors.Is(err, os.ErrDeadlineExceeded) {
		return noAnswer(server, failedStep, s.waited(ctx, atStep))
	}
	if lookedUp {
		return fmt.Sprintf("The host %s could not be looked up; try again.", settings.Host)
	}
	if atStep && isLost(err) {
		return fmt.Sprintf("The %s closed the connection before %s.", server, failedStep.step)
	}
	if failed, ok := errors.AsType[*net.OpError](err); ok {
		return fmt.Sprintf("No connection to the %s: %s.", server, clean(rootOf(failed).Error()))
	}
	return fmt.Sprintf("It was not possible to speak SMTP with the %s.", server)
}

// ports lists ports in words.
func ports(numbers []uint16) string {
	var texts []string
	for _, n := range slices.Compact(slices.Sorted(slices.Values(numbers))) {
		texts = append(texts, fmt.Sprint(n))
	}
	return strings.Join(texts, ", ")
}

// waited is how long a server had time.
func (s *Sender) waited(ctx context.Context, atStep bool) time.Duration {
	switch {
	case ctx.Err() != nil:
		return s.Bound()
	case atStep:
		return s.timeout
	default:
		return min(connectTimeout, s.timeout)
	}
}

func noAnswer(server string, at *stepError, within time.Duration) string {
	if at == nil {
		return fmt.Sprintf("No answer from the %s within %s.", server, within)
	}
	return fmt.Sprintf("No answer from the %s within %s, waiting for %s.", server, within, at.step)
}

// rootOf is the cause of a network error, without the addresses of this side.
func rootOf(err error) error {
	for {
		cause := errors.Unwrap(err)
		if cause == nil {
			return err
		}
		err = cause
	}
}

// clean makes one line of what a server said, of bounded length and without what isn't printed: control characters, and those that change the
// direction of what follows.
func clean(words string) string {
	words = strings.ToValidUTF8(words, string(unicode.ReplacementChar))
	line := strings.Join(strings.FieldsFunc(words, func(r rune) bool { return !unicode.IsPrint(r) }), " ")
	if runes := []rune(line); len(runes) > maxWords {
		return string(runes[:maxWords]) + "…"
	}
	return strings.TrimSpace(line)
}
