package fuzz

import (
	"net/http"
	"testing"
)

// TestMissing says which answers to attackers show that they attacked.
func TestMissing(t *testing.T) {
	whole := func(leftOut string, status int) *answers {
		all := &answers{}
		for what, bounded := range attackKinds {
			for _, each := range []int{http.StatusOK, http.StatusTooManyRequests} {
				if (each == http.StatusOK || bounded) && (what != leftOut || each != status) {
					all.add(what, each)
				}
			}
		}
		return all
	}
	for name, tc := range map[string]struct {
		answers *answers
		missing bool
	}{
		"All":            {answers: whole("", 0)},
		"NoPage":         {answers: whole("page", http.StatusOK), missing: true},
		"NoChange":       {answers: whole("change", http.StatusOK), missing: true},
		"ChangesWithout": {answers: whole("change", http.StatusTooManyRequests), missing: true},
		"KeysWithout":    {answers: whole("key", http.StatusTooManyRequests), missing: true},
		"None":           {answers: &answers{}, missing: true},
	} {
		if got := tc.answers.missing(); (got != "") != tc.missing {
			t.Errorf("%s: missing is %q", name, got)
		}
	}
}
