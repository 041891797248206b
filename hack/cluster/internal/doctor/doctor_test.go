package doctor

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/berth-dev/berth/hack/cluster/internal/component"
)

func is(ok bool) func() bool { return func() bool { return ok } }

func TestCheck(t *testing.T) {
	needs := []Need{
		{Package: "gcc", What: "gcc", OK: is(true)},
		{Package: "nftables", What: "nft", OK: is(false)},
		{Package: "libc6-dev", What: "libc", OK: is(false)},
		{What: "root", OK: is(false)},
	}
	err := Check(needs)
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"libc\n", "nft\n", "root\n", "apt-get install --no-install-recommends libc6-dev nftables"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q, want %q in it", err, want)
		}
	}
	if diff := cmp.Diff([]string{"libc6-dev", "nftables"}, Packages(needs)); diff != "" {
		t.Errorf("packages: -want +got:\n%s", diff)
	}
	if err := Check(needs[:1]); err != nil {
		t.Errorf("nothing is missing: %v", err)
	}
}

// TestKnown makes sure that every package that a component names can be checked for.
func TestKnown(t *testing.T) {
	for _, n := range append(ToBuild(component.All()), ToRun(true, true)...) {
		if n.OK == nil || n.What == "" {
			t.Errorf("package %q is not known", n.Package)
		}
	}
}
