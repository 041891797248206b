package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pb33f/libopenapi"
	"github.com/pb33f/libopenapi/datamodel/high/v3"
)

// restPage describes each call of the REST API, then the bodies and the errors that several of them have.
func restPage(root string) (string, error) {
	content, err := os.ReadFile(filepath.Join(root, "facade", "openapi.yaml")) //nolint:gosec // The checkout's own.
	if err != nil {
		return "", err
	}
	document, err := libopenapi.NewDocument(content)
	if err != nil {
		return "", err
	}
	model, err := document.BuildV3Model()
	if err != nil {
		return "", err
	}
	contract := &model.Model
	m := newPage("REST reference", "facade/openapi.yaml")
	m.para(paragraphs(contract.Info.Description)...)
	m.para("[API keys](../keys.md) says where a key comes from.")
	m.summary(contract)
	for _, tag := range contract.Tags {
		m.para("## "+strings.ToUpper(tag.Name[:1])+tag.Name[1:], prose(tag.Description))
		for _, c := range calls(contract, tag.Name) {
			if err := m.call(c); err != nil {
				return "", fmt.Errorf("%s %s: %w", c.method, c.path, err)
			}
		}
	}
	if err := m.bodies(contract); err != nil {
		return "", err
	}
	if err := m.errors(contract); err != nil {
		return "", err
	}
	return m.String(), nil
}

// call is one operation.
type call struct {
	method, path string
	item         *v3.PathItem
	operation    *v3.Operation
}

// calls returns those with a tag, in the order of the contract.
func calls(contract *v3.Document, tag string) []call {
	var all []call
	for path, item := range contract.Paths.PathItems.FromOldest() {
		for method, operation := range item.GetOperations().FromOldest() {
			if slices.Contains(operation.Tags, tag) {
				all = append(all, call{method: strings.ToUpper(method), path: path, item: item, operation: operation})
			}
		}
	}
	return all
}

func (m *markdown) summary(contract *v3.Document) {
	var rows [][]string
	for _, tag := range contract.Tags {
		for _, c := range calls(contract, tag.Name) {
			rows = append(rows, []string{code(c.method + " " + c.path), "[" + c.operation.Summary + "](#" + anchor(c.operation.Summary) + ")"})
		}
	}
	m.table([]string{"call", "what it does"}, rows)
}

// anchor is what the heading of a call is linked by. Summaries have nothing but letters, spaces, hyphens and apostrophes.
func anchor(heading string) string {
	return strings.NewReplacer(" ", "-", "'", "").Replace(strings.ToLower(heading))
}

func (m *markdown) call(c call) error {
	m.para("### "+c.operation.Summary, code(c.method+" "+c.path))
	m.para(paragraphs(c.operation.Description)...)
	if c.operation.Security != nil && len(c.operation.Security) == 0 {
		m.para("No key is wanted.")
	}
	var parameters [][]string
	for _, p := range slices.Concat(c.item.Parameters, c.operation.Parameters) {
		parameters = append(parameters, []string{code(p.Name), "in the " + p.In, schemaType(p.Schema), meaning(p.Schema, p.Description)})
	}
	m.table([]string{"parameter", "", "type", "meaning"}, parameters)
	if err := m.body(c.operation.RequestBody); err != nil {
		return err
	}
	return m.answers(c.operation.Responses)
}

// body says what a request may carry. A form has the same fields as JSON.
func (m *markdown) body(body *v3.RequestBody) error {
	if body == nil {
		return nil
	}
	json := asJSON(body.Content)
	needed := "None is needed."
	if body.Required != nil && *body.Required {
		needed = "It has to be there."
	}
	var names []string
	for _, f := range membersOf(json.Schema) {
		name := code(f.name)
		if f.required {
			name += " (required)"
		}
		names = append(names, name)
	}
	what := schemaType(json.Schema) + ", as JSON, a form or a multipart form, with "
	m.para("**Body**: " + what + strings.Join(names, ", ") + ". " + needed)
	return m.example(json)
}

// answers lists what a call answers with. Of the errors that most calls have, which are described once, it has the numbers alone.
func (m *markdown) answers(responses *v3.Responses) error {
	var rows [][]string
	var shared []string
	var success *v3.MediaType
	for status, response := range responses.Codes.FromOldest() {
		if isShared(response) {
			shared = append(shared, fmt.Sprintf("[%s](#errors)", status))
			continue
		}
		content := asJSON(response.Content)
		returned := ""
		if content != nil {
			returned = schemaType(content.Schema)
		}
		// What several calls answer with has its example where it is described.
		if strings.HasPrefix(status, "2") && !response.GoLow().IsReference() {
			success = content
		}
		rows = append(rows, []string{status, prose(response.Description), returned})
	}
	m.table([]string{"answer", "meaning", "body"}, rows)
	if err := m.example(success); err != nil {
		return err
	}
	if len(shared) > 0 {
		m.para("Besides: " + strings.Join(shared, ", ") + ".")
	}
	return nil
}
