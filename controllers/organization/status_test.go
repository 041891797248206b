package organization

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/berth-dev/berth/controllers/internal/testobjects"
)

// What nobody has counted, the API server refuses to create; so an organization is not ready before.
func TestUncounted(t *testing.T) {
	t.Parallel()
	hard := testobjects.Amounts("pods", "1", "count/secrets", "1", "count/other.example.com", "1", "requests.cpu", "1")
	for name, tc := range map[string]struct{ used, want string }{
		"Nothing": {want: "count/secrets pods requests.cpu"},
		"Some":    {used: "count/secrets", want: "pods requests.cpu"},
		"All":     {used: "count/secrets pods requests.cpu"},
	} {
		used := corev1.ResourceList{}
		for resource := range strings.FieldsSeq(tc.used) {
			used[corev1.ResourceName(resource)] = hard["pods"]
		}
		if got := strings.Join(uncounted(hard, used), " "); got != tc.want {
			t.Errorf("%s: got %q, want %q", name, got, tc.want)
		}
	}
}
