package fuzz

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/url"
	"strings"
)

// Content types that the contract has bodies in.
const (
	typeJSON      = "application/json"
	typeForm      = "application/x-www-form-urlencoded"
	typeMultipart = "multipart/form-data"
)

// otherTypes are content types that the contract doesn't have, or only looks like having.
var otherTypes = []string{
	"", "text/plain", "application/xml", "application/json; charset=utf-16", "Application/JSON ; x=y", "application/json, text/plain", "application/",
	"multipart/form-data", "multipart/form-data; boundary=", "multipart/mixed; boundary=a", "application/x-www-form-urlencoded; charset=latin1",
	"application/merge-patch+json", "*/*", ";", "application/json;;;", "é/é", "application/json; a=\"b",
}

// brokenJSON are bodies of JSON, or not quite, that hold no object.
var brokenJSON = []string{
	"null", "[]", "1", `"a"`, "{", "}", `{"slug"`, `{"slug":}`, `{"slug":"a",}`, `{"slug":"a"}{"slug":"b"}`, `{"slug":"a"} x`, "\ufeff{}", "{'slug':'a'}",
	`{"slug":"a","slug":"b"}`, `{"slug":"\ud800"}`, `{"slug":"\u0000"}`, "{\"slug\":\"\xff\xfe\"}",
	`{"slug":1e999999}`, `{"env":[{"name":"A","value":-0.0e-0}]}`, " \n", "NaN",
	strings.Repeat("[", 100_000), strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100),
}

// encode writes members as a body of a content type, and returns it with what to say that it is.
func (g *generator) encode(mediaType string, members any) (body []byte, contentType string) {
	object, isObject := members.(map[string]any)
	switch {
	case mediaType == typeForm && isObject:
		return []byte(g.form(object).Encode()), typeForm
	case mediaType == typeMultipart && isObject:
		return g.multipart(object)
	default:
		encoded, err := json.Marshal(members)
		if err != nil {
			return []byte(fmt.Sprint(members)), typeJSON // A number that JSON doesn't have.
		}
		return encoded, typeJSON
	}
}

// form writes members as those of a form.
func (g *generator) form(members map[string]any) url.Values {
	values := url.Values{}
	for _, name := range sortedKeys(members) {
		if members[name] == nil && g.IntN(4) > 0 {
			continue // A form has no null: as an empty text it is often no valid value.
		}
		list, isList := members[name].([]any)
		if isList && g.IntN(2) == 0 {
			g.formList(values, name, list)
			continue
		}
		values.Add(name, formText(members[name]))
	}
	return values
}

// formList writes a list in one of the ways that forms have for it.
func (g *generator) formList(values url.Values, name string, list []any) {
	format := []string{"%s[%d]%s", "%s[%d][%s]", "%s[%d].%s"}[g.IntN(3)]
	for i, item := range list {
		members, ok := item.(map[string]any)
		if !ok {
			values.Add(fmt.Sprintf("%s[%d]", name, i), formText(item))
			continue
		}
		for _, member := range sortedKeys(members) {
			values.Add(fmt.Sprintf(format, name, i, member), formText(members[member]))
		}
	}
}

// formText is a value as a form has it: a text as it is, anything else as JSON.
func formText(value any) string {
	if text, ok := value.(string); ok {
		return text
	}
	if value == nil {
		return ""
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(encoded)
}

// multipart writes members as a multipart form, some of them as files.
func (g *generator) multipart(members map[string]any) (body []byte, contentType string) {
	var text bytes.Buffer
	parts := multipart.NewWriter(&text)
	if err := parts.SetBoundary(fmt.Sprintf("%030x", g.Uint64())); err != nil {
		panic(err)
	}
	form := g.form(members)
	for _, name := range sortedKeys(form) {
		create := parts.CreateFormField
		if strings.HasPrefix(name, "ssl_") && g.IntN(2) == 0 || g.IntN(40) == 0 {
			create = func(field string) (io.Writer, error) { return parts.CreateFormFile(field, "a.pem") }
		}
		part, err := create(name)
		if err == nil {
			_, err = part.Write([]byte(form.Get(name)))
		}
		if err != nil {
			panic(err) // It is written to memory.
		}
	}
	if err := parts.Close(); err != nil {
		panic(err)
	}
	return text.Bytes(), parts.FormDataContentType()
}

// broken makes of a body one that is hardly what it is said to be.
func (g *generator) broken(body []byte, contentType string) (changed []byte, said string) {
	switch g.IntN(6) {
	case 0:
		return body, otherTypes[g.IntN(len(otherTypes))]
	case 1:
		return []byte(brokenJSON[g.IntN(len(brokenJSON))]), typeJSON
	case 2:
		return body[:g.IntN(len(body)+1)], contentType
	case 3:
		return body, []string{typeJSON, typeForm, typeMultipart + "; boundary=b"}[g.IntN(3)]
	default:
		at := g.IntN(len(body) + 1)
		piece := []string{hostileText(g.Rand), `\ud800`, "\xff", "\x00", ",", "}", "%", "&", "\r\n", "--", `"`}[g.IntN(11)]
		return bytes.Join([][]byte{body[:at], []byte(piece), body[min(len(body), at+g.IntN(4)):]}, nil), contentType
	}
}
