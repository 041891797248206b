package store

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// feed returns what tells a listing of Apps and Domains.
func feed(l *listing) (apps indexHandler[*v1alpha1.App], domains indexHandler[*v1alpha1.Domain]) {
	c := &changes{happened: make(chan struct{})}
	return indexing(l, &l.apps, c), indexing(l, &l.domains, c)
}

// listed are the Apps and hosts that a page has.
func listed(t *testing.T, l *listing, first, end int, namespaces ...string) []string {
	t.Helper()
	page, _, err := l.page(namespaces, func(total int) (int, int, error) { return min(first, total), min(end, total), nil })
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, one := range page {
		host := ""
		if one.domain != nil {
			host = " " + one.domain.Spec.Host
		}
		all = append(all, one.app.Namespace+"/"+one.app.Name+host)
	}
	return all
}

// TestListing follows a list of Domains through what changes it.
func TestListing(t *testing.T) {
	l := &listing{}
	apps, domains := feed(l)
	steps := []struct {
		name string
		do   func()
		want []string
	}{
		{name: "DomainFirst", do: func() { domains.OnAdd(serving("a", "a.test", "shop"), true) }},
		{name: "App", do: func() { apps.OnAdd(named("cowork", "shop"), true) }, want: []string{"cowork/shop a.test"}},
		{
			name: "Primary", do: func() { domains.OnAdd(serving("shop", "z.test", "shop"), false) },
			want: []string{"cowork/shop z.test", "cowork/shop a.test"},
		},
		{
			name: "Others", do: func() {
				apps.OnAdd(named("cowork", "blog"), false)
				apps.OnAdd(named("acme", "x"), false)
				apps.OnAdd(named("default", "y"), false)
			},
			want: []string{"acme/x", "cowork/blog", "cowork/shop z.test", "cowork/shop a.test"},
		},
		{
			name: "Moved", do: func() { domains.OnUpdate(nil, serving("a", "a.test", "blog")) },
			want: []string{"acme/x", "cowork/blog a.test", "cowork/shop z.test"},
		},
		{
			name: "Ending", do: func() { domains.OnUpdate(nil, ending(serving("a", "a.test", "blog"))) },
			want: []string{"acme/x", "cowork/blog", "cowork/shop z.test"},
		},
		{name: "Leaving", do: func() { apps.OnUpdate(nil, leaving(named("acme", "x"))) }, want: []string{"cowork/blog", "cowork/shop z.test"}},
		{name: "Gone", do: func() { domains.OnDelete(serving("shop", "z.test", "shop")) }, want: []string{"cowork/blog", "cowork/shop"}},
		{name: "AllGone", do: func() {
			apps.OnDelete(named("cowork", "shop"))
			apps.OnDelete(named("cowork", "blog"))
		}},
	}
	for _, step := range steps {
		step.do()
		if diff := cmp.Diff(step.want, listed(t, l, 0, 99, "acme", "cowork")); diff != "" {
			t.Errorf("%s: -want, +got:\n%s", step.name, diff)
		}
	}
}

// TestListingPages says that a page may begin and end in any Namespace.
func TestListingPages(t *testing.T) {
	l := &listing{}
	apps, _ := feed(l)
	for _, namespace := range []string{"a", "b", "c"} {
		apps.OnAdd(named(namespace, "1"), true)
		apps.OnAdd(named(namespace, "2"), true)
	}
	all := []string{"a/1", "a/2", "b/1", "b/2", "c/1", "c/2"}
	for first := range all {
		for end := first; end <= len(all); end++ {
			want := append([]string(nil), all[first:end]...)
			if diff := cmp.Diff(want, listed(t, l, first, end, "a", "b", "c")); diff != "" {
				t.Errorf("page of %d to %d: -want, +got:\n%s", first, end, diff)
			}
		}
	}
	want := errors.New("out of range")
	if _, _, err := l.page([]string{"a"}, func(int) (int, int, error) { return 0, 0, want }); !errors.Is(err, want) {
		t.Errorf("page(...): got %v, want what the window says", err)
	}
}

func BenchmarkListing(b *testing.B) {
	l := &listing{}
	apps, _ := feed(l)
	for i := range 5000 {
		apps.OnAdd(named("cowork", fmt.Sprintf("%04d", i)), true)
	}
	for b.Loop() {
		if _, _, err := l.page([]string{"cowork"}, func(int) (int, int, error) { return 2500, 2525, nil }); err != nil {
			b.Fatal(err)
		}
	}
}
