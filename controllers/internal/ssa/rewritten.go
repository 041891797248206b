package ssa

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
)

// rewritten returns the fields that the API server answered with another value than was applied: an admission webhook or policy has changed them,
// and is going to do so again. What is empty may be left out of an answer.
func rewritten(wanted, answered []byte) []Claim {
	var want, got any
	if json.Unmarshal(wanted, &want) != nil || json.Unmarshal(answered, &got) != nil {
		return nil
	}
	var fields []string
	compare("", want, got, &fields)
	slices.Sort(fields)
	claims := make([]Claim, 0, min(len(fields), maxClaims))
	for _, field := range fields[:min(len(fields), maxClaims)] {
		claims = append(claims, Claim{Field: field})
	}
	return claims
}

func compare(path string, want, got any, fields *[]string) {
	switch want := want.(type) {
	case map[string]any:
		have, ok := got.(map[string]any)
		if !ok && len(want) > 0 {
			*fields = append(*fields, path)
			return
		}
		for name, value := range want {
			below := name
			if path != "" {
				below = path + "." + name
			}
			compare(below, value, have[name], fields)
		}
	case []any:
		have, _ := got.([]any)
		if len(have) < len(want) {
			*fields = append(*fields, path)
			return
		}
		for i, value := range want {
			compare(fmt.Sprintf("%s[%d]", path, i), value, counterpart(value, i, have), fields)
		}
	default:
		if got == nil && isZero(want) || reflect.DeepEqual(want, got) {
			return
		}
		*fields = append(*fields, path)
	}
}

// counterpart returns the item of a list that has the name of a wanted one, or else its place: others may add items.
func counterpart(want any, i int, have []any) any {
	if item, ok := want.(map[string]any); ok && item["name"] != nil {
		for _, other := range have {
			if other, ok := other.(map[string]any); ok && other["name"] == item["name"] {
				return other
			}
		}
	}
	return have[i]
}

func isZero(value any) bool { return value == nil || reflect.ValueOf(value).IsZero() }
