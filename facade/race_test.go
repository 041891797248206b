package facade

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// TestConcurrentClaims says that of many clients who ask two servers for a slug or a host at the same time one gets it, and that the others are
// told, be they of one organization or of two, and also if the host is held for their organization.
func TestConcurrentClaims(t *testing.T) {
	r := newReplicas(t)
	suite.url = r.first
	const clients = 50
	first, firstKey, firstApp := newSite(t, "race")
	second, secondKey, secondApp := newSite(t, "race")
	suite.url = r.second
	eventually(t, "the second server knows both apps", func() bool {
		return call(t, firstKey, http.MethodGet, domainPath(first, firstApp), nil).status == http.StatusOK &&
			call(t, secondKey, http.MethodGet, domainPath(second, secondApp), nil).status == http.StatusOK
	})
	suffix := strings.TrimPrefix(first, "org-")
	type door struct {
		path func(org string) string
		body func(client int, app, name string) map[string]any
		// field is what is taken.
		field string
	}
	doors := map[string]door{
		"Slug": {path: appsPath, field: "slug", body: func(_ int, _, name string) map[string]any {
			return map[string]any{"slug": name, "location": "example.com/a"}
		}},
		"HostOfANewApp": {path: appsPath, field: "domain", body: func(client int, _, name string) map[string]any {
			return map[string]any{"slug": fmt.Sprintf("%d-%s", client, name), "location": "example.com/a", "domain": name + ".example.org"}
		}},
		"HostOfANewDomain": {path: domainsPath, field: "domain", body: func(_ int, app, name string) map[string]any {
			return map[string]any{"slug": app, "domain": name + ".example.org"}
		}},
	}
	for name, d := range doors {
		for _, variant := range []string{"OneOrganization", "TwoOrganizations", "HeldHost"} {
			both, held := variant == "TwoOrganizations", variant == "HeldHost"
			t.Run(name+"/"+variant, func(t *testing.T) {
				asked := strings.ToLower(name[:2]+name[len(name)-1:]+variant[:1]) + "-" + suffix
				if held {
					claimed := asked + ".example.org"
					if d.field == "slug" {
						claimed = asked + "." + baseDomain
					}
					newClaim(t, claimed, v1alpha1.HostClaimSpec{Organization: first, HeldUntil: new(metav1.NewTime(time.Now().Add(time.Hour)))}, false)
				}
				answers := race(clients, func(client int) answer {
					url, org, key, app := r.first, first, firstKey, firstApp
					if client%2 == 1 {
						url = r.second
					}
					if both && client%4 > 1 {
						org, key, app = second, secondKey, secondApp
					}
					return callAt(t, url, key, http.MethodPost, d.path(org), d.body(client, app, asked))
				})
				slices.SortFunc(answers, func(a, b answer) int { return a.status - b.status })
				answers[0].want(t, http.StatusCreated)
				for _, a := range answers[1:] {
					if got := a.want(t, http.StatusBadRequest).json(t); got[d.field] == nil {
						t.Errorf("got %v, want a 400 about %s", got, d.field)
					}
				}
			})
		}
	}
}

// race lets clients do something at the same time and returns what they got.
func race(clients int, do func(client int) answer) []answer {
	answers := make([]answer, clients)
	start := make(chan struct{})
	var running sync.WaitGroup
	for i := range answers {
		running.Go(func() {
			<-start
			answers[i] = do(i)
		})
	}
	close(start)
	running.Wait()
	return answers
}
