package stack

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAddHostFromManyTests(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "hosts")
	if err := os.WriteFile(path, []byte("# by hand\n10.1.2.3 there.test also.there.test\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &Stack{Env: Env{Hosts: path}}
	want := []string{"10.1.2.3 there.test also.there.test"}
	var all sync.WaitGroup
	for i := range 10 {
		name := fmt.Sprintf("host%d.test", i)
		want = append(want, nodeIP+" "+name)
		for _, n := range []string{name, name, "also.there.test"} {
			all.Go(func() {
				if err := s.AddHost(n); err != nil {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(strings.TrimSpace(string(text)), "\n")[1:]
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the hosts: -want, +got:\n%s", diff)
	}
}

func TestAddHostWithoutNode(t *testing.T) {
	t.Parallel()
	if err := (&Stack{}).AddHost("some.test"); err == nil {
		t.Error("no error, though nobody would know the name")
	}
}
