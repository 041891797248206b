package auth

import (
	"errors"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/berth-dev/berth/facade/apikey"
	"github.com/berth-dev/berth/facade/internal/apierr"
)

func TestRoles(t *testing.T) {
	manager := Principal{Role: apikey.RoleManager, Organizations: []string{"acme", "cowork"}}
	contributor := Principal{Role: apikey.RoleContributor, Organizations: []string{"cowork"}}
	type want struct{ Read, Write int }
	const ok = http.StatusOK
	cases := map[string]struct {
		reason       string
		principal    Principal
		organization string
		want         want
	}{
		"Manager":              {principal: manager, organization: "cowork", want: want{Read: ok, Write: ok}},
		"ManagerElsewhere":     {reason: "What isn't theirs doesn't exist.", principal: manager, organization: "other", want: want{Read: 404, Write: 404}},
		"Contributor":          {principal: contributor, organization: "cowork", want: want{Read: ok, Write: 403}},
		"ContributorElsewhere": {principal: contributor, organization: "acme", want: want{Read: 404, Write: 404}},
		"Host":                 {principal: Principal{Role: apikey.RoleHost}, organization: "any", want: want{Read: ok, Write: ok}},
		"ManagerEverywhere":    {reason: "What is about all is for host staff.", principal: manager, want: want{Read: 403, Write: 403}},
		"HostEverywhere":       {principal: Principal{Role: apikey.RoleHost}, want: want{Read: ok, Write: ok}},
		"Nobody":               {reason: "Without authentication there are no rights.", organization: "cowork", want: want{Read: 404, Write: 404}},
		"UnknownRole":          {principal: Principal{Role: "root", Organizations: []string{"cowork"}}, organization: "cowork", want: want{Read: 403, Write: 403}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			for _, verb := range []string{"get", "list", "create", "patch", "delete"} {
				want := tc.want.Write
				if verb == "get" || verb == "list" {
					want = tc.want.Read
				}
				got := ok
				action := Action{Verb: verb, Resource: "apps", Organization: tc.organization}
				if e, refused := errors.AsType[*apierr.Error](Roles{}.Authorize(t.Context(), tc.principal, action)); refused {
					got = e.Status
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("\n%s\nAuthorize(%s): -want, +got:\n%s", tc.reason, verb, diff)
				}
			}
		})
	}
}
