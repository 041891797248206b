package facade

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/berth-dev/berth/facade/internal/profile"
	"github.com/berth-dev/berth/internal/testing/testcontract"
)

// TestRoutes says that the contract has every route of the API, and no other.
func TestRoutes(t *testing.T) {
	contract, err := testcontract.New(openAPI)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for path, item := range contract.Model.Paths.PathItems.FromOldest() {
		path = strings.NewReplacer("{organization}", ":org", "{app}", ":app", "{domain}", ":domain").Replace(path)
		for method := range item.GetOperations().FromOldest() {
			want = append(want, strings.ToUpper(method)+" "+path)
			if without, found := strings.CutSuffix(path, "/"); found {
				want = append(want, strings.ToUpper(method)+" "+without)
			}
		}
	}
	var got []string
	for _, route := range suite.server.router().Routes() {
		if strings.HasPrefix(route.Path, profile.Root) {
			continue // Pages for people.
		}
		got = append(got, route.Method+" "+route.Path)
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-contract, +routes:\n%s", diff)
	}
}
