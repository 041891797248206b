package requestid

import (
	"strings"
	"testing"
)

// FuzzOf says that an id is the client's own or another, and in either case nothing that a log or a header could trip over.
func FuzzOf(f *testing.F) {
	for _, sent := range []string{"", "client-1:2_3.4", strings.Repeat("x", 65), "a\nb", `"},{"level":"ERROR`, "é", "a\n"} {
		f.Add(sent)
	}
	f.Fuzz(func(t *testing.T, sent string) {
		const plain = "-_.:0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		got := Of(sent)
		if got == "" || len(got) > 64 || strings.Trim(got, plain) != "" {
			t.Errorf("Of(%q): got %q", sent, got)
		}
		if kept := sent != "" && len(sent) <= 64 && strings.Trim(sent, plain) == ""; (got == sent) != kept {
			t.Errorf("Of(%q): got %q", sent, got)
		}
	})
}
