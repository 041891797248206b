package cluster

import (
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/berth-dev/berth/hack/cluster/internal/node"
)

func TestListenOnTakenPort(t *testing.T) {
	taken, err := net.Listen("tcp", DefaultListen)
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if l, err := listen(taken.Addr().String(), false); err == nil {
		t.Errorf("%s is taken, and was got", l.Addr())
	}
	l, err := listen(taken.Addr().String(), true)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if l.Addr().String() == taken.Addr().String() {
		t.Errorf("%s is taken, and was got", l.Addr())
	}
}

func TestParseForward(t *testing.T) {
	cases := map[string]struct {
		text    string
		want    Port
		wantErr bool
	}{
		"Good": {
			text: "web-app=127.0.0.1:0,10.200.0.1:30443",
			want: Port{Name: "forward web-app", Listen: "127.0.0.1:0", Target: "10.200.0.1:30443", Variable: "FORWARD_WEB_APP"},
		},
		"NoName":       {text: "127.0.0.1:0,10.200.0.1:30443", wantErr: true},
		"EmptyName":    {text: "=127.0.0.1:0,10.200.0.1:30443", wantErr: true},
		"NoTarget":     {text: "a=127.0.0.1:0", wantErr: true},
		"NoPort":       {text: "a=127.0.0.1,10.200.0.1:30443", wantErr: true},
		"NoTargetPort": {text: "a=127.0.0.1:0,10.200.0.1", wantErr: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := ParseForward(tc.text)
			if (err != nil) != tc.wantErr {
				t.Fatalf("ParseForward(%q): error %v, want one: %t", tc.text, err, tc.wantErr)
			}
			if diff := cmp.Diff(tc.want, got); err == nil && diff != "" {
				t.Errorf("ParseForward(%q): -want +got:\n%s", tc.text, diff)
			}
		})
	}
}

func TestParseMirror(t *testing.T) {
	cases := map[string]struct {
		text    string
		want    node.Mirror
		wantErr bool
	}{
		"Good":      {text: "a.example.com=10.200.0.1:5001", want: node.Mirror{Host: "a.example.com", Registry: "10.200.0.1:5001"}},
		"NoHost":    {text: "=10.200.0.1:5001", wantErr: true},
		"NoAddress": {text: "a.example.com", wantErr: true},
		"NoPort":    {text: "a.example.com=10.200.0.1", wantErr: true},
		"Path":      {text: "../a=10.200.0.1:5001", wantErr: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := ParseMirror(tc.text)
			if (err != nil) != tc.wantErr {
				t.Fatalf("ParseMirror(%q): error %v, want one: %t", tc.text, err, tc.wantErr)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("ParseMirror(%q): -want +got:\n%s", tc.text, diff)
			}
		})
	}
}

func TestPorts(t *testing.T) {
	o := Options{
		Listen:   map[PortName]string{HTTPSPort: "127.0.0.1:8443"},
		Forwards: []Port{{Name: "forward x", Listen: "127.0.0.1:9", Target: "10.200.0.1:9"}},
	}
	got := map[PortName]string{}
	for _, p := range o.ports() {
		got[p.Name] = p.Listen
	}
	want := map[PortName]string{
		APIPort: DefaultListen, RegistryPort: DefaultListen, HTTPPort: DefaultListen,
		HTTPSPort: "127.0.0.1:8443", OIDCPort: DefaultListen, "forward x": "127.0.0.1:9",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestAssignments lets a shell read what is meant for it.
func TestAssignments(t *testing.T) {
	text := assignments([]variable{{"A", "plain"}, {"B", `it's "$HOME" and \ more`}, {"C", ""}})
	out, err := exec.CommandContext(t.Context(), "sh", "-c", text+`printf '%s|%s|%s' "$A" "$B" "$C"`).Output()
	if err != nil {
		t.Fatal(err)
	}
	if want := `plain|it's "$HOME" and \ more|`; string(out) != want {
		t.Errorf("the shell reads %q, want %q", out, want)
	}
}

func TestOneClusterAFolder(t *testing.T) {
	dir := t.TempDir()
	held, err := lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	err = Start(t.Context(), Options{Dir: dir, ControlPlane: true})
	if err == nil || !strings.Contains(err.Error(), "runs in "+dir+" already") {
		t.Errorf("error %v, want that a cluster runs there", err)
	}
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := lock(dir)
	if err != nil {
		t.Errorf("lock after the first holder's end: %v", err)
	}
	_ = again.Close()
}

func TestStopWithoutCluster(t *testing.T) {
	if err := Stop(filepath.Join(t.TempDir(), "never")); err != nil {
		t.Errorf("Stop of no folder: %v", err)
	}
}
