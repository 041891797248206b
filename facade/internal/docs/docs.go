// Package docs makes a page to read and a document for programs of an OpenAPI contract. The page is rendered once and needs no script and
// nothing from elsewhere.
package docs

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed" // For the page's template and style.
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"

	"sigs.k8s.io/yaml"

	"github.com/berth-dev/berth/facade/internal/look"
)

var (
	//go:embed page.html
	pageTemplate string
	//go:embed page.css
	pageStyle string
)

// Docs is a contract, ready to be served.
type Docs struct {
	// Page is the contract as an HTML page.
	Page []byte
	// PagePolicy is the Content-Security-Policy that the page goes with: its own style and nothing else.
	PagePolicy string
	// JSON is the contract as a JSON document.
	JSON []byte
}

// exampleHost is the host that the contract's examples call.
const exampleHost = "api.example.com"

// New reads an OpenAPI 3.1 contract, YAML. All that it refers to must be in it. Its examples call host, unless that is empty.
func New(openAPI []byte, host string) (*Docs, error) {
	openAPI = bytes.ReplaceAll(openAPI, []byte(exampleHost), []byte(cmp.Or(host, exampleHost)))
	document, err := yaml.YAMLToJSON(openAPI)
	if err != nil {
		return nil, fmt.Errorf("read the contract: %w", err)
	}
	c := &contract{}
	if err := json.Unmarshal(document, c); err != nil {
		return nil, fmt.Errorf("read the contract: %w", err)
	}
	view, err := c.view()
	if err != nil {
		return nil, fmt.Errorf("read the contract: %w", err)
	}
	style := look.Style + pageStyle
	view.Style = template.CSS(style) //nolint:gosec // It is ours.
	page, err := template.New("page").Funcs(template.FuncMap{"inlines": inlines}).Parse(pageTemplate)
	if err != nil {
		return nil, fmt.Errorf("read the page's template: %w", err)
	}
	var rendered bytes.Buffer
	if err := page.Execute(&rendered, view); err != nil {
		return nil, fmt.Errorf("render the contract: %w", err)
	}
	hash := sha256.Sum256([]byte(style))
	policy := fmt.Sprintf("default-src 'none'; style-src 'sha256-%s'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
		base64.StdEncoding.EncodeToString(hash[:]))
	return &Docs{Page: rendered.Bytes(), PagePolicy: policy, JSON: document}, nil
}
