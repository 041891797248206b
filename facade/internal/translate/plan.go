package translate

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	ac "github.com/berth-dev/berth/api/v1alpha1/applyconfiguration/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/wire"
)

// SuffixLength is the number of characters in Fresh.Suffix.
const SuffixLength = 10

// Fresh is what one change must have of its own, drawn by the caller since this package is pure.
type Fresh struct {
	// Now is the time of the change.
	Now time.Time
	// Suffix makes the name of a Secret unique in its Namespace: SuffixLength lower-case letters and digits.
	//
	// It is chance and not a hash of the values: whoever may read an App, and not its Secrets, could try likely values against a hash.
	// What is in the cluster already is told by comparing values, not names.
	Suffix string
	// Force lets the change take over fields that others have set, unless they set them again by themselves.
	Force bool
}

// Plan is what has to be written for a change. Parts that are nil need no write.
type Plan struct {
	// Secrets hold the new values that must not be in an App or a Domain; they must be there before those name them.
	Secrets []*corev1.Secret
	App     *ac.AppApplyConfiguration
	Domain  *ac.DomainApplyConfiguration
	// Spent is a Secret that is of no use once all is written.
	Spent *corev1.Secret
	// NewDomain says that Domain doesn't exist yet; it is to be owned by the App.
	NewDomain bool
	// Host is the host name that Domain claims anew; empty if it claims none.
	Host string
	// NeedsApp and NeedsDomain say that the App and its Domain, or that it has none, must be as they were observed, though the plan doesn't write
	// them. What is written needs no such word: it names the version that it was made from.
	NeedsApp, NeedsDomain bool
	// TakenOfApp and TakenOfDomain are what is taken over of them before they are applied. Nil if nothing is.
	TakenOfApp, TakenOfDomain *Takeover
	// Force lets the apply of App take fields over that others have set. It is set only after a look at who owns what, which the resource
	// version of App must hold to.
	Force bool
}

// Empty tells that there is nothing to write.
func (p *Plan) Empty() bool { return p.App == nil && p.Domain == nil }

// Create plans a new App. observed is what there is beside it: the external id of the organization, and the Domain that somebody has made for
// it already, or nil. The error is a 400 that names the field that the body lacks or has wrong.
func Create(platform Platform, organization string, body wire.AppBody, observed Observed, fresh Fresh) (Plan, error) {
	missing := apierr.Fields{}
	for name, value := range map[string]*string{wire.FieldSlug: body.Slug, "location": body.Location} {
		if value == nil {
			missing.Add(name, "This field is required.")
		}
	}
	if err := missing.Err(); err != nil {
		return Plan{}, err
	}
	// A new App is a change of one with no fields, which nobody owns anything of.
	observed.App = &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Namespace: organization, Name: *body.Slug}}
	c := newChange(ac.App(*body.Slug, organization), observed, fresh)
	if err := c.app(body); err != nil {
		return Plan{}, err
	}
	c.plan.App = c.desired
	err := c.domain(platform, body)
	return c.plan, err
}

// Change plans a change of an App that exists. It names the fields that somebody else has set and the change would touch by a 409.
//
// restart asks for new Pods whatever changes; without it, a new role or user restarts, since it changes nothing in the Pods by itself. A new
// password for the same user doesn't.
func Change(platform Platform, o Observed, body wire.AppBody, restart bool, fresh Fresh) (Plan, error) {
	first, err := changeApp(platform, o, body, restart, fresh)
	if err != nil || first.TakenOfApp == nil {
		return first, err
	}
	// It is planned once more for what is the facade's after the takeover.
	o.App = o.App.DeepCopy()
	if o.App.ManagedFields, err = first.TakenOfApp.Apply(o.App.ManagedFields); err != nil {
		return Plan{}, err
	}
	second, err := changeApp(platform, o, body, restart, fresh)
	second.TakenOfApp = first.TakenOfApp
	return second, err
}

func changeApp(platform Platform, o Observed, body wire.AppBody, restart bool, fresh Fresh) (Plan, error) {
	desired, err := ac.ExtractApp(o.App, fieldOwner)
	if err != nil {
		return Plan{}, err
	}
	c := newChange(desired, o, fresh)
	if c.others, err = ownersOf(o.App, fresh.Force); err != nil {
		return Plan{}, err
	}
	roleChanges := body.RoleName != nil && *body.RoleName != roleOf(o)
	if err := c.app(body); err != nil {
		return Plan{}, err
	}
	if restart || roleChanges {
		if err := c.restart(); err != nil {
			return Plan{}, err
		}
	}
	if c.changed {
		// The plan is made for this version: another client's change since then must not be undone by what is extracted from it. Of an App that is
		// gone, the API server ignores the version and would make it anew; not so if the UID is named.
		c.plan.App = desired.WithUID(o.App.UID).WithResourceVersion(o.App.ResourceVersion)
		c.plan.TakenOfApp = c.others.takeover(fresh.Now)
	}
	err = c.domain(platform, body)
	c.plan.needs(body)
	return c.plan, err
}

// needs notes what the plan of a change by this body takes to be as it was observed. A Domain belongs to the App, and goes with an earlier one.
func (p *Plan) needs(body wire.AppBody) {
	p.NeedsDomain = p.Domain == nil && (body.Domain != nil || body.FromEmail != nil)
	p.NeedsApp = p.App == nil
}
