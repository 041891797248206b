package main

import (
	"errors"
	"slices"
	"strings"

	"github.com/pb33f/libopenapi/datamodel/high/v3"
	"github.com/pb33f/libopenapi/json"
)

// example adds the example of a body, if it has one.
func (m *markdown) example(content *v3.MediaType) error {
	if content == nil || content.Example == nil {
		return nil
	}
	text, err := json.YAMLNodeToJSON(content.Example, "  ")
	m.para(fenced("json", string(text)))
	return err
}

// isShared reports whether a response is described once for all calls: a component with nothing but an error in it.
func isShared(response *v3.Response) bool {
	content := asJSON(response.Content)
	return response.GoLow().IsReference() && content != nil && strings.HasSuffix(content.Schema.GetReference(), "/Error")
}

// errors describes the answers that many calls have in common, by their statuses.
func (m *markdown) errors(contract *v3.Document) error {
	m.para("## Errors", "The body of each is an [Error](#error). Every answer has the header `X-Request-Id`, which the server's log has too.")
	var rows [][]string
	seen := map[string]bool{}
	for path := range contract.Paths.PathItems.ValuesFromOldest() {
		for operation := range path.GetOperations().ValuesFromOldest() {
			for status, response := range operation.Responses.Codes.FromOldest() {
				if !isShared(response) || seen[status+response.Description] {
					continue
				}
				seen[status+response.Description] = true
				detail, err := detailOf(response)
				if err != nil {
					return err
				}
				rows = append(rows, []string{status, prose(response.Description), prose(detail)})
			}
		}
	}
	slices.SortStableFunc(rows, slices.Compare)
	m.table([]string{"answer", "meaning", "such as"}, rows)
	return nil
}

// detailOf returns the detail of the first example of an error.
func detailOf(response *v3.Response) (string, error) {
	content := asJSON(response.Content)
	node := content.Example
	for example := range content.Examples.ValuesFromOldest() {
		node = example.Value
		break
	}
	if node == nil {
		return "", errors.New("an error without an example")
	}
	var body struct{ Detail string }
	err := node.Decode(&body)
	return body.Detail, err
}
