package mail

import (
	"errors"
	"strings"

	"github.com/wneessen/go-mail/smtp"
)

// Why nothing is sent.
var (
	errTooMuch = errors.New("the mail server sends far too much")
	errNoTLS   = errors.New("the mail server offers no TLS, without which a password would be readable on its way")
	errNoLogin = errors.New("the mail server offers no login that can be used here: PLAIN, LOGIN or SCRAM")
)

// login logs in with the best mechanism that the server offers, if there is a user to log in as. A password goes over TLS alone.
func login(client *smtp.Client, settings Settings) error {
	if settings.User == "" {
		return nil
	}
	if _, err := client.GetTLSConnectionState(); err != nil {
		return errNoTLS
	}
	_, offered := client.Extension("AUTH")
	user, password := settings.User, settings.Password
	for _, mechanism := range []struct {
		name string
		auth smtp.Auth
	}{
		{"SCRAM-SHA-256", smtp.ScramSHA256Auth(user, password)},
		{"SCRAM-SHA-1", smtp.ScramSHA1Auth(user, password)},
		{"PLAIN", smtp.PlainAuth("", user, password, settings.Host, false)},
		{"LOGIN", smtp.LoginAuth(user, password, settings.Host, false)},
	} {
		for name := range strings.FieldsSeq(offered) {
			if strings.EqualFold(name, mechanism.name) {
				return client.Auth(mechanism.auth)
			}
		}
	}
	return errNoLogin
}
