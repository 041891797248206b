package docs

import (
	"encoding/json"
	"fmt"
	"strings"
)

// contract is what the page shows of an OpenAPI document.
type contract struct {
	Info struct {
		Title       string `json:"title"`
		Version     string `json:"version"`
		Summary     string `json:"summary"`
		Description string `json:"description"`
	} `json:"info"`
	Tags []struct {
		Name        string `json:"name"`
		Description string `json:"description"`
	} `json:"tags"`
	Paths      map[string]pathItem `json:"paths"`
	Components struct {
		Parameters    map[string]parameter   `json:"parameters"`
		RequestBodies map[string]requestBody `json:"requestBodies"`
		Responses     map[string]response    `json:"responses"`
		Schemas       map[string]schema      `json:"schemas"`
	} `json:"components"`
}

type pathItem struct {
	Parameters []parameter `json:"parameters"`
	Get        *operation  `json:"get"`
	Post       *operation  `json:"post"`
	Put        *operation  `json:"put"`
	Delete     *operation  `json:"delete"`
}

type operation struct {
	ID          string              `json:"operationId"`
	Tags        []string            `json:"tags"`
	Summary     string              `json:"summary"`
	Description string              `json:"description"`
	Parameters  []parameter         `json:"parameters"`
	RequestBody requestBody         `json:"requestBody"`
	Responses   map[string]response `json:"responses"`
}

type parameter struct {
	Ref         string `json:"$ref"`
	Name        string `json:"name"`
	In          string `json:"in"`
	Required    bool   `json:"required"`
	Description string `json:"description"`
	Schema      schema `json:"schema"`
}

type requestBody struct {
	Ref     string               `json:"$ref"`
	Content map[string]mediaType `json:"content"`
}

type response struct {
	Ref         string               `json:"$ref"`
	Description string               `json:"description"`
	Content     map[string]mediaType `json:"content"`
}

type mediaType struct {
	Schema   schema                  `json:"schema"`
	Example  json.RawMessage         `json:"example"`
	Examples map[string]namedExample `json:"examples"`
}

type namedExample struct {
	Value json.RawMessage `json:"value"`
}

type schema struct {
	Ref         string            `json:"$ref"`
	Type        any               `json:"type"`
	Description string            `json:"description"`
	Default     any               `json:"default"`
	Enum        []string          `json:"enum"`
	Required    []string          `json:"required"`
	Properties  map[string]schema `json:"properties"`
	AllOf       []schema          `json:"allOf"`
	AnyOf       []schema          `json:"anyOf"`
}

// resolve follows a reference to a component of this kind, if there is one.
func resolve[T any](ref, kind string, components map[string]T, inline T) (T, error) {
	if ref == "" {
		return inline, nil
	}
	component, found := components[strings.TrimPrefix(ref, "#/components/"+kind+"/")]
	if !found {
		return inline, fmt.Errorf("there is no %s", ref)
	}
	return component, nil
}

func (c *contract) schema(s schema) (schema, error) {
	resolved, err := resolve(s.Ref, "schemas", c.Components.Schemas, s)
	if err != nil || len(resolved.AnyOf) == 0 {
		return resolved, err
	}
	// The first of several is the one that says what the value means; the others are null.
	return c.schema(resolved.AnyOf[0])
}
