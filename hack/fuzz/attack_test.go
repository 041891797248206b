package fuzz

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/apikey"
	"github.com/berth-dev/berth/internal/testenv"
)

// orgHostile is an organization that the platform does not know, so that its default limits apply.
const orgHostile = "hostile"

// keyHostile is the name of its manager's key.
const keyHostile = "hostile"

// attackers is how many clients of each kind attack at the same time. Together they ask for far more than the limits allow.
const attackers = 4

// hostile returns clients of one organization that use up whatever it may have: large environments that change, full pages of them, private keys,
// reads of logs, followers.
func hostile(b *testing.B) kind {
	b.Helper()
	ctx := b.Context()
	org := &v1alpha1.Organization{ObjectMeta: metav1.ObjectMeta{Name: orgHostile}}
	if err := testenv.Organize(ctx, suite.cluster, org, "external-id-of-"+orgHostile); err != nil {
		b.Fatal(err)
	}
	org.Spec.Trusted = nil
	if err := suite.cluster.Update(ctx, org); err != nil {
		b.Fatal(err)
	}
	if err := testenv.GrantIn(ctx, suite.cluster, orgHostile); err != nil {
		b.Fatal(err)
	}
	key, token, err := apikey.New(apikey.Spec{Owner: "eve@example.com", Role: apikey.RoleManager, Organizations: []string{orgHostile}})
	if err != nil {
		b.Fatal(err)
	}
	suite.keys[keyHostile] = token
	if err := suite.cluster.Create(ctx, key.Secret(testenv.KeysNamespace)); err != nil {
		b.Fatal(err)
	}
	if err := poll(ctx, func() bool { return knows(ctx, keyHostile, orgHostile) }); err != nil {
		b.Fatal(err)
	}
	return kind{fmt.Sprintf("%d of each kind that an organization attacks with", attackers), func(ctx context.Context) func() {
		stop := attack(ctx)
		return func() {
			if missing := stop().missing(); missing != "" {
				b.Errorf("the attack is none: %s", missing)
			}
		}
	}}
}

// attackKinds are what the attackers do, and whether a limit refuses some of it. What is not refused is done more slowly.
var attackKinds = map[string]bool{"change": true, "page": false, "key": true, "log": false, "follow": false}

// answers count the answers to the attackers: by what they do, how many there are with each status.
type answers struct {
	mu     sync.Mutex
	counts map[string]map[int]int
}

func (a *answers) add(what string, status int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.counts == nil {
		a.counts = map[string]map[int]int{}
	}
	if a.counts[what] == nil {
		a.counts[what] = map[int]int{}
	}
	a.counts[what][status]++
}

// missing returns what shows that the attackers did less than they could: something never succeeded, or no limit was reached. It is empty if nothing is.
func (a *answers) missing() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var missing []string
	for what, bounded := range attackKinds {
		got := a.counts[what]
		if got[http.StatusOK]+got[http.StatusCreated] == 0 {
			missing = append(missing, fmt.Sprintf("no %s succeeds: %v", what, got))
		}
		if bounded && got[http.StatusTooManyRequests] == 0 {
			missing = append(missing, fmt.Sprintf("no %s is refused: %v", what, got))
		}
	}
	return strings.Join(missing, "; ")
}

// attack runs the attackers until what it returns is called, which returns how they were answered.
func attack(ctx context.Context) func() *answers {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	all := &answers{}
	apps, domain := "/api/containers/"+orgHostile+"/apps/", "/api/domains/"+orgHostile+"/app-0/"
	for i := range attackers {
		app, transport := fmt.Sprintf("app-%d", i), newTransport(true)
		for what, call := range map[string]func(round int) int{
			"change": func(round int) int {
				if round == 0 {
					attackOnce(ctx, transport, http.MethodPost, apps, environment(app, round))
				}
				return attackOnce(ctx, transport, http.MethodPut, apps+app+"/", environment(app, round))
			},
			"page":   func(int) int { return attackOnce(ctx, transport, http.MethodGet, apps+"?page_size=100", nil) },
			"key":    func(int) int { return attackOnce(ctx, transport, http.MethodPost, domain+"newcert/", nil) },
			"log":    func(int) int { return attackOnce(ctx, transport, http.MethodGet, apps+app+"/logs/?tail=10000", nil) },
			"follow": func(int) int { return attackOnce(ctx, transport, http.MethodGet, apps+app+"/logs/?follow=true", nil) },
		} {
			running.Go(func() {
				defer transport.CloseIdleConnections()
				for round := 0; ctx.Err() == nil; round++ {
					if status := call(round); status != 0 {
						all.add(what, status)
					}
				}
			})
		}
	}
	return func() *answers {
		cancel()
		running.Wait()
		return all
	}
}

// environment returns the body of an app with nearly as large an environment as there can be, another one in each round.
func environment(app string, round int) []byte {
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

// attackOnce makes one request, reads all of the answer, whatever it is, and returns its status; 0 if there is none.
func attackOnce(ctx context.Context, transport *http.Transport, method, path string, body []byte) int {
	request, err := http.NewRequestWithContext(ctx, method, suite.url+path, bytes.NewReader(body))
	if err != nil {
		return 0
	}
	request.SetBasicAuth(suite.keys[keyHostile], "")
	request.Header.Set("Content-Type", "application/json")
	response, err := transport.RoundTrip(request)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	if response.StatusCode == http.StatusTooManyRequests {
		// The attackers share the machine with those that are measured: they spend no more on being refused than others do who are slow.
		time.Sleep(pause)
	}
	return response.StatusCode
}
