package verification

import (
	"slices"
	"time"

	"golang.org/x/net/publicsuffix"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// schedule lets lookups run, in turns between organizations. The zero value is empty.
type schedule struct {
	// running is how many lookups run, and of how many for each organization.
	running int
	of      map[string]int
	// waiting are the objects of each organization that has some, each of them once, and order says whose turn it is next.
	waiting map[string][]reconcile.Request
	order   []string
	// begin starts the lookup of an object. At its end, done is called.
	begin func(object reconcile.Request)
}

// add has an object looked up when it is its organization's turn. What is asked about it then counts, however often it was added before.
func (s *schedule) add(object reconcile.Request) {
	organization := object.Namespace
	if s.waiting == nil {
		s.of, s.waiting = map[string]int{}, map[string][]reconcile.Request{}
	}
	if slices.Contains(s.waiting[organization], object) {
		return
	}
	if len(s.waiting[organization]) == 0 {
		s.order = append(s.order, organization)
	}
	s.waiting[organization] = append(s.waiting[organization], object)
	s.next()
}

// done ends the lookup of an organization.
func (s *schedule) done(organization string) {
	s.running--
	s.of[organization]--
	if s.of[organization] == 0 {
		delete(s.of, organization)
	}
	s.next()
}

// next runs lookups while there is room.
func (s *schedule) next() {
	for s.running < atOnce {
		at := slices.IndexFunc(s.order, func(organization string) bool { return s.of[organization] < atOnceEach })
		if at < 0 {
			return
		}
		organization := s.order[at]
		s.order = slices.Delete(s.order, at, at+1)
		own := s.waiting[organization]
		if len(own) == 1 {
			delete(s.waiting, organization)
		} else {
			s.waiting[organization] = own[1:]
			s.order = append(s.order, organization)
		}
		s.running++
		s.of[organization]++
		s.begin(own[0])
	}
}

// zones are the domains about which DNS has given no answer, as registered at a registry: their name servers are asked less often, for all organizations.
type zones map[string]*zone

// zone is how often in a row there was no answer, and until when it is not asked again.
type zone struct {
	failures int
	until    time.Time
}

const (
	// tolerated is how many lookups in a row may fail before a zone is asked less often.
	tolerated = 3
	// lastZoneWait is the longest time for which a zone is not asked.
	lastZoneWait = time.Minute
)

func zoneOf(host string) string {
	registered, err := publicsuffix.EffectiveTLDPlusOne(host)
	if err != nil {
		return host
	}
	return registered
}

// wait returns for how long no host of the same zone is looked up.
func (z zones) wait(host string, now time.Time) time.Duration {
	if known := z[zoneOf(host)]; known != nil {
		return max(0, known.until.Sub(now))
	}
	return 0
}

// note keeps what became of a lookup.
func (z zones) note(host string, failed bool, now time.Time) {
	name := zoneOf(host)
	if !failed {
		delete(z, name)
		return
	}
	if z[name] == nil {
		z[name] = &zone{}
	}
	known := z[name]
	known.failures++
	known.until = now
	if beyond := known.failures - tolerated; beyond >= 0 {
		known.until = now.Add(min(firstWait<<min(beyond, 10), lastZoneWait))
	}
}
