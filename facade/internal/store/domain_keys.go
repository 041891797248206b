package store

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/translate"
	"github.com/berth-dev/berth/facade/internal/wire"
)

// withKeys finds with a Domain also the App's other Domains, and the private keys that a certificate without one may be for.
func (s *Store) withKeys(find finder) finder {
	return func(ctx context.Context) (translate.Observed, error) {
		observed, err := find(ctx)
		if err != nil {
			return observed, err
		}
		return observed, s.addKeys(ctx, &observed)
	}
}

func (s *Store) addKeys(ctx context.Context, observed *translate.Observed) error {
	app := observed.App
	_, lasting := s.partDomains(app.UID, app.Namespace, app.Name)
	observed.Siblings = slices.DeleteFunc(lasting, func(d *v1alpha1.Domain) bool {
		return observed.Domain != nil && d.UID == observed.Domain.UID
	})
	// A key waits for all the hosts that it was made for, also when the Domain that it was made at is gone.
	waiting := &corev1.SecretList{}
	labels := client.MatchingLabels{v1alpha1.LabelSecret: v1alpha1.SecretNewCertKey, v1alpha1.LabelApp: app.Name}
	if err := s.cache.List(ctx, waiting, client.InNamespace(app.Namespace), labels, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("find the keys of %s: %w", app.Name, err)
	}
	for i := range waiting.Items {
		observed.Keys = append(observed.Keys, &waiting.Items[i])
	}
	beside := observe(app, nil, "")
	names := translate.KeyNames(*observed)
	if err := s.addSecrets(ctx, beside, names); err != nil {
		return err
	}
	for _, name := range names {
		if secret := beside.Secrets[name]; secret != nil {
			observed.Keys = append(observed.Keys, secret)
		}
	}
	return nil
}

// KeepKey lets a private key wait for a certificate of what GetDomain finds by a name and of other hosts of the same App, in place of the key that waits
// there. It returns all the hosts, that of the Domain first. The error is a 400 if one is not the App's.
func (s *Store) KeepKey(ctx context.Context, organization, name string, key []byte, others []string) ([]string, error) {
	observed, err := s.GetDomain(ctx, organization, name)
	if err != nil {
		return nil, err
	}
	unlock, err := s.locks.lock(ctx, client.ObjectKeyFromObject(observed.App))
	if err != nil {
		return nil, err
	}
	defer unlock()
	// What was found before may have changed while others had their turn.
	if observed, err = s.domainFinder(organization, name)(ctx); err != nil {
		return nil, err
	}
	if observed.Domain == nil {
		if err := s.checkDomainName(organization, observed.App.Name, observed.App.Name); err != nil {
			return nil, err
		}
	}
	hosts, err := s.hostsOf(ctx, observed, others)
	if err != nil {
		return nil, err
	}
	w, done := s.begin(ctx)
	defer done()
	if err := w.keep(translate.NewKey(observed, key, hosts), observed); err != nil {
		return nil, err
	}
	s.awaitSeen(w.ctx, w, observed)
	return hosts, nil
}

// hostsOf returns the host of a Domain and others, each once. The error is a 400 if one is not a host of the same App, or another organization has it.
func (s *Store) hostsOf(ctx context.Context, observed translate.Observed, others []string) ([]string, error) {
	hosts := []string{translate.ToDomain(s.platform, observed).Domain}
	wrong := apierr.Fields{}
	for _, host := range others {
		if slices.Contains(hosts, host) {
			continue
		}
		if !translate.HasHost(s.platform, observed, host) {
			wrong.Add(wire.FieldDomains, fmt.Sprintf("The app has no domain %s. Create it first.", host))
			continue
		}
		claim := &v1alpha1.HostClaim{}
		err := client.IgnoreNotFound(s.own.Get(ctx, client.ObjectKey{Name: host}, claim))
		if err != nil {
			return nil, err
		}
		if claim.Name != "" && claim.Spec.Organization != observed.App.Namespace {
			wrong.Add(wire.FieldDomains, fmt.Sprintf("Host %s is claimed by another organization. Prove that you own it first.", host))
			continue
		}
		hosts = append(hosts, host)
	}
	return hosts, wrong.Err()
}
