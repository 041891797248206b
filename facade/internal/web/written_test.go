package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/berth-dev/berth/facade/internal/wire"
)

const (
	typeJSON      = "application/json"
	typeForm      = "application/x-www-form-urlencoded"
	typeMultipart = "multipart/form-data"
)

// written are the type of a body and the members that it says, as the standard library alone reads them: of forms, each name with its last value,
// whatever the name is. They are nil if there is no way to read them.
func written(contentType string, body []byte) (mediaType string, members map[string]any) {
	mediaType, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return "", nil
	}
	switch mediaType {
	case typeJSON:
		decoder := json.NewDecoder(bytes.NewReader(body))
		decoder.UseNumber()
		if decoder.Decode(&members) != nil {
			return mediaType, nil
		}
		return mediaType, members
	case typeForm:
		values, err := url.ParseQuery(string(body))
		if err != nil {
			return mediaType, nil
		}
		members = map[string]any{}
		for name, all := range values {
			members[name] = all[len(all)-1]
		}
		return mediaType, members
	case typeMultipart:
		return mediaType, parts(multipart.NewReader(bytes.NewReader(body), params["boundary"]))
	default:
		return mediaType, nil
	}
}

// parts are the fields and files of a multipart form. A file goes before a field of its name.
func parts(reader *multipart.Reader) map[string]any {
	members := map[string]any{}
	for {
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) {
			return members
		}
		if err != nil {
			return nil
		}
		content, err := io.ReadAll(part)
		if err != nil {
			return nil
		}
		name := part.FormName()
		_, isFile := members[name].(wire.Upload)
		switch {
		case name == "":
		case part.FileName() != "":
			members[name] = wire.Upload(content)
		case !isFile:
			members[name] = string(content)
		}
	}
}

// checkMembers fails the test unless the members of a body are those that were written. What a form writes into lists is to be in them.
func checkMembers(t *testing.T, mediaType string, written, members map[string]any) {
	t.Helper()
	if members == nil {
		t.Fatal("got no members, want none of them")
	}
	if mediaType == typeJSON && written != nil {
		if diff := cmp.Diff(written, members); diff != "" {
			t.Errorf("-written, +read:\n%s", diff)
		}
		return
	}
	var values []any
	for name, value := range written {
		values = append(values, value)
		_, isList := members[name].([]any)
		if _, isText := value.(string); isText && (isList || listName.MatchString(name)) {
			continue
		}
		if diff := cmp.Diff(value, members[name]); diff != "" {
			t.Errorf("%q: -written, +read:\n%s", name, diff)
		}
	}
	for name, read := range members {
		list, isList := read.([]any)
		if _, found := written[name]; !found && !isList {
			t.Errorf("%q is %v, and was not written", name, read)
		}
		for _, item := range list {
			fields, _ := item.(map[string]any)
			for _, value := range fields {
				if !slices.Contains(values, value) {
					t.Errorf("%q has %v, which was not written", name, value)
				}
			}
		}
	}
}
