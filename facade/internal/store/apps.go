package store

import (
	"slices"
	"strings"
	"sync"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// appIndex keeps the Apps of each organization in the order that lists have, so that a page costs what its own Apps do, however many there
// are. The Apps are those of the cache and must not be changed. The zero value is empty.
type appIndex struct {
	mu sync.RWMutex
	// live are the Apps of each Namespace that aren't being deleted, by name.
	live map[string][]*v1alpha1.App
	// named are all the Apps of a name, those that are being deleted included: a name is free when the App is gone.
	named map[string][]*v1alpha1.App
}

func (i *appIndex) set(app *v1alpha1.App) []client.ObjectKey {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.forget(app)
	if i.live == nil {
		i.live, i.named = map[string][]*v1alpha1.App{}, map[string][]*v1alpha1.App{}
	}
	i.named[app.Name] = append(i.named[app.Name], app)
	if app.DeletionTimestamp.IsZero() {
		apps := i.live[app.Namespace]
		at, _ := slices.BinarySearchFunc(apps, app.Name, compareName)
		i.live[app.Namespace] = slices.Insert(apps, at, app)
	}
	return []client.ObjectKey{client.ObjectKeyFromObject(app)}
}

func (i *appIndex) remove(app *v1alpha1.App) []client.ObjectKey {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.forget(app)
	return []client.ObjectKey{client.ObjectKeyFromObject(app)}
}

// forget removes what is there of an App's name and Namespace; mu is held.
func (i *appIndex) forget(app *v1alpha1.App) {
	named := slices.DeleteFunc(i.named[app.Name], func(a *v1alpha1.App) bool { return a.Namespace == app.Namespace })
	if len(named) == 0 {
		delete(i.named, app.Name)
	} else {
		i.named[app.Name] = named
	}
	apps := i.live[app.Namespace]
	at, found := slices.BinarySearchFunc(apps, app.Name, compareName)
	if !found {
		return
	}
	if len(apps) == 1 {
		delete(i.live, app.Namespace)
		return
	}
	i.live[app.Namespace] = slices.Delete(apps, at, at+1)
}

// get returns an App that isn't being deleted, or nil.
func (i *appIndex) get(namespace, name string) *v1alpha1.App {
	i.mu.RLock()
	defer i.mu.RUnlock()
	apps := i.live[namespace]
	at, found := slices.BinarySearchFunc(apps, name, compareName)
	if !found {
		return nil
	}
	return apps[at]
}

// withName returns every App of a name, in whichever Namespace.
func (i *appIndex) withName(name string) []*v1alpha1.App {
	i.mu.RLock()
	defer i.mu.RUnlock()
	return slices.Clone(i.named[name])
}

// page returns the Apps of a Namespace that window picks out of their number, and the number.
func (i *appIndex) page(namespace string, window func(total int) (first, end int, err error)) ([]*v1alpha1.App, int, error) {
	i.mu.RLock()
	defer i.mu.RUnlock()
	apps := i.live[namespace]
	first, end, err := window(len(apps))
	if err != nil {
		return nil, 0, err
	}
	return slices.Clone(apps[first:end]), len(apps), nil
}

// only returns the App of a Namespace that has no other, or nil.
func (i *appIndex) only(namespace string) *v1alpha1.App {
	i.mu.RLock()
	defer i.mu.RUnlock()
	if apps := i.live[namespace]; len(apps) == 1 {
		return apps[0]
	}
	return nil
}

func compareName(app *v1alpha1.App, name string) int { return strings.Compare(app.Name, name) }
