package cgroup

import (
	"os"
	"path/filepath"
	"testing"
)

func TestEnableControllers(t *testing.T) {
	cases := map[string]struct {
		reason      string
		controllers string
		want        string
		wantErr     bool
	}{
		"AtOnce":  {controllers: "cpuset cpu memory pids\n", want: "+cpuset +cpu +memory +pids"},
		"NoMore":  {reason: "What nothing here uses stays as it is.", controllers: "cpu memory pids rdma misc\n", want: "+cpu +memory +pids"},
		"TooFew":  {reason: "Pods would fail to start, for a reason hard to see.", controllers: "cpu pids\n", wantErr: true},
		"Nothing": {controllers: "\n", wantErr: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, text := range map[string]string{"cgroup.controllers": tc.controllers, "cgroup.subtree_control": ""} {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if err := enableControllers(dir); (err != nil) != tc.wantErr {
				t.Fatalf("%s\nerror %v, want one: %t", tc.reason, err, tc.wantErr)
			}
			got, err := os.ReadFile(filepath.Join(dir, "cgroup.subtree_control"))
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != tc.want {
				t.Errorf("%s\nwrote %q, want %q", tc.reason, got, tc.want)
			}
		})
	}
}
