// Package audit counts the requests that an API server has answered, from its audit log.
package audit

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/berth-dev/berth/internal/testing/testenv"
)

// Request is what requests are counted by.
type Request struct {
	// User is who asked, not whom they acted as.
	User string
	// Verb is the API server's: get, list, watch, create, update, patch, delete, deletecollection.
	Verb string
	// Resource is the resource with its subresource: "apps/status". Empty for what is none.
	Resource string
	// Election says that it is an event about who leads, which is told once when a process begins to.
	Election bool
}

// Counts are how many requests there were of each kind.
type Counts map[Request]int

// notWrites are resources that are created without anything being kept.
var notWrites = []string{"subjectaccessreviews", "selfsubjectaccessreviews", "tokenreviews"}

// Writes tells whether a request changes what etcd holds.
func (r Request) Writes() bool {
	return slices.Contains([]string{"create", "update", "patch", "delete", "deletecollection"}, r.Verb) && !slices.Contains(notWrites, r.Resource)
}

// Steady tells whether a request is one that a client makes though nothing happens: a watch, or what makes or keeps it the leader.
func (r Request) Steady() bool { return r.Verb == "watch" || r.Resource == "leases" || r.Election }

// Of is how many requests of a user's a condition holds for.
func (c Counts) Of(user string, holds func(Request) bool) int {
	sum := 0
	for request, n := range c {
		if request.User == user && holds(request) {
			sum += n
		}
	}
	return sum
}

// Kinds are the counts of a user's requests, as "patch apps/status".
func (c Counts) Kinds(user string) map[string]int {
	kinds := map[string]int{}
	for request, n := range c {
		if request.User == user {
			kinds[request.Verb+" "+request.Resource] += n
		}
	}
	return kinds
}

// event is what is read of an event of the log.
type event struct {
	Stage     string `json:"stage"`
	Verb      string `json:"verb"`
	UserAgent string `json:"userAgent"`
	User      struct {
		Username string `json:"username"`
	} `json:"user"`
	ObjectRef struct {
		Resource    string `json:"resource"`
		Subresource string `json:"subresource"`
		Namespace   string `json:"namespace"`
	} `json:"objectRef"`
}

// counted tells whether an event is the one of its request that counts: a watch counts when it begins, all else when it is answered.
func (e *event) counted() bool {
	if e.Verb == "watch" {
		return e.Stage == "ResponseStarted"
	}
	return e.Stage == "ResponseComplete"
}

func (e *event) request() Request {
	resource := e.ObjectRef.Resource
	if e.ObjectRef.Subresource != "" {
		resource += "/" + e.ObjectRef.Subresource
	}
	election := resource == "events" && e.ObjectRef.Namespace == testenv.Namespace
	return Request{User: e.User.Username, Verb: e.Verb, Resource: resource, Election: election}
}

// Count adds the events of a log to the counts until one has come from the user agent, and returns how many bytes it has read up to there. The
// error is io.EOF if none has.
func (c Counts) Count(log io.Reader, agent string) (int64, error) {
	lines := bufio.NewReaderSize(log, 1<<20)
	var read int64
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return read, err
		}
		read += int64(len(line))
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			return read, fmt.Errorf("read the audit log: %w", err)
		}
		if e.UserAgent == agent {
			return read, nil
		}
		if e.counted() {
			c[e.request()]++
		}
	}
}

// Log is the audit log of a running API server. It is for one goroutine.
type Log struct {
	// File is where the log lies. It must not be rotated.
	File string
	// Ask makes a request to the API server under a name as user agent: where that is in the log, all that was answered before is, too.
	Ask func(ctx context.Context, agent string) error

	offset int64
	marks  int
}

// settleTimeout is how long a request takes at most to be in the log.
const settleTimeout = 30 * time.Second

// Since returns what was answered since it was called last.
func (l *Log) Since(ctx context.Context) (Counts, error) {
	l.marks++
	agent := fmt.Sprintf("bench-mark-%d", l.marks)
	if err := l.Ask(ctx, agent); err != nil {
		return nil, fmt.Errorf("mark the audit log: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	counts := Counts{}
	for {
		found, err := l.read(counts, agent)
		if found || err != nil {
			return counts, err
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return nil, fmt.Errorf("the audit log ends before the mark: %w", ctx.Err())
		}
	}
}

// read counts from where it ended last, and tells whether it has found the mark.
func (l *Log) read(counts Counts, agent string) (bool, error) {
	file, err := os.Open(l.File)
	if err != nil {
		return false, err
	}
	defer file.Close()
	if _, err := file.Seek(l.offset, io.SeekStart); err != nil {
		return false, err
	}
	read, err := counts.Count(file, agent)
	l.offset += read
	if errors.Is(err, io.EOF) { // What is after the last line break is half a line.
		return false, nil
	}
	return err == nil, err
}
