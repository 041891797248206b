// Package testrandom makes random values for tests.
package testrandom

import (
	"math/rand/v2"
	"regexp/syntax"
	"strings"
)

// maxRepeat is how often at most what a pattern may repeat without end is repeated.
const maxRepeat = 8

// Matching returns a text that a pattern matches. It panics on what is no pattern.
func Matching(random *rand.Rand, pattern string) string {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		panic(err)
	}
	var text strings.Builder
	write(random, &text, parsed.Simplify())
	return text.String()
}

// write writes what a part of a pattern matches. What matches no character, such as an anchor, is left to be where it should.
func write(random *rand.Rand, text *strings.Builder, part *syntax.Regexp) {
	switch part.Op {
	case syntax.OpLiteral:
		text.WriteString(string(part.Rune))
	case syntax.OpCharClass:
		pair := 2 * random.IntN(len(part.Rune)/2)
		from, to := part.Rune[pair], part.Rune[pair+1]
		text.WriteRune(from + random.Int32N(to-from+1))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		text.WriteRune('!' + random.Int32N('~'-'!'))
	case syntax.OpConcat:
		for _, sub := range part.Sub {
			write(random, text, sub)
		}
	case syntax.OpAlternate:
		write(random, text, part.Sub[random.IntN(len(part.Sub))])
	case syntax.OpCapture:
		write(random, text, part.Sub[0])
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest, syntax.OpRepeat:
		for range times(random, part) {
			write(random, text, part.Sub[0])
		}
	default:
	}
}

// times is how often a part is repeated.
func times(random *rand.Rand, part *syntax.Regexp) int {
	switch part.Op {
	case syntax.OpPlus:
		return 1 + random.IntN(maxRepeat)
	case syntax.OpQuest:
		return random.IntN(2)
	case syntax.OpRepeat:
		return part.Min + random.IntN(max(part.Max, part.Min)-part.Min+1)
	default:
		return random.IntN(maxRepeat + 1)
	}
}
