package signin

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/berth-dev/berth/facade/internal/signin/signintest"
)

func TestGroups(t *testing.T) {
	cases := map[string]struct {
		reason, prefix string
		claim          any
		want           []string
	}{
		"Ours": {
			reason: "Others mean something elsewhere.", claim: []string{"system:masters", "berth:b:manager", "berth:a:manager", "berth:a:manager"},
			want: []string{"berth:a:manager", "berth:b:manager"},
		},
		"Prefix": {
			reason: "A prefix makes them ours.", prefix: "berth:", claim: []string{"a:manager", "system:masters"},
			want: []string{"berth:a:manager", "berth:system:masters"},
		},
		"Single": {reason: "A provider may leave out the list for one.", claim: "berth:host", want: []string{"berth:host"}},
		"None":   {reason: "Nobody has to be in a group.", claim: nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(o *Options) { o.GroupsPrefix = tc.prefix })
			person, _, err := w.signInAs(t, with(signintest.Person("ann@example.com"), signintest.Claims{"groups": tc.claim}))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, person.Groups); diff != "" {
				t.Errorf("\n%s\nthe groups: -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestManyGroups(t *testing.T) {
	w := newWorld(t, nil)
	groups := func(n int) []string {
		var all []string
		for i := range n {
			all = append(all, fmt.Sprintf("berth:organization-%03d:manager", i))
		}
		return all
	}
	_, recorder, err := w.signInAs(t, signintest.Person("ann@example.com", groups(60)...))
	if err != nil {
		t.Fatal(err)
	}
	cookie := cookieOf(t, recorder, sessionCookie)
	if got := len(cookie.Name) + len(cookie.Value); got > maxCookie {
		t.Errorf("the cookie has %d bytes", got)
	}
	_, _, err = w.signInAs(t, signintest.Person("ann@example.com", groups(200)...))
	wantRefusal(t, err, http.StatusForbidden, "too many groups")
}
