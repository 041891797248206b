package ecr

import (
	"testing"
	"time"
)

// However many regions don't answer, only a few workers wait for long.
func TestFewWait(t *testing.T) {
	t.Parallel()
	tokens := New(nil)
	var ends []func()
	wait := func(region string, want time.Duration) {
		t.Helper()
		got, done := tokens.wait(region)
		ends = append(ends, done)
		if got != want {
			t.Errorf("one more caller may wait for %s, want %s", got, want)
		}
	}
	for range maxWaiting {
		wait("eu-west-1", patience)
	}
	wait("eu-west-2", glance)
	wait("eu-west-3", glance)
	tokens.slow["sa-east-1"] = true
	wait("sa-east-1", 0)
	for _, done := range ends {
		done()
	}
	for range maxWaiting {
		wait("eu-west-2", patience)
	}
	wait("eu-west-2", glance)
}

// No organization has AWS asked for so much that others get nothing.
func TestFetchesAreShared(t *testing.T) {
	t.Parallel()
	tokens := New(nil)
	count := func(organization string) (n int) {
		for tokens.begin(organization) {
			n++
		}
		return n
	}
	for _, organization := range []string{"one", "two"} {
		if n := count(organization); n != maxOfOrganization {
			t.Errorf("%s has %d fetches under way, want %d", organization, n, maxOfOrganization)
		}
	}
	others := 0
	for organization := 'a'; organization <= 'z'; organization++ {
		others += count(string(organization))
	}
	if want := maxFetches - 2*maxOfOrganization; others != want {
		t.Errorf("26 others have %d, want one each until there are no more, %d", others, want)
	}
	tokens.end("two")
	if !tokens.begin("latecomer") || tokens.begin("another") {
		t.Error("what ended isn't free for one more")
	}
	tokens.end("latecomer")
	if _, kept := tokens.fetches["latecomer"]; kept {
		t.Error("an organization that has none is remembered")
	}
}
