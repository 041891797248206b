package page

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// root of the checkout.
const root = "../../.."

// TestLinks follows every link and image of the project's Markdown that leads to a file of the project, or to a heading.
func TestLinks(t *testing.T) {
	pages, err := ReadAll(root)
	if err != nil {
		t.Fatal(err)
	}
	byPath := map[string]*Page{}
	for _, p := range pages {
		byPath[p.Path] = p
	}
	for _, p := range pages {
		for _, link := range p.Links {
			if reason := broken(p, link, byPath); reason != "" {
				t.Errorf("%s: the link %s %s", p.Path, link, reason)
			}
		}
	}
}

// broken says what is wrong with a link; nothing if it leads somewhere, or out of the project.
func broken(p *Page, link string, pages map[string]*Page) string {
	to, err := url.Parse(link)
	switch {
	case err != nil:
		return "is no URL: " + err.Error()
	case to.IsAbs():
		return ""
	case strings.HasPrefix(to.Path, "/"):
		return "is absolute"
	}
	target := p.Path
	if to.Path != "" {
		target = filepath.Join(filepath.Dir(p.Path), to.Path)
	}
	if !filepath.IsLocal(target) {
		return "leads out of the checkout"
	}
	if _, err := os.Stat(filepath.Join(root, target)); err != nil {
		return "leads to nothing"
	}
	if to.Fragment == "" {
		return ""
	}
	if page := pages[target]; page == nil || !page.Anchors[to.Fragment] {
		return "leads to no heading"
	}
	return ""
}

// TestBroken makes sure that TestLinks would see what is wrong.
func TestBroken(t *testing.T) {
	from := mustParse(t, "docs/keys.md", "# Title\n")
	pages := map[string]*Page{from.Path: from, "README.md": mustParse(t, "README.md", "# Use *it*\n\n# Use it\n")}
	for name, c := range map[string]struct{ link, want string }{
		"elsewhere":       {link: "https://example.com/#nothing"},
		"file":            {link: "../go.mod"},
		"folder":          {link: "../api"},
		"heading here":    {link: "#title"},
		"heading there":   {link: "../README.md#use-it"},
		"second heading":  {link: "../README.md#use-it-1"},
		"no file":         {link: "nothing.md", want: "leads to nothing"},
		"no heading":      {link: "#nothing", want: "leads to no heading"},
		"not Markdown":    {link: "../go.mod#title", want: "leads to no heading"},
		"third heading":   {link: "../README.md#use-it-2", want: "leads to no heading"},
		"absolute":        {link: "/README.md", want: "is absolute"},
		"out of the root": {link: "../../x.md", want: "leads out of the checkout"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := broken(from, c.link, pages); got != c.want {
				t.Errorf("%s: got %q, want %q", c.link, got, c.want)
			}
		})
	}
}

func TestParse(t *testing.T) {
	got := mustParse(t, "x.md", "# A `b.c`: d's e_f!\n\n[link](a.md) ![image](b.png)\n\n    indented\n      more\n\n```yaml\nfenced\n```\n\n"+
		"| [cell](c.md) |\n| --- |\n")
	want := &Page{
		Path: "x.md", Text: got.Text,
		Links:   []string{"a.md", "b.png", "c.md"},
		Anchors: map[string]bool{"a-bc-ds-e_f": true},
		Code:    []string{"indented\n  more\n", "fenced\n"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func mustParse(t *testing.T, path, content string) *Page {
	t.Helper()
	p, err := parse(path, []byte(content))
	if err != nil {
		t.Fatal(err)
	}
	return p
}
