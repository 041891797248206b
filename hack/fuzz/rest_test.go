package fuzz

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/testing/testcontract"
)

var (
	requestsFlag = flag.Int("requests", 10_000, "how many requests TestClients sends")
	seedFlag     = flag.Uint64("seed", 0, "what TestClients makes its requests up from, certificates excepted; 0 for another at each run, which it prints")
	onlyFlag     = flag.Int64("only", -1, "the number of the one request that TestClients sends, as a failure says it; all if negative")
)

const (
	senders = 12
	// answerTimeout is how long a request may take; a test e-mail to a server that doesn't answer takes ten seconds.
	answerTimeout = time.Minute
	// maxFailures is how many failures are told before the rest is left out.
	maxFailures = 20
)

// fuzzer sends requests that it makes up from the contract and holds the answers against it.
type fuzzer struct {
	seed       uint64
	contract   *testcontract.Contract
	operations []operation
	known      map[string][]string
	pairs      []pair
	keys       map[string]string
	transports []*http.Transport

	mu sync.Mutex
	// answers are how often each operation has answered each status.
	answers map[string]map[int]int
}

func newFuzzer(t *testing.T) *fuzzer {
	t.Helper()
	openAPI, err := os.ReadFile("../../facade/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	contract, err := testcontract.New(openAPI)
	if err != nil {
		t.Fatal(err)
	}
	hosts := []string{"www.one.test", "www.two.test", "a.one.test", "b.two.test", "shop-0." + baseDomain, "www.example.com"}
	pairs, err := newPairs(hosts...)
	if err != nil {
		t.Fatal(err)
	}
	f := &fuzzer{
		seed: *seedFlag, contract: contract, operations: operations(contract.Model), pairs: pairs, keys: suite.keys,
		transports: []*http.Transport{newTransport(true), newTransport(false)}, answers: map[string]map[int]int{},
	}
	if f.seed == 0 {
		f.seed = uint64(time.Now().UnixNano())
	}
	var slugs []string
	for i := range 8 {
		slugs = append(slugs, fmt.Sprintf("shop-%d", i))
	}
	// A host can be had once.
	free := slices.Clone(hosts)
	for i := range 300 {
		free = append(free, fmt.Sprintf("shop-%d.h%d.test", i%len(slugs), i))
	}
	f.known = map[string][]string{
		"{organization}": {orgOne, orgOne, orgOne, orgOne, orgOne, orgOne, orgOne, orgTwo, "nobody"},
		"{app}":          slugs, "{domain}": slices.Concat(hosts, slugs), "slug": slugs, "domain": free,
		"location":   {"example.com/shop:v1", "https://example.com/shop:v2", "123456789012.dkr.ecr.us-west-2.amazonaws.com/shop"},
		"role_name":  {"", "arn:aws:iam::123456789012:role/shop", "ann"},
		"from_email": {"", "ann@example.com"}, "email_host": {"", "smtp.example.com", "127.0.0.1"}, "email_host_user": {"", "ann", "ann@example.com"},
		"email_port": {"", "25", "465", "587"}, "authentication": {"0", "1", "2"}, "since": {"1h", "2026-01-02T15:04:05Z"},
	}
	return f
}

// sendRequests sends requests from the contract, good and bad. Whatever comes, the facade answers as the contract says, has no mistake of its
// own, and keeps what is secret.
func sendRequests(t *testing.T) {
	t.Helper()
	f := newFuzzer(t)
	defer func() {
		for _, transport := range f.transports {
			transport.CloseIdleConnections()
		}
	}()
	t.Logf("repeat with -seed=%d -requests=%d", f.seed, *requestsFlag)
	first, end := int64(0), int64(*requestsFlag)
	if *onlyFlag >= 0 {
		first, end = *onlyFlag, *onlyFlag+1
	}
	var next, failures atomic.Int64
	next.Store(first)
	var sending sync.WaitGroup
	for range senders {
		sending.Go(func() {
			for number := next.Add(1) - 1; number < end && failures.Load() < maxFailures; number = next.Add(1) - 1 {
				r := f.next(uint64(number))
				if err := f.try(t.Context(), r); err != nil {
					failures.Add(1)
					t.Errorf("-seed=%d -only=%d: %v\n%s", f.seed, number, err, r)
				}
			}
		})
	}
	sending.Wait()
	f.report(t)
	checkLog(t)
	checkObjects(t)
}

// report tells how often each operation answered what, and wants each to have succeeded.
func (f *fuzzer) report(t *testing.T) {
	t.Helper()
	for _, o := range slices.CompactFunc(f.operations, func(a, b operation) bool { return a.OperationId == b.OperationId }) {
		answers := f.answers[o.OperationId]
		var all []string
		succeeded := false
		for _, status := range slices.Sorted(maps.Keys(answers)) {
			all = append(all, fmt.Sprintf("%d: %d", status, answers[status]))
			succeeded = succeeded || status < http.StatusBadRequest
		}
		t.Logf("%-22s %s", o.OperationId, strings.Join(all, ", "))
		if mails := strings.HasPrefix(o.OperationId, "test"); !succeeded && !mails && *requestsFlag >= 10_000 && *onlyFlag < 0 {
			t.Errorf("%s never succeeded: requests are made up too badly", o.OperationId)
		}
	}
}

// try sends a request and says what is wrong with its answer.
func (f *fuzzer) try(ctx context.Context, r *request) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	sent, err := f.build(ctx, r)
	if err != nil {
		return err
	}
	response, err := f.transports[len(r.body)%len(f.transports)].RoundTrip(sent)
	if err != nil {
		if len(r.body) >= tooLarge {
			return nil // The server needn't read on to say that it is too much.
		}
		return err
	}
	defer response.Body.Close()
	body, err := read(response, r.follows)
	if err != nil {
		return fmt.Errorf("the answer %d breaks off: %w", response.StatusCode, err)
	}
	return f.check(r, sent, response, body)
}

// build makes of a request what net/http sends.
func (f *fuzzer) build(ctx context.Context, r *request) (*http.Request, error) {
	var body io.Reader = http.NoBody
	if len(r.body) > 0 {
		body = bytes.NewReader(r.body)
	}
	if r.chunked && len(r.body) > 0 {
		body = io.MultiReader(body)
	}
	address, err := url.Parse(suite.url + r.target)
	if err != nil {
		return nil, fmt.Errorf("the target isn't sendable: %w", err)
	}
	sent, err := http.NewRequestWithContext(ctx, r.method, suite.url, body)
	if err != nil {
		return nil, err
	}
	sent.URL = address
	maps.Copy(sent.Header, r.header)
	if r.key != "" {
		sent.SetBasicAuth(f.keys[r.key], "")
	}
	return sent, nil
}

// read reads an answer; of one that may have no end, what comes first.
func read(response *http.Response, follows bool) ([]byte, error) {
	if follows && strings.HasPrefix(response.Header.Get("Content-Type"), "text/plain") {
		first := make([]byte, 1024)
		n, err := response.Body.Read(first)
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return first[:n], err
	}
	return io.ReadAll(response.Body)
}
