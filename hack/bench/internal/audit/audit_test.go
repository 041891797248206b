package audit

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	beforeMark = strings.TrimSpace(`
{"stage":"ResponseComplete","verb":"patch","user":{"username":"operator"},"userAgent":"op","objectRef":{"resource":"apps","subresource":"status"}}
{"stage":"ResponseStarted","verb":"watch","user":{"username":"operator"},"userAgent":"op","objectRef":{"resource":"apps"}}
{"stage":"ResponseComplete","verb":"watch","user":{"username":"operator"},"userAgent":"op","objectRef":{"resource":"apps"}}
{"stage":"ResponseComplete","verb":"get","user":{"username":"admin"},"userAgent":"mark-1"}
`) + "\n"
	afterMark = strings.TrimSpace(`
{"stage":"ResponseComplete","verb":"create","user":{"username":"facade"},"impersonatedUser":{"username":"berth:key:1"},"objectRef":{"resource":"secrets"}}
{"stage":"ResponseComplete","verb":"create","user":{"username":"facade"},"objectRef":{"resource":"subjectaccessreviews"}}
`) + "\n"
)

func every(Request) bool { return true }

func TestCount(t *testing.T) {
	cases := map[string]struct {
		reason, log, agent string
		want               Counts
		err                error
	}{
		"Marked": {
			reason: "What comes after the mark isn't counted, nor the mark, and a watch is counted once.", log: beforeMark + afterMark, agent: "mark-1",
			want: Counts{{User: "operator", Verb: "patch", Resource: "apps/status"}: 1, {User: "operator", Verb: "watch", Resource: "apps"}: 1},
		},
		"Unmarked": {
			reason: "Who asked counts, not whom they acted as.", log: afterMark, agent: "mark-2",
			want: Counts{{User: "facade", Verb: "create", Resource: "secrets"}: 1, {User: "facade", Verb: "create", Resource: "subjectaccessreviews"}: 1},
			err:  io.EOF,
		},
		"Election": {
			reason: "An event about who leads is none of a reconcile's.",
			log:    `{"stage":"ResponseComplete","verb":"create","user":{"username":"operator"},"objectRef":{"resource":"events","namespace":"berth-system"}}` + "\n",
			agent:  "mark-1", want: Counts{{User: "operator", Verb: "create", Resource: "events", Election: true}: 1}, err: io.EOF,
		},
		"HalfALine": {log: beforeMark[:20], agent: "mark-1", want: Counts{}, err: io.EOF},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := Counts{}
			if _, err := got.Count(strings.NewReader(tc.log), tc.agent); !errors.Is(err, tc.err) {
				t.Fatalf("\n%s\nCount(...): got %v, want %v", tc.reason, err, tc.err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("\n%s\nCount(...): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestCountRefusesWhatIsNoEvent(t *testing.T) {
	if _, err := (Counts{}).Count(strings.NewReader("nonsense\n"), ""); err == nil {
		t.Error("Count(...) succeeded, want an error")
	}
}

func TestOf(t *testing.T) {
	counts := Counts{
		{User: "operator", Verb: "watch", Resource: "apps"}:                    3,
		{User: "operator", Verb: "update", Resource: "leases"}:                 2,
		{User: "operator", Verb: "create", Resource: "events", Election: true}: 1,
		{User: "operator", Verb: "patch", Resource: "deployments"}:             5,
		{User: "operator", Verb: "patch", Resource: "apps/status"}:             7,
		{User: "facade", Verb: "create", Resource: "secrets"}:                  11,
		{User: "facade", Verb: "create", Resource: "subjectaccessreviews"}:     13,
	}
	unsteady := func(r Request) bool { return !r.Steady() }
	got := map[string]int{
		"all": counts.Of("operator", every), "unsteady": counts.Of("operator", unsteady), "writes": counts.Of("operator", Request.Writes),
		"reviews": counts.Of("facade", every), "kept": counts.Of("facade", Request.Writes), "nobody": counts.Of("nobody", every),
	}
	want := map[string]int{"all": 18, "unsteady": 12, "writes": 15, "reviews": 24, "kept": 11, "nobody": 0}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Of(...): -want, +got:\n%s", diff)
	}
}

func TestKinds(t *testing.T) {
	counts := Counts{{User: "operator", Verb: "patch", Resource: "apps/status"}: 2, {User: "facade", Verb: "patch", Resource: "apps"}: 1}
	if diff := cmp.Diff(map[string]int{"patch apps/status": 2}, counts.Kinds("operator")); diff != "" {
		t.Errorf("Kinds(...): -want, +got:\n%s", diff)
	}
}

// TestSince says that each time what is new is counted, also if the log is written late and in halves.
func TestSince(t *testing.T) {
	file := filepath.Join(t.TempDir(), "audit.log")
	write := func(text string) {
		out, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Error(err)
			return
		}
		defer out.Close()
		if _, err := out.WriteString(text); err != nil {
			t.Error(err)
		}
	}
	event := `{"stage":"ResponseComplete","verb":"patch","user":{"username":"operator"},"objectRef":{"resource":"apps"}}` + "\n"
	l := &Log{File: file}
	l.Ask = func(_ context.Context, agent string) error {
		mark := `{"stage":"ResponseComplete","verb":"get","userAgent":"` + agent + `"}` + "\n"
		write(event + mark[:10])
		go write(mark[10:])
		return nil
	}
	for range 2 {
		counts, err := l.Since(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got := counts.Of("operator", every); got != 1 {
			t.Errorf("Since(...): got %d requests, want 1", got)
		}
	}
}
