package facade

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/auth"
	"github.com/berth-dev/berth/facade/internal/mail"
	"github.com/berth-dev/berth/facade/internal/mailbox"
	"github.com/berth-dev/berth/facade/internal/translate"
	"github.com/berth-dev/berth/facade/internal/web"
	"github.com/berth-dev/berth/facade/internal/wire"
	"github.com/berth-dev/berth/internal/policy"
)

// answerTime is how long it takes to answer once it is known what: far more than it does.
const answerTime = 10 * time.Second

// domainFinder is where a domain is found with how its notifications are sent; store.Store says how.
type domainFinder interface {
	Organization(ctx context.Context, name string) error
	GetDomain(ctx context.Context, organization, name string) (translate.Observed, error)
	MailPasswordOf(ctx context.Context, organization, name string) (translate.Observed, error)
	OnlyApp(organization string) *v1alpha1.App
	Policy(ctx context.Context, organization string) v1alpha1.Organization
	HasProven(ctx context.Context, organization, domain string) (bool, error)
}

// mailer sends test e-mails.
type mailer interface {
	// Test sends one to an address, for a host of an organization. The error is one for the client: a 400 with the words of the mail server, or
	// a 429 that says when to come back.
	Test(ctx context.Context, organization, to string, settings mail.Settings, host string) error
	// Bound is how long Test takes at most.
	Bound() time.Duration
}

// mailHandlers serve the calls that send mail.
type mailHandlers struct {
	platform translate.Platform
	// password is that of the platform's own login; empty for none.
	password string
	domains  domainFinder
	mailer   mailer
	// ending is closed when the server takes no more connections.
	ending <-chan struct{}
}

// testDomain sends the caller a mail as the notifications of a domain are sent.
func (h *mailHandlers) testDomain(c *gin.Context) (any, error) { return h.test(c, c.Param("domain")) }

// testOrganization does so for the app that the body names, or the one with the organization's own name, or the only one.
func (h *mailHandlers) testOrganization(c *gin.Context) (any, error) {
	org := c.Param("org")
	if err := h.domains.Organization(c.Request.Context(), org); err != nil {
		return nil, err
	}
	members, err := web.Bind(c.Request)
	if err != nil {
		return nil, err
	}
	slug, err := wire.ParseSlug(members)
	if err != nil {
		return nil, err
	}
	if slug != "" {
		if _, err := h.domains.GetDomain(c.Request.Context(), org, slug); err != nil {
			return nil, apierr.Field(wire.FieldSlug, "There is no app with this slug.")
		}
		return h.test(c, slug)
	}
	if _, err := h.domains.GetDomain(c.Request.Context(), org, org); err == nil {
		return h.test(c, org)
	}
	if app := h.domains.OnlyApp(org); app != nil {
		return h.test(c, app.Name)
	}
	return nil, apierr.Field(wire.FieldSlug, "The slug of an app of the organization is wanted.")
}

func (h *mailHandlers) test(c *gin.Context, domain string) (any, error) {
	observed, err := h.domains.MailPasswordOf(c.Request.Context(), c.Param("org"), domain)
	if err != nil {
		return nil, err
	}
	to := auth.FromContext(c.Request.Context()).Owner
	if !mailbox.IsAddress(to) {
		return nil, apierr.BadRequest("Your API key has no e-mail address of an owner to send to.")
	}
	settings, err := h.settings(observed)
	if err != nil {
		return nil, err
	}
	if settings, err = h.limitSender(c.Request.Context(), c.Param("org"), observed, settings); err != nil {
		return nil, err
	}
	host := translate.ToDomain(h.platform, observed).Domain
	if err := web.AllowTime(c, h.mailer.Bound()+answerTime); err != nil {
		return nil, err
	}
	ctx, done := h.untilEnding(c.Request.Context())
	defer done()
	if err := h.mailer.Test(ctx, c.Param("org"), to, settings, host); err != nil {
		if errors.Is(context.Cause(ctx), errEnding) {
			return nil, apierr.Unavailable(errEnding)
		}
		return nil, err
	}
	return wire.Notice{Detail: fmt.Sprintf("A test e-mail for %s was sent to %s.", host, to) + aboutSender(settings)}, nil
}

// limitSender sets the address that mail comes from to one that an organization may use. A trusted one may use any.
func (h *mailHandlers) limitSender(ctx context.Context, org string, observed translate.Observed, settings mail.Settings) (mail.Settings, error) {
	if policy.Trusted(h.domains.Policy(ctx, org)) {
		return settings, nil
	}
	sender, err := h.platform.SenderFor(observed.Domain, func(domain string) (bool, error) { return h.domains.HasProven(ctx, org, domain) })
	settings.From, settings.ReplyTo = sender.From, sender.ReplyTo
	return settings, err
}

// aboutSender is a sentence about a sender that is not the one that the domain names; empty if it is.
func aboutSender(settings mail.Settings) string {
	if settings.ReplyTo == "" {
		return ""
	}
	return fmt.Sprintf(" It came from %s, and replies go to %s: the platform's mail server sends from that address only if your organization has proven that "+
		"it owns the domain. Prove it for a host at or above the domain, or use your own mail server.", settings.From, settings.ReplyTo)
}

// errEnding is why a test e-mail is given up though its mail server may still answer.
var errEnding = errors.New("the server is ending")

// untilEnding is a context that ends some time after the server has begun to, so that whoever waits for a slow mail server gets an answer.
func (h *mailHandlers) untilEnding(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-h.ending:
		case <-ctx.Done():
			return
		}
		select {
		case <-time.After(shutdownTimeout - answerTime):
			cancel(errEnding)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(context.Canceled) }
}

// settings are how the notifications of a domain are sent. The platform's password is among them only with the platform's user, at the
// platform's server.
func (h *mailHandlers) settings(observed translate.Observed) (mail.Settings, error) {
	sending := h.platform.MailFor(observed.Domain)
	if sending.Host == "" {
		return mail.Settings{}, apierr.Field(wire.FieldHost, "There is no mail server: neither the domain names one nor has the platform one.")
	}
	password, found := translate.Password(observed)
	if !found {
		return mail.Settings{}, apierr.Field(wire.FieldPassword, "The password is not there any more; set it again.")
	}
	if sending.PlatformLogin {
		password = h.password
	}
	return mail.Settings{
		Host: sending.Host, Port: int(sending.Port), User: sending.User, Password: password, From: sending.From, Platform: sending.Platform,
	}, nil
}
