package page

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	adrName = regexp.MustCompile(`^(\d{4})-[a-z0-9-]+\.md$`)
	// adrRow is a row of the index: number, page and title.
	adrRow = regexp.MustCompile(`(?m)^\| \[(\d{4})\]\(([^)]+)\) \| ([^|]+) \|`)
)

// TestDecisions verifies that each ADR has its own number and the usual sections, and that the index lists all of them by number.
func TestDecisions(t *testing.T) {
	dir := filepath.Join(root, "docs", "decisions")
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var want [][]string
	seen := map[string]string{}
	for _, e := range entries {
		if e.Name() == "README.md" {
			continue
		}
		m := adrName.FindStringSubmatch(e.Name())
		if m == nil {
			t.Errorf("docs/decisions/%s is not named NNNN-title.md", e.Name())
			continue
		}
		if other := seen[m[1]]; other != "" {
			t.Errorf("docs/decisions/%s and %s have the same number", e.Name(), other)
		}
		seen[m[1]] = e.Name()
		content, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		title, sections := headings(string(content))
		if diff := cmp.Diff([]string{"Status", "Context", "Decision", "Consequences"}, sections); diff != "" {
			t.Errorf("docs/decisions/%s: sections -want +got:\n%s", e.Name(), diff)
		}
		want = append(want, []string{m[1], e.Name(), title})
	}
	index, err := os.ReadFile(filepath.Join(dir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	var got [][]string
	for _, m := range adrRow.FindAllStringSubmatch(string(index), -1) {
		got = append(got, m[1:])
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/decisions/README.md: -want +got:\n%s", diff)
	}
}

// headings returns the first-level heading and the second-level headings of a page.
func headings(content string) (title string, sections []string) {
	for line := range strings.Lines(content) {
		line = strings.TrimSpace(line)
		if after, ok := strings.CutPrefix(line, "# "); ok {
			title = after
		}
		if after, ok := strings.CutPrefix(line, "## "); ok {
			sections = append(sections, after)
		}
	}
	return title, sections
}
