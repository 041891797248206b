package docs

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strings"
)

// view is what the template shows.
type view struct {
	Title, Version, Summary string
	Paragraphs              []block
	Groups                  []group
	// Errors are the answers that several calls have in common.
	Errors []answer
	Style  template.CSS
}

// group is the operations with one tag.
type group struct {
	Name, Description string
	Operations        []call
}

// call is one operation.
type call struct {
	ID, Method, Path, Summary string
	Paragraphs                []block
	Parameters, Body          []field
	Example                   string
	Answers                   []answer
	// Errors are the statuses of answers that several calls have in common.
	Errors []string
}

// field is a parameter or a member of a body.
type field struct {
	Name, Where, Type, Description, Default string
	Required                                bool
}

// answer is a response.
type answer struct {
	Status, Description, Example string
}

// block is a paragraph, or code if it was indented.
type block struct {
	Text string
	Code bool
}

func (c *contract) view() (*view, error) {
	v := &view{Title: c.Info.Title, Version: c.Info.Version, Summary: c.Info.Summary, Paragraphs: blocks(c.Info.Description)}
	for _, tag := range c.Tags {
		g := group{Name: tag.Name, Description: tag.Description}
		for _, path := range slices.Sorted(maps.Keys(c.Paths)) {
			calls, err := c.calls(path, tag.Name)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			g.Operations = append(g.Operations, calls...)
		}
		v.Groups = append(v.Groups, g)
	}
	v.Errors = c.errors()
	return v, nil
}

// errors are the answers that several calls have in common, by their statuses. Of each status there is one, or else the calls show their own.
func (c *contract) errors() []answer {
	names := c.errorNames()
	var all []answer
	for _, status := range slices.Sorted(maps.Keys(names)) {
		r := c.Components.Responses[names[status]]
		all = append(all, answer{Status: status, Description: r.Description, Example: exampleOf(r.Content["application/json"])})
	}
	return all
}

// errorNames are the components that the calls refer to for their errors, by status.
func (c *contract) errorNames() map[string]string {
	names := map[string]string{}
	for _, item := range c.Paths {
		for _, o := range []*operation{item.Get, item.Post, item.Put, item.Delete} {
			if o == nil {
				continue
			}
			for status, r := range o.Responses {
				if r.Ref != "" && status >= "4" {
					names[status] = strings.TrimPrefix(r.Ref, "#/components/responses/")
				}
			}
		}
	}
	return names
}

func (c *contract) calls(path, tag string) ([]call, error) {
	item := c.Paths[path]
	var calls []call
	for _, method := range []struct {
		name      string
		operation *operation
	}{{"GET", item.Get}, {"POST", item.Post}, {"PUT", item.Put}, {"DELETE", item.Delete}} {
		if method.operation == nil || !slices.Contains(method.operation.Tags, tag) {
			continue
		}
		one, err := c.call(item, method.operation)
		if err != nil {
			return nil, err
		}
		one.Method, one.Path = method.name, path
		calls = append(calls, one)
	}
	return calls, nil
}

func (c *contract) call(item pathItem, o *operation) (call, error) {
	one := call{ID: o.ID, Summary: o.Summary, Paragraphs: blocks(o.Description)}
	for _, p := range slices.Concat(item.Parameters, o.Parameters) {
		p, err := resolve(p.Ref, "parameters", c.Components.Parameters, p)
		if err != nil {
			return one, err
		}
		one.Parameters = append(one.Parameters, field{
			Name: p.Name, Where: p.In, Type: typeOf(p.Schema), Description: p.Description, Default: text(p.Schema.Default), Required: p.Required,
		})
	}
	body, err := resolve(o.RequestBody.Ref, "requestBodies", c.Components.RequestBodies, o.RequestBody)
	if err != nil {
		return one, err
	}
	asJSON := body.Content["application/json"]
	one.Example = indent(asJSON.Example)
	if one.Body, err = c.fields(asJSON.Schema); err != nil {
		return one, err
	}
	shared := c.errorNames()
	for _, status := range slices.Sorted(maps.Keys(o.Responses)) {
		if ref := o.Responses[status].Ref; ref != "" && strings.TrimPrefix(ref, "#/components/responses/") == shared[status] {
			if _, found := c.Components.Responses[shared[status]]; !found {
				return one, fmt.Errorf("there is no %s", ref)
			}
			one.Errors = append(one.Errors, status)
			continue
		}
		r, err := resolve(o.Responses[status].Ref, "responses", c.Components.Responses, o.Responses[status])
		if err != nil {
			return one, err
		}
		one.Answers = append(one.Answers, answer{Status: status, Description: r.Description, Example: exampleOf(r.Content["application/json"])})
	}
	return one, nil
}

// fields are the members of an object, those that must be there first.
func (c *contract) fields(s schema) ([]field, error) {
	s, err := c.schema(s)
	if err != nil {
		return nil, err
	}
	var all []field
	for _, part := range s.AllOf {
		fields, err := c.fields(part)
		if err != nil {
			return nil, err
		}
		all = append(all, fields...)
	}
	for name, property := range s.Properties {
		property, err := c.schema(property)
		if err != nil {
			return nil, err
		}
		all = append(all, field{
			Name: name, Type: typeOf(property), Description: property.Description, Default: text(property.Default),
		})
	}
	for i := range all {
		all[i].Required = all[i].Required || slices.Contains(s.Required, all[i].Name)
	}
	slices.SortFunc(all, func(a, b field) int {
		if a.Required != b.Required {
			return cmp.Compare(text(!a.Required), text(!b.Required))
		}
		return cmp.Compare(a.Name, b.Name)
	})
	return all, nil
}

func typeOf(s schema) string {
	if len(s.Enum) > 0 {
		return strings.Join(s.Enum, " or ")
	}
	if several, ok := s.Type.([]any); ok && len(several) > 0 {
		return text(several[0])
	}
	return text(s.Type)
}

func text(value any) string {
	if value == nil {
		return ""
	}
	return fmt.Sprint(value)
}

func exampleOf(m mediaType) string {
	if len(m.Examples) == 0 {
		return indent(m.Example)
	}
	var all []string
	for _, name := range slices.Sorted(maps.Keys(m.Examples)) {
		all = append(all, indent(m.Examples[name].Value))
	}
	return strings.Join(all, "\n")
}

func indent(example json.RawMessage) string {
	var out bytes.Buffer
	if json.Indent(&out, example, "", "  ") != nil {
		return ""
	}
	return out.String()
}

// inline is a stretch of a paragraph.
type inline struct {
	Text string
	Code bool
}

// inlines parts a text at its backticks: what is between two of them is code.
func inlines(text string) []inline {
	var all []inline
	for i, part := range strings.Split(text, "`") {
		if part != "" {
			all = append(all, inline{Text: part, Code: i%2 == 1})
		}
	}
	return all
}

// blocks parts a text at its empty lines.
func blocks(text string) []block {
	var all []block
	for part := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n\n") {
		if part == "" {
			continue
		}
		code, indented := strings.CutPrefix(part, "    ")
		if indented {
			part = strings.ReplaceAll(code, "\n    ", "\n")
		}
		all = append(all, block{Text: part, Code: indented})
	}
	return all
}
