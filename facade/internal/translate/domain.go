package translate

import (
	"cmp"

	"github.com/berth-dev/berth/api/v1alpha1"
	ac "github.com/berth-dev/berth/api/v1alpha1/applyconfiguration/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/wire"
)

// domain plans what the body says of the App's host and mail: a Domain, unless the App's default host and the platform's address will do.
func (c *change) domain(platform Platform, body wire.AppBody) error {
	domain := c.observed.Domain
	host, from := platform.DefaultHost(c.observed.App.Name), fromOf(domain)
	if domain != nil {
		host = domain.Spec.Host
	}
	wantHost, wantFrom := host, from
	if body.Domain != nil {
		wantHost = cmp.Or(*body.Domain, platform.DefaultHost(c.observed.App.Name))
	}
	if body.FromEmail != nil && *body.FromEmail != cmp.Or(from, platform.FromEmail) {
		wantFrom = *body.FromEmail
	}
	if wantHost == host && wantFrom == from {
		return nil
	}
	if wantHost != host {
		c.plan.Host = wantHost
	}
	if domain == nil {
		c.plan.Domain, c.plan.NewDomain = newDomain(c.observed.App, wantHost, wantFrom), true
		return nil
	}
	changed, err := changeDomain(domain, wantHost, wantFrom)
	c.plan.Domain = changed
	return err
}

func newDomain(app *v1alpha1.App, host, from string) *ac.DomainApplyConfiguration {
	spec := ac.DomainSpec().WithHost(host).WithAppRef(ac.AppRef().WithName(app.Name))
	if from != "" {
		spec.WithMail(ac.DomainMail().WithFrom(from))
	}
	return ac.Domain(app.Name, app.Namespace).WithSpec(spec)
}

func changeDomain(domain *v1alpha1.Domain, host, from string) (*ac.DomainApplyConfiguration, error) {
	others, err := ownersOf(&domain.ObjectMeta)
	if err != nil {
		return nil, err
	}
	desired, err := ac.ExtractDomain(domain, fieldOwner)
	if err != nil {
		return nil, err
	}
	desired.WithResourceVersion(domain.ResourceVersion)
	if desired.Spec == nil {
		desired.WithSpec(ac.DomainSpec())
	}
	if host != domain.Spec.Host {
		if err := others.refuse(hostPath); err != nil {
			return nil, err
		}
		desired.Spec.WithHost(host)
	}
	if from != fromOf(domain) {
		if err := others.refuse(mailFromPath); err != nil {
			return nil, err
		}
		desired.Spec.Mail = nil
		if from != "" {
			desired.Spec.WithMail(ac.DomainMail().WithFrom(from))
		}
	}
	return desired, nil
}
