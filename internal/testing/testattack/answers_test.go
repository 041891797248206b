package testattack

import (
	"net/http"
	"testing"
)

// TestMissing says which answers show that an attack was as hard as the limits allow.
func TestMissing(t *testing.T) {
	t.Parallel()
	whole := func(leftOut Kind, status int) *Answers {
		all := &Answers{counts: map[Kind]map[int]int{}}
		for _, kind := range append([]Kind{Creation}, kinds...) {
			for _, each := range []int{http.StatusOK, http.StatusTooManyRequests} {
				if (each == http.StatusOK || limited(kind)) && (kind != leftOut || each != status) {
					all.add(kind, each)
				}
			}
		}
		return all
	}
	for name, tc := range map[string]struct {
		answers *Answers
		missing bool
	}{
		"All":                   {answers: whole("", 0)},
		"NoPage":                {answers: whole(Page, http.StatusOK), missing: true},
		"NoCreation":            {answers: whole(Creation, http.StatusOK), missing: true},
		"NoChange":              {answers: whole(Change, http.StatusOK), missing: true},
		"NoChangeRefused":       {answers: whole(Change, http.StatusTooManyRequests), missing: true},
		"NoPrivateKeyIsRefused": {answers: whole(PrivateKey, http.StatusTooManyRequests), missing: true},
		"None":                  {answers: &Answers{}, missing: true},
	} {
		if got := tc.answers.Missing(); (got != "") != tc.missing {
			t.Errorf("%s: missing is %q", name, got)
		}
	}
}
