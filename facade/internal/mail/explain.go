package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"os"
	"strings"
	"unicode"

	"code.dny.dev/ssrf"

	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/wire"
)

// maxWords is how much, in characters, of what a server says is passed on.
const maxWords = 500

// explain is the 400 about a message that could not be sent. What the server said is in it; where the way to an app's server is the trouble, it
// names the field that says which server.
func explain(ctx context.Context, settings Settings, err error) error {
	if refusal, ok := errors.AsType[*textproto.Error](err); ok {
		return apierr.BadRequest(fmt.Sprintf("The mail server refused the message: %d %s", refusal.Code, clean(refusal.Msg)))
	}
	detail := wayProblem(ctx, settings, err)
	if settings.Platform {
		return apierr.BadRequest(detail)
	}
	return apierr.Field(wire.FieldHost, detail)
}

// wayProblem says why a server could not be spoken to.
func wayProblem(ctx context.Context, settings Settings, err error) string {
	server := "mail server " + net.JoinHostPort(settings.Host, fmt.Sprint(settings.Port))
	for _, known := range []error{errNoTLS, errNoLogin, errTooMuch} {
		if errors.Is(err, known) {
			return "Nothing was sent: " + known.Error() + "."
		}
	}
	unknown, lookedUp := errors.AsType[*net.DNSError](err)
	if errors.Is(err, ssrf.ErrProhibitedIP) || lookedUp && unknown.IsNotFound {
		// In the same words, or it would tell what there is inside the platform.
		return fmt.Sprintf("There is no %s with a public address; the platform connects to none inside itself or a private network.", server)
	}
	if invalid, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return fmt.Sprintf("The certificate of the %s is not valid: %s.", server, clean(invalid.Err.Error()))
	}
	if ctx.Err() != nil || errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Sprintf("No answer from the %s within %s.", server, timeout)
	}
	if lookedUp {
		return fmt.Sprintf("The host %s could not be looked up; try again.", settings.Host)
	}
	if failed, ok := errors.AsType[*net.OpError](err); ok {
		return fmt.Sprintf("No connection to the %s: %s.", server, clean(rootOf(failed).Error()))
	}
	return fmt.Sprintf("It was not possible to speak SMTP with the %s.", server)
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

// clean makes one line of what a server said, without control characters and of bounded length.
func clean(words string) string {
	line := strings.Join(strings.FieldsFunc(words, unicode.IsControl), " ")
	if runes := []rune(line); len(runes) > maxWords {
		return string(runes[:maxWords]) + "…"
	}
	return line
}
