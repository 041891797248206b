package facade

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/wire"
)

func TestPages(t *testing.T) {
	org, key := organization(t)
	// Apps that kubectl made are listed as those of REST clients are.
	suffix := strings.TrimPrefix(org, "org-")
	for i := range 30 {
		app := &v1alpha1.App{
			ObjectMeta: metav1.ObjectMeta{Namespace: org, Name: fmt.Sprintf("p%02d-%s", 29-i, suffix)},
			Spec:       v1alpha1.AppSpec{Image: "example.com/a"},
		}
		if err := suite.cluster.Create(t.Context(), app); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "all apps are listed", func() bool {
		return call(t, key, http.MethodGet, appsPath(org), nil).json(t)["count"] == 30.0
	})
	url := suite.url + appsPath(org)
	type page struct {
		First, Last    string
		Next, Previous *string
	}
	cases := map[string]struct {
		query string
		want  page
	}{
		"First":  {want: page{First: "p00", Last: "p24", Next: new(url + "?page=2")}},
		"Second": {query: "?page=2", want: page{First: "p25", Last: "p29", Previous: new(url)}},
		"Last":   {query: "?page=last", want: page{First: "p25", Last: "p29", Previous: new(url)}},
		"Size": {
			query: "?page_size=10&page=2",
			want:  page{First: "p10", Last: "p19", Next: new(url + "?page=3&page_size=10"), Previous: new(url + "?page_size=10")},
		},
		"All": {query: "?page_size=100", want: page{First: "p00", Last: "p29"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := decode[wire.Page[wire.App]](t, call(t, key, http.MethodGet, appsPath(org)+tc.query, nil).want(t, http.StatusOK))
			slug := func(i int) string { return got.Results[i].Slug[:3] }
			if diff := cmp.Diff(tc.want, page{First: slug(0), Last: slug(len(got.Results) - 1), Next: got.Next, Previous: got.Previous}); diff != "" {
				t.Errorf("-want, +got:\n%s", diff)
			}
		})
	}
	for _, page := range []string{"0", "3", "x"} {
		got := call(t, key, http.MethodGet, appsPath(org)+"?page="+page, nil).want(t, http.StatusNotFound).json(t)
		if diff := cmp.Diff(map[string]any{"detail": "Invalid page."}, got); diff != "" {
			t.Errorf("page %s: -want, +got:\n%s", page, diff)
		}
	}
}

func TestEmptyPage(t *testing.T) {
	org, key := organization(t)
	want := `{"count":0,"next":null,"previous":null,"results":[]}` + "\n"
	if diff := cmp.Diff(want, string(call(t, key, http.MethodGet, appsPath(org), nil).want(t, http.StatusOK).body)); diff != "" {
		t.Errorf("-want, +got:\n%s", diff)
	}
}
