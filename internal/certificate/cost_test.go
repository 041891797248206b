package certificate

import (
	"bytes"
	"testing"
)

// What is too long is refused before anything is done whose cost grows with the length, and headers are skipped in one pass. With a pass each, this test
// would take minutes.
func TestLongTexts(t *testing.T) {
	t.Parallel()
	headers := func(size int) []byte {
		return append(append([]byte("-----BEGIN CERTIFICATE-----\n"), bytes.Repeat([]byte("a:\n"), size/3)...), "-----END CERTIFICATE-----\n"...)
	}
	for name, text := range map[string][]byte{"TooLong": headers(4 << 20), "Headers": headers(maxText - 100)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := Parse(text); err == nil {
				t.Error("it was accepted")
			}
			if kept := Keep(text); !bytes.Contains(kept, []byte(blockProblem)) {
				t.Errorf("%d bytes were kept, want what is wrong", len(kept))
			}
		})
	}
}
