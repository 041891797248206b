package docs

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

func TestContract(t *testing.T) {
	openAPI, err := os.ReadFile("../../openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	d, err := New(openAPI, "berth.example.com")
	if err != nil {
		t.Fatal(err)
	}
	if !json.Valid(d.JSON) {
		t.Error("New(...).JSON is not JSON")
	}
	page := string(d.Page)
	if n := strings.Count(page, `id="error-429"`); n != 1 {
		t.Errorf("the error that most calls have is there %d times", n)
	}
	for _, want := range []string{
		"/api/containers/{organization}/apps/{app}/logs/",
		`<code>slug</code> <span class="type">string, required</span>`,
		`<span class="type">production or testing, default production</span>`,
		"This slug is taken.",
		"[cowork-6d5f9c7b8-x2x4k ended with exit code 2: Error]",
		"<code>https://SLUG.BASE-DOMAIN</code>",
		"<code>Retry-After</code>",
		"https://berth.example.com/api/containers/cowork/apps/",
		`href="/profile/"`,
		`<a href="#error-429">429</a>`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page doesn't have %q", want)
		}
	}
	for _, unwanted := range []string{"<script", "http://", "ZgotmplZ", "style=", "&lt;nil", "`", "api.example.com"} {
		if strings.Contains(page, unwanted) {
			t.Errorf("the page has %q", unwanted)
		}
	}
}

func TestBrokenContract(t *testing.T) {
	cases := map[string]struct{ reason, openAPI string }{
		"NotYAML":           {reason: "Text that isn't YAML is refused.", openAPI: "\t: ["},
		"WrongType":         {reason: "A contract of another shape is refused.", openAPI: "paths: []"},
		"DanglingParameter": {reason: "A reference must lead somewhere.", openAPI: operationWith("parameters: [{$ref: '#/components/parameters/None'}]")},
		"DanglingBody":      {reason: "A reference must lead somewhere.", openAPI: operationWith("requestBody: {$ref: '#/components/requestBodies/None'}")},
		"DanglingResponse":  {reason: "A reference must lead somewhere.", openAPI: operationWith("responses: {'200': {$ref: '#/components/responses/None'}}")},
		"DanglingBodySchema": {
			reason:  "A reference must lead somewhere.",
			openAPI: operationWith("requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/None'}}}}"),
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := New([]byte(tc.openAPI), ""); err == nil {
				t.Errorf("\n%s\nNew(...): no error", tc.reason)
			}
		})
	}
}

func operationWith(member string) string {
	return "tags: [{name: a}]\npaths:\n  /:\n    get:\n      tags: [a]\n      " + member + "\n"
}
