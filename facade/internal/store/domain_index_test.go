package store

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// serving is a Domain of the Namespace cowork that names an App.
func serving(name, host, app string) *v1alpha1.Domain {
	return &v1alpha1.Domain{
		ObjectMeta: metav1.ObjectMeta{Namespace: "cowork", Name: name},
		Spec:       v1alpha1.DomainSpec{Host: host, AppRef: v1alpha1.AppRef{Name: app}},
	}
}

func ending(domain *v1alpha1.Domain) *v1alpha1.Domain {
	domain.DeletionTimestamp = new(metav1.Now())
	return domain
}

func TestDomainIndex(t *testing.T) {
	type want struct {
		Shop, Blog []string
		All        int
	}
	cases := map[string]struct {
		reason string
		events func(h indexHandler[*v1alpha1.Domain])
		want   want
	}{
		"Nothing": {events: func(indexHandler[*v1alpha1.Domain]) {}},
		"Ordered": {
			reason: "The one that has the App's name is shown with it, the others come by host, in whatever order they were made.",
			events: func(h indexHandler[*v1alpha1.Domain]) {
				h.OnAdd(serving("a", "z.test", "shop"), false)
				h.OnAdd(serving("b", "b.test", "shop"), true)
				h.OnAdd(serving("shop", "x.test", "shop"), false)
				h.OnAdd(serving("c", "c.test", "blog"), false)
			},
			want: want{Shop: []string{"shop", "b", "a"}, Blog: []string{"c"}, All: 4},
		},
		"Moved": {
			reason: "A Domain is there once, with the App that it names now.",
			events: func(h indexHandler[*v1alpha1.Domain]) {
				h.OnAdd(serving("a", "a.test", "shop"), false)
				h.OnUpdate(serving("a", "a.test", "shop"), serving("a", "a.test", "blog"))
			},
			want: want{Blog: []string{"a"}, All: 1},
		},
		"Ending": {
			reason: "One that is being deleted isn't shown, but is there.",
			events: func(h indexHandler[*v1alpha1.Domain]) {
				h.OnAdd(serving("shop", "a.test", "shop"), false)
				h.OnAdd(serving("b", "b.test", "shop"), false)
				h.OnUpdate(serving("shop", "a.test", "shop"), ending(serving("shop", "a.test", "shop")))
			},
			want: want{Shop: []string{"b"}, All: 2},
		},
		"Gone": {
			events: func(h indexHandler[*v1alpha1.Domain]) {
				h.OnAdd(serving("a", "a.test", "shop"), false)
				h.OnAdd(serving("b", "b.test", "shop"), false)
				h.OnDelete(serving("a", "a.test", "shop"))
				h.OnDelete(toolscache.DeletedFinalStateUnknown{Key: "cowork/b", Obj: serving("b", "b.test", "shop")})
			},
		},
		"UnknownGone": {events: func(h indexHandler[*v1alpha1.Domain]) { h.OnDelete(serving("a", "a.test", "shop")) }},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			list := &listing{}
			index := &list.domains
			tc.events(indexing(list, index, &changes{happened: make(chan struct{})}))
			got := want{Shop: namesOfDomains(index, "shop"), Blog: namesOfDomains(index, "blog"), All: len(index.all)}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("\n%s\n-want, +got:\n%s", tc.reason, diff)
			}
			for key := range index.all {
				if domain := index.get(key); domain == nil || client.ObjectKeyFromObject(domain) != key {
					t.Errorf("\n%s\nget(%s): got %v", tc.reason, key, domain)
				}
			}
		})
	}
}

func namesOfDomains(index *domainIndex, app string) []string {
	var names []string
	for _, domain := range index.ofApp("cowork", app) {
		names = append(names, domain.Name)
	}
	return names
}

// TestListStays says that what was read once stays as it was.
func TestListStays(t *testing.T) {
	index := &domainIndex{}
	for _, domain := range []*v1alpha1.Domain{serving("b", "b.test", "shop"), serving("c", "c.test", "shop")} {
		index.set(domain)
	}
	before := index.ofApp("cowork", "shop")
	index.set(serving("shop", "z.test", "shop"))
	index.remove(serving("b", "b.test", "shop"))
	if before[0].Name != "b" || before[1].Name != "c" {
		t.Errorf("the list became %s, %s", before[0].Name, before[1].Name)
	}
}
