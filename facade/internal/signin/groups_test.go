package signin

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/berth-dev/berth/facade/internal/signin/signintest"
)

func TestGroupMapAdd(t *testing.T) {
	cases := map[string]struct {
		mappings []string
		want     GroupMap
		problem  string
	}{
		"Manager":     {mappings: []string{"devs=acme:manager"}, want: GroupMap{"devs": {"berth:acme:manager"}}},
		"Contributor": {mappings: []string{"devs=acme:contributor"}, want: GroupMap{"devs": {"berth:acme:contributor"}}},
		"Host":        {mappings: []string{"staff=host"}, want: GroupMap{"staff": {"berth:host"}}},
		"UUID": {
			mappings: []string{"0b3e1d4c-6b4f-4a8e-9d0e-4f1c2a3b4c5d=acme:manager"},
			want:     GroupMap{"0b3e1d4c-6b4f-4a8e-9d0e-4f1c2a3b4c5d": {"berth:acme:manager"}},
		},
		"Path":    {mappings: []string{"/acme/App devs=acme:manager"}, want: GroupMap{"/acme/App devs": {"berth:acme:manager"}}},
		"LDAP":    {mappings: []string{"cn=host,dc=example=acme:contributor"}, want: GroupMap{"cn=host,dc=example": {"berth:acme:contributor"}}},
		"Several": {mappings: []string{"devs=acme:manager", "devs=cowork:manager"}, want: GroupMap{"devs": {"berth:acme:manager", "berth:cowork:manager"}}},
		"Twice":   {mappings: []string{"devs=acme:manager", "devs=acme:manager"}, want: GroupMap{"devs": {"berth:acme:manager"}}},
		"OfBerth": {
			mappings: []string{"berth:acme:manager=acme:contributor"}, want: GroupMap{"berth:acme:manager": {"berth:acme:contributor"}},
		},
		"Empty":        {mappings: []string{""}, problem: "not a mapping"},
		"NoGroup":      {mappings: []string{"=acme:manager"}, problem: "not a mapping"},
		"NoTarget":     {mappings: []string{"devs"}, problem: "not a mapping"},
		"EmptyTarget":  {mappings: []string{"devs="}, problem: "is not ORG:manager"},
		"NoRole":       {mappings: []string{"devs=acme"}, problem: "is not ORG:manager"},
		"EmptyRole":    {mappings: []string{"devs=acme:"}, problem: "is not ORG:manager"},
		"OtherRole":    {mappings: []string{"devs=acme:owner"}, problem: "is not ORG:manager"},
		"HostRole":     {mappings: []string{"devs=acme:host"}, problem: "is not ORG:manager"},
		"HostUpper":    {mappings: []string{"devs=Host"}, problem: "is not ORG:manager"},
		"NoName":       {mappings: []string{"devs=:manager"}, problem: "is not ORG:manager"},
		"BadName":      {mappings: []string{"devs=Acme_1:manager"}, problem: "name of an organization"},
		"WithPrefix":   {mappings: []string{"devs=berth:acme:manager"}, problem: "is not ORG:manager"},
		"AllOfThem":    {mappings: []string{"devs=*:manager"}, problem: "name of an organization"},
		"SpaceInside":  {mappings: []string{"devs=acme: manager"}, problem: "is not ORG:manager"},
		"SpaceAtStart": {mappings: []string{"devs= acme:manager"}, problem: "name of an organization"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := GroupMap{}
			var err error
			for _, mapping := range tc.mappings {
				if err = got.Add(mapping); err != nil {
					break
				}
			}
			if tc.problem != "" {
				if err == nil || !strings.Contains(err.Error(), tc.problem) {
					t.Errorf("Add(%q): got %v, want an error that says %q", tc.mappings, err, tc.problem)
				}
				return
			}
			if diff := cmp.Diff(tc.want, got); err != nil || diff != "" {
				t.Errorf("Add(%q): %v; -want, +got:\n%s", tc.mappings, err, diff)
			}
		})
	}
}

// TestMappedGroups says whom a map lets in, beside a prefix and without one.
func TestMappedGroups(t *testing.T) {
	devs, staff := GroupMap{"devs": {"berth:acme:manager"}}, GroupMap{"devs": {"berth:acme:manager"}, "staff": {"berth:host"}}
	cases := map[string]struct {
		reason string
		groups GroupMap
		prefix string
		claim  []string
		want   []string
	}{
		"Mapped":    {groups: devs, claim: []string{"devs", "others"}, want: []string{"berth:acme:manager"}},
		"NotMapped": {reason: "With a map alone, nobody can name a group so that it counts.", groups: devs, claim: []string{"berth:host", "berth:acme:manager"}},
		"Host":      {groups: staff, claim: []string{"staff"}, want: []string{"berth:host"}},
		"Prefix": {
			reason: "A prefix that is asked for counts beside a map.", groups: devs, prefix: "berth:", claim: []string{"devs", "cowork:contributor", "host"},
			want: []string{"berth:acme:manager", "berth:cowork:contributor", "berth:host"},
		},
		"HostByMap": {
			reason: "Where host staff are mapped, no other group makes somebody one.", groups: staff, prefix: "berth:",
			claim: []string{"host", "cowork:manager"}, want: []string{"berth:cowork:manager"},
		},
		"MappedOnly": {
			reason: "A group that is mapped stands for nothing else.", groups: GroupMap{"host": {"berth:acme:contributor"}}, prefix: "berth:",
			claim: []string{"host"}, want: []string{"berth:acme:contributor"},
		},
		"Case":   {reason: "Groups are compared as they are.", groups: devs, claim: []string{"Devs", "devs "}},
		"Once":   {groups: devs, prefix: "berth:", claim: []string{"devs", "acme:manager", "devs"}, want: []string{"berth:acme:manager"}},
		"Nobody": {groups: devs},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(o *Options) { o.Groups, o.GroupsPrefix = tc.groups, tc.prefix })
			person, recorder, err := w.signInAs(t, with(signintest.Person("ann@example.com"), signintest.Claims{"groups": tc.claim}))
			if err != nil {
				t.Fatal(err)
			}
			session, _ := w.signIn.Session(get(t, "/profile/", cookieOf(t, recorder, sessionCookie)))
			for what, got := range map[string][]string{"person": person.Groups, "session": session.Person.Groups} {
				if diff := cmp.Diff(tc.want, got); diff != "" {
					t.Errorf("\n%s\nthe groups of the %s: -want, +got:\n%s", tc.reason, what, diff)
				}
			}
		})
	}
}
