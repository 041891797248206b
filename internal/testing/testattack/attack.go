// Package testattack attacks a facade as hard as one organization can, for tests of what becomes of the others.
package testattack

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	// Clients is how many clients of each kind attack at the same time. Together they ask for far more than the limits allow.
	Clients = 4
	// pause is how long a client waits after a refusal: attackers share the machine with those that are measured.
	pause = 100 * time.Millisecond
)

// Attack is what one organization does to a facade with the key of a manager: it changes large environments, reads full pages of them, has private
// keys generated, and reads and follows logs.
type Attack struct {
	// Organization is the attacker's.
	Organization string
	// Key is the API key of one of its managers.
	Key string
	// URL returns where the facade answers, without a path, for each request.
	URL func() string
	// Client returns what sends the requests of one of the clients.
	Client func() *http.Client
}

// Run attacks until stop is called, which waits for the clients and returns how they were answered.
func (a *Attack) Run(ctx context.Context) (stop func() *Answers) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	answers := &Answers{counts: map[Kind]map[int]int{}}
	for i := range Clients {
		app, client := fmt.Sprintf("app-%d", i), a.Client()
		for _, kind := range kinds {
			running.Go(func() {
				defer client.CloseIdleConnections()
				for round := 0; ctx.Err() == nil; round++ {
					if kind == Change && round == 0 {
						a.call(ctx, client, answers, Creation, app, round)
					}
					a.call(ctx, client, answers, kind, app, round)
				}
			})
		}
	}
	return func() *Answers {
		cancel()
		running.Wait()
		return answers
	}
}

// call makes one request and reads all of the answer, whatever it is.
func (a *Attack) call(ctx context.Context, client *http.Client, answers *Answers, kind Kind, app string, round int) {
	request, err := a.request(ctx, kind, app, round)
	if err != nil {
		return
	}
	answers.sent.Add(1)
	response, err := client.Do(request)
	if err != nil {
		return
	}
	defer response.Body.Close()
	answers.add(kind, response.StatusCode)
	_, _ = io.Copy(io.Discard, response.Body)
	if response.StatusCode >= http.StatusBadRequest {
		time.Sleep(pause)
	}
}

func (a *Attack) request(ctx context.Context, kind Kind, app string, round int) (*http.Request, error) {
	apps := "/api/containers/" + a.Organization + "/apps/"
	method, path := http.MethodGet, apps
	var body []byte
	switch kind {
	case Creation:
		method, body = http.MethodPost, largeApp(app, round)
	case Change:
		method, path, body = http.MethodPut, apps+app+"/", largeApp(app, round)
	case Page:
		path = apps + "?page_size=100"
	case PrivateKey:
		method, path = http.MethodPost, "/api/domains/"+a.Organization+"/"+app+"/newcert/"
	case Log:
		path = apps + app + "/logs/?tail=10000"
	case FollowedLog:
		path = apps + app + "/logs/?follow=true"
	}
	request, err := http.NewRequestWithContext(ctx, method, a.URL()+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.SetBasicAuth("", a.Key)
	request.Header.Set("Content-Type", "application/json")
	return request, nil
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
