package chaos

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/berth-dev/berth/api/v1alpha1"
)

const (
	// newApps is how many Apps the attacked organization makes, one after the other, in each part of the case.
	newApps = 8
	// lasts is how long each part takes at least: so long that the attacker uses up its bursts.
	lasts = 12 * time.Second
	// reads is after what time it reads its apps once more.
	reads = 20 * time.Millisecond
	// secretBytesPerMinute is what a stranger's organization may have written of what its clients send, in a minute and at each replica.
	secretBytesPerMinute = 10 << 20
	// otherBytes is what everything else of the attacker may add to etcd in the meantime: its Apps and Domains, all that comes of them, and their
	// statuses.
	otherBytes = 32 << 20
)

// TestOrganizationAttacks has one organization use up all that it may have, by the REST API and the API server, while another one reads its apps and
// makes new ones. The other one must get its answers and its Apps, operator and facade must stay within their memory, and etcd within the attacker's
// budget. How much longer the other one waits is measured, not judged: the machine's other work is in it.
func TestOrganizationAttacks(t *testing.T) {
	s := newStorm(t, "one organization uses up all that it may have", "attacked")
	operator := newProcess(t, build(t, "operator"), suite.operator, "--base-domain="+baseDomain, "--issuer-name=local-ca", "--ingress-class=traefik",
		"--router-namespace=traefik", "--router-network=192.0.2.7/32", "--ask-registries=false", "--metrics-bind-address=0", "--health-probe-bind-address=0")
	door := s.doors.spawn(t, build(t, "facade"), "--key-rate=0") // The limits of the organization are what is left.
	s.awaitOpen(t)
	a := newAttacker(t, "attacker", s.doors)

	before := etcdBytes(t)
	calm := s.live(t, "calm")
	usual := etcdBytes(t) - before
	before, begun := etcdBytes(t), time.Now()
	stop := a.attack(t.Context())
	attacked := s.live(t, "busy")
	answers := stop()
	grown, minutes := etcdBytes(t)-before-usual, time.Since(begun).Minutes()

	s.figures.Faults = answers.Sent()
	s.figures.Objects = 2 * newApps
	if missing := answers.Missing(); missing != "" {
		t.Errorf("the attack is not as hard as the limits allow: %s", missing)
	}
	budget := secretBytesPerMinute*(1+minutes) + otherBytes
	if grown > budget {
		s.figures.lost(t, "etcd has grown by %.0f MiB, want at most %.0f MiB in %.1f minutes", grown/(1<<20), budget/(1<<20), minutes)
	}
	s.figures.measured("%s: an answer in %s (99 %% in %s), a new App ready in %s", "Alone", calm.read(0.5), calm.read(0.99), calm.ready(0.5))
	s.figures.measured("%s: an answer in %s (99 %% in %s), a new App ready in %s", "Attacked", attacked.read(0.5), attacked.read(0.99), attacked.ready(0.5))
	s.figures.measured("%d requests of the attacker, of which %d were refused; etcd grew by %.0f MiB in %.0f seconds",
		answers.Sent(), answers.Refused(), grown/(1<<20), minutes*60)
	for name, p := range map[string]*process{"operator": operator, "facade": door} {
		peak, err := p.peakMemory()
		if err != nil || peak > memoryLimit {
			s.figures.lost(t, "the %s had %d MiB of memory, of %d MiB: %v", name, peak>>20, memoryLimit>>20, err)
		}
		s.figures.measured("The %s had at most %d MiB of memory, of %d MiB", name, peak>>20, memoryLimit>>20)
	}
}

// waits are how long the attacked organization has waited.
type waits struct {
	reads, apps []time.Duration
	// failed are pages that it did not get.
	failed []error
}

func (w *waits) read(part float64) time.Duration  { return quantile(w.reads, part) }
func (w *waits) ready(part float64) time.Duration { return quantile(w.apps, part) }

// live makes Apps, one after the other, and meanwhile reads what there are, as an organization does every day.
func (s *storm) live(t *testing.T, name string) *waits {
	t.Helper()
	w := &waits{}
	over := time.After(lasts)
	ctx, cancel := context.WithCancel(t.Context())
	var reading sync.WaitGroup
	reading.Go(func() {
		c := &caller{doors: s.doors, key: s.key}
		for ctx.Err() == nil {
			begun := time.Now()
			status, said, err := c.call(http.MethodGet, "/api/containers/"+s.organization+"/apps/", nil)
			if err != nil || status != http.StatusOK {
				w.failed = append(w.failed, failure(err, status, said))
			}
			w.reads = append(w.reads, time.Since(begun))
			time.Sleep(reads)
		}
	})
	c := &caller{doors: s.doors, key: s.key}
	for i := range newApps {
		begun := time.Now()
		slug := fmt.Sprintf("%s-%d", name, i)
		body := map[string]any{"slug": slug, "location": "registry.example.com/shop/web:v1", "env": env(i), "domain": slug + ".example.net"}
		status, said, err := c.call(http.MethodPost, "/api/containers/"+s.organization+"/apps/", body)
		if err != nil || status != http.StatusCreated {
			s.figures.lost(t, "App %s: %v", slug, failure(err, status, said))
			continue
		}
		if err := soon(t, func(ctx context.Context) error {
			app := &v1alpha1.App{}
			if err := suite.api.Get(ctx, types.NamespacedName{Namespace: s.organization, Name: slug}, app); err != nil {
				return err
			}
			return current(app)
		}); err != nil {
			s.figures.lost(t, "App %s: %v", slug, err)
		}
		w.apps = append(w.apps, time.Since(begun))
	}
	<-over
	cancel()
	reading.Wait()
	for _, err := range w.failed {
		s.figures.lost(t, "a page: %v", err)
	}
	return w
}

// etcdBytes is how many bytes etcd keeps, with the older versions of what has changed.
func etcdBytes(t *testing.T) float64 {
	t.Helper()
	sum := 0.0
	for _, m := range scrape(t, http.DefaultClient, suite.plane.etcd)["etcd_mvcc_db_total_size_in_use_in_bytes"].GetMetric() {
		sum += m.GetGauge().GetValue()
	}
	if sum == 0 {
		t.Fatal("etcd does not tell how many bytes it keeps")
	}
	return sum
}
