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
	return kind{fmt.Sprintf("%d of each kind that an organization attacks with", attackers), attack}
}

// attack runs the attackers until what it returns is called.
func attack(ctx context.Context) func() {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	apps, domain := "/api/containers/"+orgHostile+"/apps/", "/api/domains/"+orgHostile+"/app-0/"
	for i := range attackers {
		app, transport := fmt.Sprintf("app-%d", i), newTransport(true)
		for _, call := range []func(round int){
			func(round int) {
				if round == 0 {
					attackOnce(ctx, transport, http.MethodPost, apps, environment(app, round))
				}
				attackOnce(ctx, transport, http.MethodPut, apps+app+"/", environment(app, round))
			},
			func(int) { attackOnce(ctx, transport, http.MethodGet, apps+"?page_size=100", nil) },
			func(int) { attackOnce(ctx, transport, http.MethodPost, domain+"newcert/", nil) },
			func(int) { attackOnce(ctx, transport, http.MethodGet, apps+app+"/logs/?tail=10000", nil) },
			func(int) { attackOnce(ctx, transport, http.MethodGet, apps+app+"/logs/?follow=true", nil) },
		} {
			running.Go(func() {
				defer transport.CloseIdleConnections()
				for round := 0; ctx.Err() == nil; round++ {
					call(round)
				}
			})
		}
	}
	return func() {
		cancel()
		running.Wait()
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

// attackOnce makes one request and reads all of the answer, whatever it is.
func attackOnce(ctx context.Context, transport *http.Transport, method, path string, body []byte) {
	request, err := http.NewRequestWithContext(ctx, method, suite.url+path, bytes.NewReader(body))
	if err != nil {
		return
	}
	request.SetBasicAuth(suite.keys[keyHostile], "")
	request.Header.Set("Content-Type", "application/json")
	response, err := transport.RoundTrip(request)
	if err != nil {
		return
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	if response.StatusCode == http.StatusTooManyRequests {
		// The attackers share the machine with those that are measured: they spend no more on being refused than others do who are slow.
		time.Sleep(pause)
	}
}
