package host

import (
	"os"
	"strings"
	"testing"
)

// The CRD of Domains has the same rules in CEL, so that no door accepts what another one refuses.
func TestPatternsOfTheCRD(t *testing.T) {
	t.Parallel()
	crd, err := os.ReadFile("../../config/crd/berth.dev_domains.yaml")
	if err != nil {
		t.Fatal(err)
	}
	// controller-gen breaks long lines.
	text := strings.Join(strings.Fields(string(crd)), " ")
	for _, p := range []string{pattern.String(), numeric.String()} {
		if !strings.Contains(text, p) {
			t.Errorf("config/crd/berth.dev_domains.yaml does not have the pattern %s", p)
		}
	}
}
