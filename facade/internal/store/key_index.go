package store

import (
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"

	"github.com/berth-dev/berth/internal/apikey"
)

// keyIndex keeps the API keys, read from their Secrets once: every call asks for one. Their Organizations must not be changed.
type keyIndex struct {
	// namespace is where Secrets may be API keys.
	namespace string

	mu sync.RWMutex
	// byName are the keys by the name of their Secret.
	byName map[string]apikey.Key
	// byHash are the keys by their hash, the oldest first. It takes somebody who copies a Secret by hand for there to be two with one.
	byHash map[string][]apikey.Key
}

func (i *keyIndex) set(secret *corev1.Secret) {
	if secret.Namespace != i.namespace {
		return
	}
	key, err := apikey.FromSecret(secret)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.forget(secret.Name)
	if err != nil {
		return
	}
	if i.byName == nil {
		i.byName, i.byHash = map[string]apikey.Key{}, map[string][]apikey.Key{}
	}
	i.byName[secret.Name] = key
	i.byHash[key.Hash] = append(i.byHash[key.Hash], key)
	slices.SortFunc(i.byHash[key.Hash], apikey.Older)
}

func (i *keyIndex) remove(secret *corev1.Secret) {
	if secret.Namespace != i.namespace {
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.forget(secret.Name)
}

// forget removes the key of a Secret; mu is held.
func (i *keyIndex) forget(name string) {
	old, known := i.byName[name]
	if !known {
		return
	}
	delete(i.byName, name)
	left := slices.DeleteFunc(i.byHash[old.Hash], func(k apikey.Key) bool { return k.ID == old.ID })
	if len(left) == 0 {
		delete(i.byHash, old.Hash)
	} else {
		i.byHash[old.Hash] = left
	}
}

// get returns the key with an id.
func (i *keyIndex) get(id string) (apikey.Key, bool) {
	i.mu.RLock()
	defer i.mu.RUnlock()
	key, known := i.byName[apikey.SecretName(id)]
	return key, known
}

// withHash returns the oldest key with a hash that valid holds for.
func (i *keyIndex) withHash(hash string, valid func(apikey.Key) bool) (apikey.Key, bool) {
	i.mu.RLock()
	defer i.mu.RUnlock()
	keys := i.byHash[hash]
	at := slices.IndexFunc(keys, valid)
	if at < 0 {
		return apikey.Key{}, false
	}
	return keys[at], true
}

// that returns the keys that are wanted, the oldest first.
func (i *keyIndex) that(wanted func(apikey.Key) bool) []apikey.Key {
	i.mu.RLock()
	defer i.mu.RUnlock()
	var keys []apikey.Key
	for _, key := range i.byName {
		if wanted(key) {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, apikey.Older)
	return keys
}
