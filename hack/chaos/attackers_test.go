package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers"
	"github.com/berth-dev/berth/internal/access"
)

const (
	// attackers is how many clients of each kind attack at the same time. Together they ask for far more than the limits allow.
	attackers = 4
	// rivals is how many Domains the attacker has for one host.
	rivals = 100
	// flips is after what time each of them changes a Domain once more, by the API server: ten changes a second together.
	flips = 400 * time.Millisecond
)

// attacker is an organization with the limits of a stranger, which it uses up.
type attacker struct {
	organization, key string
	doors             *doors
	// manager is one of its managers at the API server.
	manager client.Client
	// sent is how many requests it has sent.
	sent atomic.Int64

	mu sync.Mutex
	// answers are those to its requests, by what they ask for: how many there are with each status.
	answers map[string]map[int]int
}

// newAttacker makes the organization, with many Domains for one host.
func newAttacker(t *testing.T, organization string, d *doors) *attacker {
	t.Helper()
	o := organizationOf(organization)
	o.Spec.Trusted = nil
	a := &attacker{organization: organization, doors: d, key: newOrganization(t, o), answers: map[string]map[int]int{}}
	config := rest.CopyConfig(suite.admin)
	config.Impersonate = rest.ImpersonationConfig{
		UserName: access.UserOfPerson("eve@example.com"),
		Groups:   []string{access.Group(organization, access.RoleManager), "system:authenticated"},
	}
	var err error
	if a.manager, err = client.New(config, client.Options{Scheme: controllers.Scheme()}); err != nil {
		t.Fatal(err)
	}
	for i := range rivals {
		eventually(t, func(ctx context.Context) error { return a.manager.Create(ctx, a.domain(i)) })
	}
	return a
}

// domain is one of those that want the same host.
func (a *attacker) domain(number int) *v1alpha1.Domain {
	return &v1alpha1.Domain{
		ObjectMeta: metav1.ObjectMeta{Namespace: a.organization, Name: fmt.Sprint("rival-", number)},
		Spec:       v1alpha1.DomainSpec{Host: "contested.example.org", AppRef: v1alpha1.AppRef{Name: "app-0"}},
	}
}

// attack lets clients change large environments, read full pages of them, have private keys generated, and read and follow logs, while managers
// change Domains. It goes on until what it returns is called.
func (a *attacker) attack(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	apps := "/api/containers/" + a.organization + "/apps/"
	for i := range attackers {
		app := fmt.Sprintf("app-%d", i)
		for _, call := range []func(round int){
			func(round int) {
				if round == 0 {
					a.call(ctx, "creation", http.MethodPost, apps, largeApp(app, round))
				}
				a.call(ctx, "change", http.MethodPut, apps+app+"/", largeApp(app, round))
			},
			func(int) { a.call(ctx, "page", http.MethodGet, apps+"?page_size=100", nil) },
			func(int) {
				a.call(ctx, "private key", http.MethodPost, "/api/domains/"+a.organization+"/"+app+"/newcert/", nil)
			},
			func(int) { a.call(ctx, "log", http.MethodGet, apps+app+"/logs/?tail=10000", nil) },
			func(int) { a.call(ctx, "followed log", http.MethodGet, apps+app+"/logs/?follow=true", nil) },
			func(round int) { a.flip(ctx, i, round) },
		} {
			running.Go(func() {
				for round := 0; ctx.Err() == nil; round++ {
					call(round)
				}
			})
		}
	}
	return func() { cancel(); running.Wait() }
}

// largeApp is the body of an app with nearly as large an environment as there can be, another one in each round.
func largeApp(app string, round int) []byte {
	env := make([]map[string]string, 0, 8)
	for i := range 8 {
		env = append(env, map[string]string{"name": fmt.Sprintf("V%d", i), "value": fmt.Sprint(round) + strings.Repeat("v", 120<<10)})
	}
	body, err := json.Marshal(map[string]any{"slug": app, "location": "registry.example.com/shop:v1", "env": env})
	if err != nil {
		panic(err) // It has only strings.
	}
	return body
}

// call makes one request and reads all of the answer, whatever it is. One that was refused waits, since the attacker shares the machine with those
// that it attacks.
func (a *attacker) call(ctx context.Context, what, method, path string, body []byte) {
	number := a.sent.Add(1)
	request, err := http.NewRequestWithContext(ctx, method, a.doors.url(int(number))+path, bytes.NewReader(body))
	if err != nil {
		return
	}
	request.SetBasicAuth("", a.key)
	request.Header.Set("Content-Type", "application/json")
	response, err := a.doors.client.Do(request)
	if err != nil {
		return
	}
	defer response.Body.Close()
	a.note(what, response.StatusCode)
	_, _ = io.Copy(io.Discard, response.Body)
	if response.StatusCode >= http.StatusBadRequest {
		time.Sleep(again)
	}
}

func (a *attacker) note(what string, status int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.answers[what] == nil {
		a.answers[what] = map[int]int{}
	}
	a.answers[what][status]++
}

// refused is how many requests a limit refused.
func (a *attacker) refused() int {
	sum := 0
	for _, statuses := range a.answers {
		sum += statuses[http.StatusTooManyRequests]
	}
	return sum
}

// missing are the kinds of requests of which none succeeded, and those with a limit that refused none.
func (a *attacker) missing() []string {
	var found []string
	for what, limited := range map[string]bool{"creation": false, "change": true, "page": false, "private key": true, "log": false, "followed log": false} {
		statuses := a.answers[what]
		if statuses[http.StatusOK]+statuses[http.StatusCreated] == 0 || limited && statuses[http.StatusTooManyRequests] == 0 {
			found = append(found, fmt.Sprint(what, " ", statuses))
		}
	}
	slices.Sort(found)
	return found
}

// flip changes one of the Domains in a way that concerns no other.
func (a *attacker) flip(ctx context.Context, number, round int) {
	defer time.Sleep(flips)
	a.sent.Add(1)
	values := []v1alpha1.DomainAuthentication{v1alpha1.AuthenticationLoginOnly, v1alpha1.AuthenticationDisabled}
	patch := fmt.Appendf(nil, `{"spec": {"authentication": %q}}`, values[round%len(values)])
	_ = a.manager.Patch(ctx, a.domain(number), client.RawPatch(types.MergePatchType, patch))
}

// quantile is the value below which such a part of some times lies.
func quantile(times []time.Duration, part float64) time.Duration {
	if len(times) == 0 {
		return 0
	}
	slices.Sort(times)
	return times[min(len(times)-1, int(float64(len(times))*part))].Round(time.Millisecond)
}
