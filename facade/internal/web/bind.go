package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"unicode/utf8"

	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/wire"
)

// maxDepth is how deeply a JSON body may be nested; the deepest that anything reads is 3.
const maxDepth = 32

// ErrIncomplete is the cause of the error about a body that ended before its end.
var ErrIncomplete = errors.New("the body is incomplete")

// Bind reads the members of a request's body: a JSON object, a form or a multipart form, by its Content-Type. A body that is empty has none.
//
// JSON gives what encoding/json does, numbers as json.Number. A form gives strings, the last of a name that is repeated; names like
// env[0]name make a list of objects, and domains is a list of all that it is given; an uploaded file gives a wire.Upload, also the last of its name.
func Bind(r *http.Request) (map[string]any, error) {
	body, err := io.ReadAll(r.Body)
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return nil, apierr.TooLarge()
	} else if refused, ok := errors.AsType[*apierr.Error](err); ok {
		return nil, refused
	} else if err != nil {
		return nil, apierr.BadRequest("The body of the request could not be read.").Because(fmt.Errorf("%w: %w", ErrIncomplete, err))
	}
	if len(body) == 0 {
		return map[string]any{}, nil
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return nil, apierr.UnsupportedMediaType(encoding)
	}
	contentType := r.Header.Get("Content-Type")
	mediaType, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return nil, apierr.UnsupportedMediaType(contentType)
	}
	switch mediaType {
	case "application/json":
		return bindJSON(body)
	case "application/x-www-form-urlencoded":
		return bindForm(body)
	case "multipart/form-data":
		return bindMultipart(body, params["boundary"])
	default:
		return nil, apierr.UnsupportedMediaType(contentType)
	}
}

func bindJSON(body []byte) (map[string]any, error) {
	if !utf8.Valid(body) {
		return nil, apierr.BadRequest("JSON parse error: the body is not valid UTF-8.")
	}
	if nestedDeeper(body, maxDepth) {
		return nil, apierr.BadRequest("JSON parse error: the body is nested too deeply.")
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, apierr.BadRequest("JSON parse error: " + err.Error() + ".")
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, apierr.BadRequest("JSON parse error: there is more after the first value.")
	}
	members, ok := value.(map[string]any)
	if !ok {
		return nil, apierr.BadRequest("The body must be a JSON object.")
	}
	return members, nil
}

// nestedDeeper tells whether arrays and objects are nested deeper than depth, without building them.
func nestedDeeper(body []byte, depth int) bool {
	level, quoted := 0, false
	for i := 0; i < len(body); i++ {
		switch char := body[i]; {
		case quoted && char == '\\':
			i++
		case char == '"':
			quoted = !quoted
		case quoted:
		case char == '[' || char == '{':
			level++
			if level > depth {
				return true
			}
		case char == ']' || char == '}':
			level--
		}
	}
	return false
}

func bindForm(body []byte) (map[string]any, error) {
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, apierr.BadRequest("Form parse error: the body is not form-encoded.")
	}
	return fromForm(values)
}

func bindMultipart(body []byte, boundary string) (map[string]any, error) {
	malformed := apierr.BadRequest("Multipart form parse error: the body is not what its Content-Type says.")
	if boundary == "" {
		return nil, malformed
	}
	// The whole body is in memory and bounded already, so no part goes to a file.
	form, err := multipart.NewReader(bytes.NewReader(body), boundary).ReadForm(int64(len(body)))
	if err != nil {
		return nil, malformed
	}
	members, err := fromForm(form.Value)
	if err != nil {
		return nil, err
	}
	for name, files := range form.File {
		if members[name], err = upload(files[len(files)-1]); err != nil {
			return nil, malformed
		}
	}
	return members, nil
}

func upload(header *multipart.FileHeader) (wire.Upload, error) {
	file, err := header.Open()
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(file)
}

// fromForm makes members of a form's values.
func fromForm(values map[string][]string) (map[string]any, error) {
	members, lists := map[string]any{}, lists{}
	// In an order of their own, since two names can be of the same member of a list.
	for _, name := range slices.Sorted(maps.Keys(values)) {
		value := values[name][len(values[name])-1]
		if !utf8.ValidString(name) || !utf8.ValidString(value) {
			return nil, apierr.BadRequest("Form parse error: the body is not valid UTF-8.")
		}
		switch {
		case name == wire.FieldDomains:
			all := make([]any, 0, len(values[name]))
			for _, item := range values[name] {
				if !utf8.ValidString(item) {
					return nil, apierr.BadRequest("Form parse error: the body is not valid UTF-8.")
				}
				all = append(all, item)
			}
			members[name] = all
		case !lists.add(name, value):
			members[name] = value
		}
	}
	maps.Copy(members, lists.members())
	return members, nil
}
