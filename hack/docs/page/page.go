// Package page reads the project's Markdown, for the tests that hold it against what it speaks of.
package page

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"
)

// Page is a Markdown file.
type Page struct {
	// Path of the file, from the checkout's root.
	Path string
	// Text is all of it.
	Text string
	// Links are where its links and images lead, as they are written.
	Links []string
	// Anchors are what its headings are linked by, as GitHub makes them.
	Anchors map[string]bool
	// Code are its blocks of code, without their indentation.
	Code []string
}

// ReadAll reads every Markdown file below the root of a checkout, but none in a folder that begins with a dot, where what was built lies.
func ReadAll(root string) ([]*Page, error) {
	var pages []*Page
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && strings.HasPrefix(entry.Name(), ".") && path != root {
			return fs.SkipDir
		}
		if entry.IsDir() || filepath.Ext(path) != ".md" {
			return nil
		}
		content, err := os.ReadFile(path) //nolint:gosec // A file of the checkout.
		if err != nil {
			return err
		}
		from, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		p, err := parse(from, content)
		pages = append(pages, p)
		return err
	})
	return pages, err
}

func parse(path string, content []byte) (*Page, error) {
	p := &Page{Path: path, Text: string(content), Anchors: map[string]bool{}}
	document := goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser().Parse(text.NewReader(content))
	return p, ast.Walk(document, func(node ast.Node, entering bool) (ast.WalkStatus, error) {
		if entering {
			p.see(node, content)
		}
		return ast.WalkContinue, nil
	})
}

func (p *Page) see(node ast.Node, content []byte) {
	switch node := node.(type) {
	case *ast.Link:
		p.Links = append(p.Links, string(node.Destination))
	case *ast.Image:
		p.Links = append(p.Links, string(node.Destination))
	case *ast.Heading:
		p.addAnchor(slug(plain(node, content)))
	case *ast.CodeBlock:
		p.Code = append(p.Code, string(node.Lines().Value(content)))
	case *ast.FencedCodeBlock:
		p.Code = append(p.Code, string(node.Lines().Value(content)))
	}
}

// addAnchor numbers headings that are called the same.
func (p *Page) addAnchor(name string) {
	anchor := name
	for i := 1; p.Anchors[anchor]; i++ {
		anchor = fmt.Sprintf("%s-%d", name, i)
	}
	p.Anchors[anchor] = true
}

// plain returns the text of a node without its markup.
func plain(node ast.Node, content []byte) string {
	var out strings.Builder
	for child := node.FirstChild(); child != nil; child = child.NextSibling() {
		if t, ok := child.(*ast.Text); ok {
			fmt.Fprint(&out, string(t.Segment.Value(content)))
			continue
		}
		fmt.Fprint(&out, plain(child, content))
	}
	return out.String()
}

// slug makes the anchor of a heading: lower case, spaces as hyphens, and of the rest letters, digits, hyphens and underscores alone.
func slug(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '_':
			return unicode.ToLower(r)
		}
		return -1
	}, heading)
}
