package cgroup

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/berth-dev/berth/hack/cluster/internal/process"
)

func TestMakerOf(t *testing.T) {
	cases := map[string]struct {
		name string
		want process.Identity
		ok   bool
	}{
		"Ours":              {name: "cluster-4026531836-12-345", want: process.Identity{PID: 12, Start: 345}, ok: true},
		"AnotherNamespace":  {name: "cluster-4026539999-12-345"},
		"SomeoneElses":      {name: "cluster-autoscaler"},
		"NotQuite":          {name: "cluster-4026531836-12"},
		"NotQuiteANumber":   {name: "cluster-4026531836-12-345x"},
		"AnotherThingAtAll": {name: "kubepods"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, ok := makerOf(tc.name, "4026531836")
			if ok != tc.ok {
				t.Fatalf("makerOf(%q): ok %t, want %t", tc.name, ok, tc.ok)
			}
			if diff := cmp.Diff(tc.want, got); ok && diff != "" {
				t.Errorf("makerOf(%q): -want +got:\n%s", tc.name, diff)
			}
		})
	}
}

func TestNameOfCallerIsRead(t *testing.T) {
	name, err := nameOfCaller()
	if err != nil {
		t.Fatal(err)
	}
	namespace, err := process.Namespace()
	if err != nil {
		t.Fatal(err)
	}
	maker, ok := makerOf(name, namespace)
	if !ok || maker.PID != os.Getpid() || !maker.Alive() {
		t.Errorf("makerOf(%q) = %+v, %t; want this process, alive", name, maker, ok)
	}
}

func TestRemoveTree(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "group")
	if err := os.MkdirAll(filepath.Join(dir, "kubepods", "pod1", "container"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "system"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := Remove([]string{dir, filepath.Join(dir, "never")}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("after Remove: %v, want that it does not exist", err)
	}
}
