package testrandom

import (
	"math/rand/v2"
	"regexp"
	"testing"
)

func TestMatching(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, pattern := range []string{`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`, `^[A-Za-z_][A-Za-z0-9_]*$`, `^(a|bc{2,5}|.+d?)$`, `^[0-9a-f]{32,}$`} {
		for range 100 {
			if text := Matching(random, pattern); !regexp.MustCompile(pattern).MatchString(text) {
				t.Errorf("%s doesn't match %q", pattern, text)
			}
		}
	}
}
