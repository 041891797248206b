package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/internal/credential"
	"github.com/berth-dev/berth/internal/host"
)

// Messages about fields, in the words that existing clients know.
const (
	messageRequired   = "This field is required."
	messageNull       = "This field may not be null."
	messageBlank      = "This field may not be blank."
	messageNotString  = "Not a valid string."
	messageNotList    = "Expected a list of items."
	messageNullCharac = "Null characters are not allowed."
)

// ParseApp reads what a body says about an app; members it doesn't know are left out. The error is a 400 that names each field that is wrong.
//
// A member is a string, a json.Number, a bool, nil, a []any or a map[string]any, as JSON decodes; a form gives strings, and env either as
// JSON text or as a list.
func ParseApp(members map[string]any) (AppBody, error) {
	p := parser{members: members, errors: apierr.Fields{}}
	body := AppBody{
		Slug:      p.text(FieldSlug, required),
		Location:  p.text("location", required),
		RoleName:  p.text(FieldRole, clearable),
		Env:       p.env(FieldEnv),
		Dataset:   p.text("dataset", clearable),
		Domain:    p.host(FieldDomain, clearable),
		FromEmail: p.text(FieldFrom, clearable),
	}
	if value, named := members["dataset"]; named && value == nil {
		*body.Dataset = datasets[0]
	}
	if id := p.credential(FieldExternalID); id != nil && *id != "" {
		body.ExternalID = id
	}
	body.validate(p.errors)
	return body, p.errors.Err()
}

// emptiness says what null and "" mean for a text field.
type emptiness bool

const (
	// required is a field that can't be empty.
	required emptiness = false
	// clearable is a field that null and "" put back to its default.
	clearable emptiness = true
)

type parser struct {
	members map[string]any
	errors  apierr.Fields
}

// text reads a member that is a string; nil if the body doesn't name it, or wrongly.
func (p *parser) text(name string, empty emptiness) *string {
	member, named := p.members[name]
	if !named {
		return nil
	}
	if member == nil && empty == clearable {
		return new("")
	}
	value, problem := text(member)
	value = strings.TrimSpace(value)
	if problem == "" && value == "" && empty == required {
		problem = messageBlank
	}
	if problem != "" {
		p.errors.Add(name, problem)
		return nil
	}
	return &value
}

// optional reads a member that is a string; nil also if it is null or "".
func (p *parser) optional(name string) *string {
	if value := p.text(name, clearable); value != nil && *value != "" {
		return value
	}
	return nil
}

// host reads a member that is a hostname, as people write one.
func (p *parser) host(name string, empty emptiness) *string {
	value := p.text(name, empty)
	if value == nil || *value == "" {
		return value
	}
	parsed, err := host.Parse(*value)
	if err != nil {
		p.errors.Add(name, err.Error())
		return nil
	}
	return &parsed
}

// credential reads a member that is a password or token, of which every character counts but a line break at its end; null is "".
func (p *parser) credential(name string) *string {
	member, named := p.members[name]
	if !named {
		return nil
	}
	if member == nil {
		return new("")
	}
	value, problem := text(member)
	if problem != "" {
		p.errors.Add(name, problem)
		return nil
	}
	return new(credential.TrimLineBreak(value))
}

// text takes numbers for their text, as clients send ports and flags that way, and says what is wrong with anything else.
func text(member any) (value, problem string) {
	switch v := member.(type) {
	case nil:
		return "", messageNull
	case json.Number:
		return v.String(), ""
	case string:
		if strings.ContainsRune(v, 0) {
			return "", messageNullCharac
		}
		return v, ""
	default:
		return "", messageNotString
	}
}

func (p *parser) env(name string) *[]EnvVar {
	member, named := p.members[name]
	if !named {
		return nil
	}
	if encoded, ok := member.(string); ok {
		member = decodeList(encoded)
	}
	if member == nil {
		return &[]EnvVar{}
	}
	items, ok := member.([]any)
	if !ok {
		p.errors.Add(name, messageNotList)
		return nil
	}
	variables := make([]EnvVar, 0, len(items))
	for i, item := range items {
		variable, problem := envVar(item)
		if problem != "" {
			p.errors.Add(name, fmt.Sprintf("env[%d]%s", i, problem))
			continue
		}
		variables = append(variables, variable)
	}
	return &variables
}

// decodeList reads the env of a form, which is JSON in a string. Empty text is an empty list; what isn't JSON stays a string, for the caller
// to refuse.
func decodeList(encoded string) any {
	if strings.TrimSpace(encoded) == "" {
		return nil
	}
	var list any
	decoder := json.NewDecoder(strings.NewReader(encoded))
	decoder.UseNumber()
	if err := decoder.Decode(&list); err != nil {
		return encoded
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return encoded
	}
	return list
}

func envVar(item any) (variable EnvVar, problem string) {
	members, ok := item.(map[string]any)
	if !ok {
		return EnvVar{}, ": Expected an object with name and value."
	}
	for _, field := range []struct {
		name string
		to   *string
	}{{"name", &variable.Name}, {"value", &variable.Value}} {
		member, named := members[field.name]
		if !named {
			return EnvVar{}, "." + field.name + ": " + messageRequired
		}
		value, problem := text(member)
		if problem != "" {
			return EnvVar{}, "." + field.name + ": " + problem
		}
		*field.to = value
	}
	return variable, ""
}
