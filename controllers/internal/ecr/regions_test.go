package ecr

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The list is that of the SDK in go.mod: whoever updates the one sees what the other lacks.
func TestRegionsAreThoseOfTheSDK(t *testing.T) {
	t.Parallel()
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/aws/aws-sdk-go-v2").Output()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "internal", "endpoints", "awsrulesfn", "partitions.json"))
	if err != nil {
		t.Fatal(err)
	}
	var sdk struct {
		Partitions []struct {
			Regions map[string]struct{} `json:"regions"`
		} `json:"partitions"`
	}
	if err := json.Unmarshal(text, &sdk); err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, p := range sdk.Partitions {
		for name := range p.Regions {
			if !strings.HasSuffix(name, "-global") { // It stands for all of a partition.
				want = append(want, name)
			}
		}
	}
	if diff := cmp.Diff(slices.Sorted(slices.Values(want)), slices.Sorted(maps.Keys(regions))); diff != "" {
		t.Errorf("regions (-SDK's +ours):\n%s", diff)
	}
}

func TestKnowsRegion(t *testing.T) {
	t.Parallel()
	tokens := New(nil, "eu-nowhere-7")
	for region, want := range map[string]bool{
		"eu-west-1": true, "cn-north-1": true, "us-gov-west-1": true, "eusc-de-east-1": true, "eu-nowhere-7": true,
		"eu-west-9": false, "zz-nowhere-1": false, "aws-global": false, "": false,
	} {
		if got := tokens.KnowsRegion(region); got != want {
			t.Errorf("%q is known: %t, want %t", region, got, want)
		}
	}
	if New(nil).KnowsRegion("eu-nowhere-7") {
		t.Error("a region of other Tokens is known")
	}
}

func TestParseRegion(t *testing.T) {
	t.Parallel()
	for text, valid := range map[string]bool{
		"eu-west-1": true, "us-isob-east-1": true, "": false, "eu-west": false, "EU-WEST-1": false, "a.b": false, "s3": false,
	} {
		if got, err := ParseRegion(text); err == nil != valid || err == nil && got != text {
			t.Errorf("ParseRegion(%q): %q, %v", text, got, err)
		}
	}
}
