package translate

import (
	"testing"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/wire"
)

// TestNeeds says what a plan takes to be as it was observed and doesn't write.
func TestNeeds(t *testing.T) {
	same, other := new("www.example.com"), new("other.example.com")
	image := new("example.com/a:v1")
	ofApp := func(body wire.AppBody, restart bool) func(Observed) (Plan, error) {
		return func(o Observed) (Plan, error) { return Change(platform, o, body, restart, fresh) }
	}
	ofDomain := func(body wire.DomainBody) func(Observed) (Plan, error) {
		return func(o Observed) (Plan, error) { return ChangeDomain(platform, o, body, fresh) }
	}
	cases := map[string]struct {
		// without says that the App has no Domain.
		without     bool
		plan        func(Observed) (Plan, error)
		app, domain bool
	}{
		"Nothing":               {plan: ofApp(wire.AppBody{}, false), app: true},
		"SameImage":             {plan: ofApp(wire.AppBody{Location: image}, false), app: true},
		"SameHost":              {plan: ofApp(wire.AppBody{Domain: same}, false), app: true, domain: true},
		"SameAll":               {plan: ofApp(wire.AppBody{Location: image, Domain: same}, false), app: true, domain: true},
		"OtherHost":             {plan: ofApp(wire.AppBody{Domain: other}, false), app: true},
		"OtherHostAndSameImage": {plan: ofApp(wire.AppBody{Location: image, Domain: other}, false), app: true},
		"FirstHost":             {without: true, plan: ofApp(wire.AppBody{Domain: other}, false), app: true},
		"Restart":               {plan: ofApp(wire.AppBody{}, true)},
		"RestartWithSameHost":   {plan: ofApp(wire.AppBody{Domain: same}, true), domain: true},
		"RestartWithOtherHost":  {plan: ofApp(wire.AppBody{Domain: other}, true)},
		"DomainOfSameHost":      {plan: ofDomain(wire.DomainBody{Domain: same}), app: true, domain: true},
		"DomainOfOtherHost":     {plan: ofDomain(wire.DomainBody{Domain: other}), app: true},
		"NoDomain":              {without: true, plan: ofDomain(wire.DomainBody{}), app: true, domain: true},
		"FirstDomain":           {without: true, plan: ofDomain(wire.DomainBody{Domain: other}), app: true},
		"NoCertificate": {
			plan: func(o Observed) (Plan, error) { return DeleteCertificate(platform, o, fresh) }, domain: true,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			observed := ours()
			if !tc.without {
				observed.Domain = &v1alpha1.Domain{Spec: v1alpha1.DomainSpec{Host: *same, AppRef: v1alpha1.AppRef{Name: observed.App.Name}}}
			}
			plan, err := tc.plan(observed)
			if err != nil {
				t.Fatal(err)
			}
			if plan.NeedsApp != tc.app || plan.NeedsDomain != tc.domain {
				t.Errorf("the plan needs the App: %t, the Domain: %t; want %t and %t", plan.NeedsApp, plan.NeedsDomain, tc.app, tc.domain)
			}
		})
	}
}
