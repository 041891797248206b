package e2e

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
)

// Of fifty clients of two organizations that ask for one host at the same moment, over two replicas of the facade, one is told that it has it.
func TestHostileRace(t *testing.T) {
	t.Parallel()
	clients := []*restClient{strangers(t, "race-one", ""), strangers(t, "race-two", "")}
	image := push(t, "race:v1")
	for i, c := range clients {
		c.call(t, http.MethodPost, "", map[string]any{"slug": fmt.Sprintf("race-app-%d", i), "location": image}, http.StatusCreated, nil)
	}
	cases := map[string]func(i int) (path string, body map[string]any){
		"DefaultHost": func(i int) (string, map[string]any) {
			return "/containers/" + clients[i%2].organization + "/apps/", map[string]any{"slug": "raced", "location": image}
		},
		"Domain": func(i int) (string, map[string]any) {
			return "/domains/" + clients[i%2].organization + "/", map[string]any{"slug": fmt.Sprintf("race-app-%d", i%2), "domain": "www.raced.test"}
		},
	}
	for name, request := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var (
				mu      sync.Mutex
				answers = map[int]int{}
				all     sync.WaitGroup
			)
			begin := make(chan struct{})
			for i := range 50 {
				all.Go(func() {
					path, body := request(i)
					<-begin
					status, _, err := clients[i%2].trySend(t, http.MethodPost, path, body)
					if err != nil {
						t.Error(err)
					}
					mu.Lock()
					defer mu.Unlock()
					answers[status]++
				})
			}
			close(begin)
			all.Wait()
			if answers[http.StatusCreated] != 1 || answers[http.StatusBadRequest] != 49 {
				t.Errorf("the answers are %v, want one 201 and 49 times 400", answers)
			}
		})
	}
}
