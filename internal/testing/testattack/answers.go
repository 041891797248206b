package testattack

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
)

// Kind is one thing that an attacker does.
type Kind string

// What an attacker does. It makes its apps once, and everything else all the time.
const (
	Creation    Kind = "creation"
	Change      Kind = "change"
	Page        Kind = "page"
	PrivateKey  Kind = "private key"
	Log         Kind = "log"
	FollowedLog Kind = "followed log"
)

// kinds are what an attacker does all the time.
var kinds = []Kind{Change, Page, PrivateKey, Log, FollowedLog}

// limited says of which kinds a limit refuses some. What is not refused is done more slowly.
func limited(k Kind) bool { return k == Change || k == PrivateKey }

// Answers count the answers to an attack.
type Answers struct {
	sent atomic.Int64

	mu sync.Mutex
	// counts are how many there are with each status.
	counts map[Kind]map[int]int
}

func (a *Answers) add(kind Kind, status int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.counts[kind] == nil {
		a.counts[kind] = map[int]int{}
	}
	a.counts[kind][status]++
}

// Sent is how many requests were sent, with those that had no answer.
func (a *Answers) Sent() int { return int(a.sent.Load()) }

// Refused is how many requests a limit refused.
func (a *Answers) Refused() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	sum := 0
	for _, statuses := range a.counts {
		sum += statuses[http.StatusTooManyRequests]
	}
	return sum
}

// Missing tells what shows that the attack was not as hard as the limits allow: a kind of request of which none succeeded, or with a limit that refused
// none. It is empty if nothing does.
func (a *Answers) Missing() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var missing []string
	for _, kind := range append([]Kind{Creation}, kinds...) {
		got := a.counts[kind]
		if got[http.StatusOK]+got[http.StatusCreated] == 0 {
			missing = append(missing, fmt.Sprintf("no %s succeeds: %v", kind, got))
		}
		if limited(kind) && got[http.StatusTooManyRequests] == 0 {
			missing = append(missing, fmt.Sprintf("no %s is refused: %v", kind, got))
		}
	}
	return strings.Join(missing, "; ")
}
