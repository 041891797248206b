package store

import (
	"slices"
	"sync"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// listing keeps the Apps and the Domains, and of each Namespace what a list of Domains is made of, in its order: a page of it costs what is on
// the page, however much there is. The zero value is empty.
type listing struct {
	apps    appIndex
	domains domainIndex

	mu    sync.RWMutex
	shown map[string][]shown
}

// shown is an App that isn't being deleted with one of its Domains, or without one if it has none.
type shown struct {
	app    *v1alpha1.App
	domain *v1alpha1.Domain
}

// update lets one of the indexes be changed by what returns the Apps that it touched. Whoever finds the change in the index finds it in the lists.
func (l *listing) update(change func() []client.ObjectKey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, app := range change() {
		l.refresh(app)
	}
}

// refresh puts what there is of an App by now in the place of what was; mu is held.
func (l *listing) refresh(key client.ObjectKey) {
	all := l.shown[key.Namespace]
	first, _ := slices.BinarySearchFunc(all, key.Name, func(s shown, name string) int { return compareName(s.app, name) })
	end := first
	for end < len(all) && all[end].app.Name == key.Name {
		end++
	}
	all = slices.Replace(all, first, end, l.shownOf(key)...)
	if len(all) == 0 {
		delete(l.shown, key.Namespace)
		return
	}
	if l.shown == nil {
		l.shown = map[string][]shown{}
	}
	l.shown[key.Namespace] = all
}

// shownOf is what a list has of an App: the Domain that the REST API shows with it first.
func (l *listing) shownOf(key client.ObjectKey) []shown {
	app := l.apps.get(key.Namespace, key.Name)
	if app == nil {
		return nil
	}
	domains := l.domains.ofApp(key.Namespace, key.Name)
	if len(domains) == 0 {
		return []shown{{app: app}}
	}
	all := make([]shown, 0, len(domains))
	for _, domain := range domains {
		all = append(all, shown{app: app, domain: domain})
	}
	return all
}

// page returns what window picks out of the number of what is listed of some Namespaces, in their order, and the number.
func (l *listing) page(namespaces []string, window func(total int) (first, end int, err error)) ([]shown, int, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	total := 0
	for _, namespace := range namespaces {
		total += len(l.shown[namespace])
	}
	first, end, err := window(total)
	if err != nil {
		return nil, 0, err
	}
	page := make([]shown, 0, end-first)
	for _, namespace := range namespaces {
		all := l.shown[namespace]
		page = append(page, all[min(max(first, 0), len(all)):min(max(end, 0), len(all))]...)
		first, end = first-len(all), end-len(all)
	}
	return page, total, nil
}
