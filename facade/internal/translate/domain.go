package translate

import (
	"slices"

	ac "github.com/berth-dev/berth/api/v1alpha1/applyconfiguration/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/wire"
	"github.com/berth-dev/berth/internal/certificate"
	"github.com/berth-dev/berth/internal/host"
)

// domainChange is one change of a Domain on its way, as change is of an App. What a client sends back as it was shown is no change.
type domainChange struct {
	platform Platform
	// observed is what there is. Without a Domain, the change makes one.
	observed Observed
	fresh    Fresh
	// name of the Domain.
	name string
	// host is the one after the change.
	host string
	// chain is the certificate that the client was shown; nil for none.
	chain certificate.Chain

	// desired is what the facade will own of the Domain.
	desired *ac.DomainApplyConfiguration
	// others are who else owns fields of it.
	others *owners
	// changed says that desired is worth a write.
	changed bool
	plan    Plan
}

// ChangeDomain plans a change of a Domain, or of the default host of an App that has none: that gets a Domain with the App's name, unless
// nothing changes. It names what is wrong with the body by a 400, and by a 409 a field that somebody else has set and that would change.
func ChangeDomain(platform Platform, o Observed, body wire.DomainBody, fresh Fresh) (Plan, error) {
	return takeDomain(platform, o, fresh, func(platform Platform, o Observed, fresh Fresh) (Plan, error) {
		return changeDomain(platform, o, body, fresh)
	})
}

// takeDomain plans a change of a Domain. If that has to take fields over, it is planned once more for what then is the facade's.
func takeDomain(platform Platform, o Observed, fresh Fresh, plan func(Platform, Observed, Fresh) (Plan, error)) (Plan, error) {
	first, err := plan(platform, o, fresh)
	if err != nil || first.TakenOfDomain == nil {
		return first, err
	}
	o.Domain = o.Domain.DeepCopy()
	if o.Domain.ManagedFields, err = first.TakenOfDomain.Apply(o.Domain.ManagedFields); err != nil {
		return Plan{}, err
	}
	second, err := plan(platform, o, fresh)
	second.TakenOfDomain = first.TakenOfDomain
	return second, err
}

func changeDomain(platform Platform, o Observed, body wire.DomainBody, fresh Fresh) (Plan, error) {
	c := &domainChange{
		platform: platform, observed: o, fresh: fresh,
		name: o.App.Name, host: platform.hostOf(o), chain: chainOf(platform, o),
		desired: ac.Domain(o.App.Name, o.App.Namespace),
	}
	if o.Domain == nil {
		return c.finish(body)
	}
	var err error
	if c.others, err = ownersOf(o.Domain, fresh.Force); err != nil {
		return Plan{}, err
	}
	if c.desired, err = ac.ExtractDomain(o.Domain, fieldOwner); err != nil {
		return Plan{}, err
	}
	c.name = o.Domain.Name
	// The plan is made for this version, as that of an App.
	c.desired.WithUID(o.Domain.UID).WithResourceVersion(o.Domain.ResourceVersion)
	return c.finish(body)
}

// CreateDomain plans a new Domain of this name for an App; the body must name its host.
func CreateDomain(platform Platform, o Observed, name string, body wire.DomainBody, fresh Fresh) (Plan, error) {
	o.Domain = nil
	desired := ac.Domain(name, o.App.Namespace)
	c := &domainChange{platform: platform, observed: o, fresh: fresh, name: name, desired: desired, changed: true}
	return c.finish(body)
}

// DeleteCertificate plans that a Domain has a certificate of the platform's.
func DeleteCertificate(platform Platform, o Observed, fresh Fresh) (Plan, error) {
	if customSecretOf(o.Domain) == nil {
		return Plan{NeedsApp: o.Domain == nil, NeedsDomain: true}, nil
	}
	return takeDomain(platform, o, fresh, deleteCertificate)
}

func deleteCertificate(_ Platform, o Observed, fresh Fresh) (Plan, error) {
	others, err := ownersOf(o.Domain, fresh.Force)
	if err != nil {
		return Plan{}, err
	}
	if err := others.replace(tlsPath); err != nil {
		return Plan{}, err
	}
	desired, err := ac.ExtractDomain(o.Domain, fieldOwner)
	if err != nil {
		return Plan{}, err
	}
	if desired.Spec != nil {
		desired.Spec.TLS = nil
	}
	desired.WithUID(o.Domain.UID).WithResourceVersion(o.Domain.ResourceVersion)
	return Plan{Domain: desired, TakenOfDomain: others.takeover(fresh.Now)}, nil
}

// finish takes over what the body says and returns the plan, which is empty if that is what there is.
func (c *domainChange) finish(body wire.DomainBody) (Plan, error) {
	steps := []func(wire.DomainBody) error{c.keepApp, c.setHost, c.setCertificate, c.setMail, c.setAuthentication}
	for _, step := range steps {
		if err := step(body); err != nil {
			return Plan{}, err
		}
	}
	c.plan.NeedsApp = true // The Domain goes with an earlier one.
	if !c.changed {
		return Plan{NeedsApp: true, NeedsDomain: true}, nil
	}
	if c.observed.Domain == nil {
		c.spec().WithHost(c.host).WithAppRef(ac.AppRef().WithName(c.observed.App.Name))
		c.plan.NewDomain = true
	}
	c.plan.Domain, c.plan.TakenOfDomain = c.desired, c.others.takeover(c.fresh.Now)
	return c.plan, nil
}

// spec is the desired spec, to set a field of.
func (c *domainChange) spec() *ac.DomainSpecApplyConfiguration {
	if c.desired.Spec == nil {
		c.desired.WithSpec(ac.DomainSpec())
	}
	return c.desired.Spec
}

// keepApp is the 400 about another app than the one that the Domain is for. Clients that send back what they read name that one.
func (c *domainChange) keepApp(body wire.DomainBody) error {
	if body.Slug == nil || *body.Slug == c.observed.App.Name {
		return nil
	}
	return apierr.Field(wire.FieldSlug, "A domain stays with its app: make a new one for another.")
}

func (c *domainChange) setHost(body wire.DomainBody) error {
	if body.Domain == nil || *body.Domain == c.host {
		return nil
	}
	c.host = *body.Domain
	// Not before it is known to change: clients send back a host that an earlier version accepted.
	if err := host.CheckPunycode(c.host); err != nil && c.host != c.platform.DefaultHost(c.observed.App.Name) {
		return apierr.Field(wire.FieldDomain, err.Error())
	}
	if refusal := c.platform.Hosts.Refusal(c.host, c.observed.App.Name, c.platform.IsNamespace); refusal != "" {
		return apierr.Field(wire.FieldDomain, refusal)
	}
	if err := c.others.set(hostPath); err != nil {
		return err
	}
	c.spec().WithHost(c.host)
	c.changed, c.plan.Host = true, c.host
	return nil
}

func (c *domainChange) setAuthentication(body wire.DomainBody) error {
	if body.Authentication == nil || *body.Authentication == slices.Index(authentications, authenticationOf(c.observed.Domain)) {
		return nil
	}
	if err := c.others.set(loginPath); err != nil {
		return err
	}
	c.spec().WithAuthentication(authentications[*body.Authentication])
	c.changed = true
	return nil
}
