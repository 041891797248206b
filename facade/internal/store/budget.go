package store

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/limit"
	"github.com/berth-dev/berth/facade/internal/translate"
	"github.com/berth-dev/berth/facade/internal/wire"
	"github.com/berth-dev/berth/internal/policy"
	"github.com/berth-dev/berth/internal/secretsize"
)

// spare is by how much a change that makes what an app keeps smaller may exceed the limit of its organization for a while: the Secret that it
// replaces stays until no Pod needs it. Without it, an organization at its limit could not get below it.
const spare = 2 * policy.MaxEnvironment

// budget counts how many bytes of what clients send each organization keeps in Secrets.
type budget struct {
	mu sync.Mutex
	// sizes are those of the Secrets in the cache, and kept is their sum for each organization.
	sizes map[client.ObjectKey]int64
	kept  map[string]int64
	// coming is how many bytes are being written for each organization, and may not be in the cache yet.
	coming map[string]int64

	written limit.Volume
}

func newBudget() *budget {
	return &budget{sizes: map[client.ObjectKey]int64{}, kept: map[string]int64{}, coming: map[string]int64{}}
}

func (b *budget) set(secret *corev1.Secret) {
	if secretsize.Counts(secret) {
		b.note(client.ObjectKeyFromObject(secret), secretsize.Of(secret))
	}
}

func (b *budget) remove(secret *corev1.Secret) { b.note(client.ObjectKeyFromObject(secret), 0) }

// note sets the size of a Secret; one that is gone has none.
func (b *budget) note(secret client.ObjectKey, size int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	add(b.kept, secret.Namespace, size-b.sizes[secret])
	if size == 0 {
		delete(b.sizes, secret)
	} else {
		b.sizes[secret] = size
	}
}

// add adds to the number of an organization, and forgets one that has none.
func add(sums map[string]int64, organization string, size int64) {
	if sums[organization] += size; sums[organization] == 0 {
		delete(sums, organization)
	}
}

// reserve adds to what is being written for an organization if that stays within most bytes, and returns what ends it.
func (b *budget) reserve(organization string, size, most int64) (release func(), ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if size > most-b.kept[organization]-b.coming[organization] {
		return nil, false
	}
	add(b.coming, organization, size)
	return sync.OnceFunc(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		add(b.coming, organization, -size)
	}), true
}

// sizeOf returns the size that the cache knows of a Secret, or 0.
func (b *budget) sizeOf(secret client.ObjectKey) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.sizes[secret]
}

// afford lets a plan write its Secrets if the organization has the budget for them, until release is called. The error is a 400 that names the field
// whose value is too much, or the 429 if too much was written lately. Secrets that the writer has made for an earlier plan cost nothing more.
func (s *Store) afford(w *writer, observed translate.Observed, plan translate.Plan) error {
	var size int64
	for _, secret := range plan.Secrets {
		if w.has(secret) {
			continue
		}
		size += sizeOf(secret)
	}
	if size == 0 {
		return nil
	}
	organization := observed.App.Namespace
	most, perMinute := policy.SecretBytes(s.Policy(w.ctx, organization))
	allowed := most
	if size <= s.replacedBy(plan, observed) && most < math.MaxInt64-spare {
		allowed += spare
	}
	release, ok := s.budget.reserve(organization, size, allowed)
	if !ok {
		return overBudget(plan.Secrets, most)
	}
	if perMinute < math.MaxInt64 {
		if wait := s.budget.written.Take(organization, size, perMinute, time.Minute); wait > 0 {
			release()
			return apierr.TooManyBytes(wait)
		}
	}
	w.releases = append(w.releases, release)
	return nil
}

func sizeOf(secret *corev1.Secret) int64 {
	var size int64
	for key, value := range secret.Data {
		size += int64(len(key) + len(value))
	}
	return size
}

// replacedBy returns the size of what the Secrets of a plan take the place of.
func (s *Store) replacedBy(plan translate.Plan, observed translate.Observed) int64 {
	var size int64
	counted := map[string]bool{}
	for _, name := range translate.GivenSecretNames(observed) {
		secret := observed.Secrets[name]
		if secret == nil || counted[name] {
			continue
		}
		counted[name] = true
		for _, next := range plan.Secrets {
			if next.Labels[v1alpha1.LabelSecret] == secret.Labels[v1alpha1.LabelSecret] {
				size += s.budget.sizeOf(client.ObjectKeyFromObject(secret))
			}
		}
	}
	return size
}

// overBudget is the 400 about the largest of the values that an organization has no room for.
func overBudget(secrets []*corev1.Secret, most int64) error {
	field, largest := "", int64(-1)
	for _, secret := range secrets {
		if size := sizeOf(secret); size > largest {
			field, largest = fieldOf(secret), size
		}
	}
	return apierr.Field(field, fmt.Sprintf("The organization keeps too much already: environments, certificates and credentials may have %s together. "+
		"Shorten the environment, delete apps that are no longer needed, or ask the platform's administrator for a higher limit (spec.limits.secretBytes).",
		resource.NewQuantity(most, resource.BinarySI)))
}

// fieldOf returns the field of a body whose value a Secret holds.
func fieldOf(secret *corev1.Secret) string {
	switch secret.Labels[v1alpha1.LabelSecret] {
	case v1alpha1.SecretRegistry:
		return wire.FieldExternalID
	case v1alpha1.SecretCertificate:
		return wire.FieldCertificate
	case v1alpha1.SecretMailPassword:
		return wire.FieldPassword
	default:
		return wire.FieldEnv
	}
}

// Policy returns an Organization, whose spec is its policy. One that is not there yet has the defaults.
func (s *Store) Policy(ctx context.Context, organization string) v1alpha1.Organization {
	var found v1alpha1.Organization
	if err := s.cache.Get(ctx, client.ObjectKey{Name: organization}, &found, client.UnsafeDisableDeepCopy); err != nil {
		return v1alpha1.Organization{}
	}
	return found
}
