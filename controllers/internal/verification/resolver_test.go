package verification

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/berth-dev/berth/internal/testing/testdns"
)

func TestLookUp(t *testing.T) {
	t.Parallel()
	const token = "TOKEN"
	long := strings.Repeat("a", shownLength)
	cases := map[string]struct {
		record *testdns.Record
		want   Finding
	}{
		"NoName":    {want: Finding{State: Missing}},
		"NoRecord":  {record: &testdns.Record{}, want: Finding{State: Missing}},
		"Token":     {record: new(testdns.Text(token)), want: Finding{State: Proven}},
		"Blanks":    {record: new(testdns.Text(" " + token + " ")), want: Finding{State: Proven}},
		"Several":   {record: new(testdns.Text("a", token, "b")), want: Finding{State: Proven}},
		"InStrings": {record: &testdns.Record{Texts: [][]string{{"TO", "K", "EN"}}}, want: Finding{State: Proven}},
		"Alias":     {record: &testdns.Record{Texts: [][]string{{token}}, Alias: "elsewhere.example.com"}, want: Finding{State: Proven}},
		"Another":   {record: new(testdns.Text("b", "a", "b")), want: Finding{State: Different, Values: []string{"a", "b"}}},
		"OtherCase": {record: new(testdns.Text("token")), want: Finding{State: Different, Values: []string{"token"}}},
		"Part":      {record: new(testdns.Text(token + "S")), want: Finding{State: Different, Values: []string{token + "S"}}},
		"Many":      {record: new(testdns.Text("d", "c", "b", "a")), want: Finding{State: Different, Values: []string{"a", "b", "c"}}},
		"Long":      {record: new(testdns.Text(long + "bc")), want: Finding{State: Different, Values: []string{long + "…"}}},
		"Broken": {
			record: &testdns.Record{Code: dnsmessage.RCodeServerFailure},
			want:   Finding{State: Failed, Problem: "the name servers can't be reached, or answer with an error"},
		},
		"Silent": {record: &testdns.Record{Silent: true}, want: Finding{State: Failed, Problem: "no answer in time"}},
	}
	server, err := testdns.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			host := strings.ToLower(name) + ".example.com"
			if tc.record != nil {
				server.Set("_berth-challenge."+host, *tc.record)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			if diff := cmp.Diff(tc.want, lookUp(ctx, NewResolver(server.Address()), host, token)); diff != "" {
				t.Errorf("finding (-want +got):\n%s", diff)
			}
		})
	}
}

// Nobody who can't be reached proves anything.
func TestLookUpWithoutServer(t *testing.T) {
	t.Parallel()
	// A port that nobody listens on any more.
	gone, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := gone.LocalAddr().String()
	if err := gone.Close(); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	if got := lookUp(short, NewResolver(address), "www.example.com", "TOKEN"); got.State != Failed || strings.Contains(got.Problem, address) {
		t.Errorf("finding %+v, want a failure that doesn't name the server", got)
	}
}
