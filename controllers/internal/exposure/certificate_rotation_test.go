package exposure

import (
	"testing"
	"time"

	testclock "k8s.io/utils/clock/testing"

	"github.com/berth-dev/berth/controllers/internal/reconciler"
	"github.com/berth-dev/berth/controllers/internal/resources"
)

// Which Secret a route is to name, of all that may be there.
func TestChoose(t *testing.T) {
	t.Parallel()
	const issued, custom = "web-tls", "web-custom"
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	good := candidate{good: true, since: now.Add(-time.Hour)}
	fresh := candidate{good: true, since: now.Add(-HeadStart / 2)}
	bad := candidate{since: now.Add(-time.Hour)}
	cases := map[string]struct {
		// wants says whether the site wants a custom certificate, wildcard whether the router's default one is good for it.
		wants, wildcard bool
		// bare says that the router's default certificate is served.
		bare           bool
		served         string
		issued, custom candidate
		ready          bool
		want           string
		recheck        time.Duration
	}{
		"NothingYet":                {want: issued},
		"NothingYetOfCustom":        {wants: true, want: issued},
		"FirstCustom":               {wants: true, custom: fresh, ready: true, want: custom},
		"StaysIssued":               {served: issued, issued: good, ready: true, want: issued},
		"IsReissued":                {served: issued, issued: good, want: issued},
		"ToCustom":                  {wants: true, served: issued, issued: good, custom: good, ready: true, want: custom},
		"ToCustomWithAHeadStart":    {wants: true, served: issued, issued: good, custom: fresh, ready: true, want: issued, recheck: HeadStart / 2},
		"ToCustomFromNothingGood":   {wants: true, served: issued, issued: bad, custom: fresh, ready: true, want: custom},
		"ToCustomThatIsInvalid":     {wants: true, served: issued, issued: good, want: issued},
		"CustomIsReplaced":          {wants: true, served: custom, custom: fresh, ready: true, want: custom},
		"CustomBreaks":              {wants: true, served: custom, custom: good, want: custom},
		"CustomEndsForNothing":      {wants: true, served: custom, custom: bad, want: custom},
		"CustomEndsForTheIssued":    {wants: true, served: custom, custom: bad, issued: good, want: issued},
		"ToIssuedBeforeItIsReady":   {served: custom, issued: good, custom: good, want: custom},
		"ToIssuedThatCoversNothing": {served: custom, issued: bad, custom: good, ready: true, want: custom},
		"ToIssued":                  {served: custom, issued: good, custom: good, ready: true, want: issued},
		"ToIssuedWithAHeadStart":    {served: custom, issued: fresh, custom: good, ready: true, want: custom, recheck: HeadStart / 2},
		"ToIssuedFromNothingGood":   {served: custom, issued: fresh, custom: bad, ready: true, want: issued},
		"ToIssuedWithNothingGood":   {served: custom, issued: bad, custom: bad, want: custom},
		"NothingYetOfWildcard":      {wildcard: true, ready: true, want: ""},
		"ToWildcard":                {wildcard: true, served: issued, issued: good, ready: true, want: ""},
		"ToWildcardFromCustom":      {wildcard: true, served: custom, custom: good, ready: true, want: ""},
		"StaysWildcard":             {wildcard: true, bare: true, ready: true, want: ""},
		"ToCustomFromWildcard":      {wants: true, wildcard: true, bare: true, custom: good, ready: true, want: custom},
		"CustomFreshFromWildcard":   {wants: true, wildcard: true, bare: true, custom: fresh, ready: true, want: "", recheck: HeadStart / 2},
		"CustomInvalidAtWildcard":   {wants: true, wildcard: true, bare: true, want: ""},
		"CustomEndsForWildcard":     {wants: true, wildcard: true, served: custom, custom: bad, want: ""},
		"WildcardEndsBeforeIssued":  {bare: true, want: ""},
		"WildcardEndsWithHeadStart": {bare: true, issued: fresh, ready: true, want: "", recheck: HeadStart / 2},
		"WildcardEnds":              {bare: true, issued: good, ready: true, want: issued},
		"IssuedIsLost":              {served: issued, custom: good, want: custom},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			site := resources.Site{TLSSecret: issued, CustomSecret: custom, Wildcard: tc.wildcard}
			if tc.wants {
				site.Source = "bought"
			}
			v := &Rotation{Site: site, Secret: tc.served, Next: issued, issued: tc.issued, custom: tc.custom}
			v.Routed = tc.served != "" || tc.bare
			if tc.wildcard || v.Routed {
				v.Next = tc.served
			}
			Exposures{Base: reconciler.Base{Clock: testclock.NewFakePassiveClock(now)}}.selectSecret(v, tc.ready)
			if v.Next != tc.want || v.Recheck != tc.recheck {
				t.Errorf("chose %s and to look again after %s, want %s and %s", v.Next, v.Recheck, tc.want, tc.recheck)
			}
		})
	}
}
