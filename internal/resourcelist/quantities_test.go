package resourcelist

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

func TestParse(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		text string
		// want is nil for an error.
		want corev1.ResourceList
	}{
		"Empty": {text: " ", want: corev1.ResourceList{}},
		"One":   {text: "pods=50", want: corev1.ResourceList{"pods": resource.MustParse("50")}},
		"Many": {text: " requests.cpu = 500m ,\n\trequests.memory=8Gi", want: corev1.ResourceList{
			"requests.cpu": resource.MustParse("500m"), "requests.memory": resource.MustParse("8Gi"),
		}},
		"Nothing":   {text: "pods=0", want: corev1.ResourceList{"pods": resource.MustParse("0")}},
		"Slash":     {text: "count/deployments.apps=3", want: corev1.ResourceList{"count/deployments.apps": resource.MustParse("3")}},
		"NoAmount":  {text: "pods"},
		"NoName":    {text: "=4"},
		"NoValue":   {text: "pods="},
		"NotAValue": {text: "pods=many"},
		"Negative":  {text: "pods=-1"},
		"Twice":     {text: "pods=1,pods=2"},
		"Comma":     {text: "pods=1,"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Parse(tc.text)
			if (err == nil) != (tc.want != nil) {
				t.Fatalf("Parse(%q): error %v", tc.text, err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("Parse(%q): -want, +got:\n%s", tc.text, diff)
			}
		})
	}
}
