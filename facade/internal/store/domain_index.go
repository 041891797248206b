package store

import (
	"cmp"
	"slices"
	"sync"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/translate"
)

// domainIndex keeps the Domains of each App in the order that lists have, so that what is shown of an App costs what its own Domains do. The
// Domains are those of the cache and must not be changed. The zero value is empty.
type domainIndex struct {
	mu sync.RWMutex
	// all are the Domains, those that are being deleted included.
	all map[client.ObjectKey]*v1alpha1.Domain
	// live are those that aren't being deleted, by the App that they name. A list is replaced as a whole, so that whoever has it may keep it.
	live map[client.ObjectKey][]*v1alpha1.Domain
}

func (i *domainIndex) set(domain *v1alpha1.Domain) []client.ObjectKey {
	i.mu.Lock()
	defer i.mu.Unlock()
	touched := i.forget(domain)
	if i.all == nil {
		i.all, i.live = map[client.ObjectKey]*v1alpha1.Domain{}, map[client.ObjectKey][]*v1alpha1.Domain{}
	}
	i.all[client.ObjectKeyFromObject(domain)] = domain
	if domain.DeletionTimestamp.IsZero() {
		app := appOfDomain(domain)
		i.live[app] = inOrder(app.Name, append(slices.Clone(i.live[app]), domain))
		touched = append(touched, app)
	}
	return touched
}

func (i *domainIndex) remove(domain *v1alpha1.Domain) []client.ObjectKey {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.forget(domain)
}

// forget removes what is there of a Domain's name and Namespace, and returns the App that it named; mu is held.
func (i *domainIndex) forget(domain *v1alpha1.Domain) []client.ObjectKey {
	key := client.ObjectKeyFromObject(domain)
	old := i.all[key]
	if old == nil {
		return nil
	}
	delete(i.all, key)
	app := appOfDomain(old)
	left := slices.DeleteFunc(slices.Clone(i.live[app]), func(d *v1alpha1.Domain) bool { return d == old })
	if len(left) == 0 {
		delete(i.live, app)
	} else {
		i.live[app] = inOrder(app.Name, left)
	}
	return []client.ObjectKey{app}
}

// get returns the Domain with a name, also one that is being deleted, or nil.
func (i *domainIndex) get(key client.ObjectKey) *v1alpha1.Domain {
	i.mu.RLock()
	defer i.mu.RUnlock()
	return i.all[key]
}

// ofApp returns the Domains that name an App and aren't being deleted: the one that the REST API shows with it, then the others by host. The
// list must not be changed.
func (i *domainIndex) ofApp(namespace, app string) []*v1alpha1.Domain {
	i.mu.RLock()
	defer i.mu.RUnlock()
	return i.live[client.ObjectKey{Namespace: namespace, Name: app}]
}

func appOfDomain(domain *v1alpha1.Domain) client.ObjectKey {
	return client.ObjectKey{Namespace: domain.Namespace, Name: domain.Spec.AppRef.Name}
}

// inOrder sorts the Domains of the App with this slug: the one that the REST API shows with it, then the others by host.
func inOrder(slug string, domains []*v1alpha1.Domain) []*v1alpha1.Domain {
	primary := translate.Primary(slug, domains)
	slices.SortFunc(domains, func(a, b *v1alpha1.Domain) int {
		switch {
		case a == primary:
			return -1
		case b == primary:
			return 1
		default:
			return cmp.Or(cmp.Compare(a.Spec.Host, b.Spec.Host), cmp.Compare(a.Name, b.Name))
		}
	})
	return domains
}
