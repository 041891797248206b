package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// constant is a name that is part of the API, with its doc comment.
type constant struct{ name, value, doc string }

// constants adds those that objects' conditions, labels and annotations are made of.
func (m *markdown) constants(folder string) error {
	var all []constant
	for _, file := range []string{"conditions.go", "labels.go"} {
		some, err := readConstants(filepath.Join(folder, file))
		if err != nil {
			return err
		}
		all = append(all, some...)
	}
	for _, section := range []struct{ title, prefix string }{
		{"Conditions", "Condition"},
		{"Reasons", "Reason"},
		{"Labels", "Label"},
		{"Values of the label berth.dev/secret", "Secret"},
		{"Annotations", "Annotation"},
		{"Field owners", "FieldOwner"},
	} {
		m.para("## " + section.title)
		for _, c := range all {
			if strings.HasPrefix(c.name, section.prefix) {
				m.add("- " + prose(withValues(c.doc, all)) + "\n")
			}
		}
		m.add("\n")
	}
	return nil
}

// identifier finds the names of constants in a text.
var identifier = regexp.MustCompile(`\b(Condition|Reason|Label|Secret|Annotation|FieldOwner)[A-Z0-9]?\w*`)

// withValues puts the values of constants in place of their names, as code.
func withValues(doc string, all []constant) string {
	return identifier.ReplaceAllStringFunc(doc, func(name string) string {
		for _, c := range all {
			if c.name == name {
				return code(c.value)
			}
		}
		return name
	})
}

func readConstants(path string) ([]constant, error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	var all []constant
	for _, declaration := range file.Decls {
		group, ok := declaration.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST {
			continue
		}
		for _, spec := range group.Specs {
			c, err := readConstant(spec)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			all = append(all, c)
		}
	}
	return all, nil
}

func readConstant(spec ast.Spec) (constant, error) {
	value, ok := spec.(*ast.ValueSpec)
	if !ok || len(value.Names) != 1 || len(value.Values) != 1 {
		return constant{}, fmt.Errorf("%v isn't one constant", spec)
	}
	c := constant{name: value.Names[0].Name, doc: value.Doc.Text()}
	literal, ok := value.Values[0].(*ast.BasicLit)
	if !ok || c.doc == "" {
		return constant{}, fmt.Errorf("%s wants a literal and a comment", c.name)
	}
	text, err := strconv.Unquote(literal.Value)
	c.value = text
	return c, err
}
