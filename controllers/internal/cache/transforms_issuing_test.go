package cache

import (
	"testing"

	acmev1 "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// The cache keeps of what cert-manager makes only what the words are made of.
func TestCacheKeepsLittleOfIssuing(t *testing.T) {
	t.Parallel()
	whole := metav1.ObjectMeta{Name: "x", Labels: map[string]string{"a": "b"}, Annotations: map[string]string{"a": "b"}}
	kept := metav1.ObjectMeta{Name: "x"}
	conditions := []cmv1.CertificateRequestCondition{{Message: "m"}}
	cases := map[string]struct{ in, want client.Object }{
		"CertificateRequest": {
			&cmv1.CertificateRequest{
				ObjectMeta: whole, Spec: cmv1.CertificateRequestSpec{Request: []byte("r")},
				Status: cmv1.CertificateRequestStatus{Conditions: conditions, Certificate: []byte("c")},
			},
			&cmv1.CertificateRequest{ObjectMeta: kept, Status: cmv1.CertificateRequestStatus{Conditions: conditions}},
		},
		"Order": {
			&acmev1.Order{ObjectMeta: whole, Status: acmev1.OrderStatus{State: acmev1.Valid, Reason: "r", Certificate: []byte("c")}},
			&acmev1.Order{ObjectMeta: kept, Status: acmev1.OrderStatus{State: acmev1.Valid, Reason: "r"}},
		},
		"Challenge": {
			&acmev1.Challenge{
				ObjectMeta: whole, Spec: acmev1.ChallengeSpec{Type: "HTTP-01", Key: "k", Token: "t"},
				Status: acmev1.ChallengeStatus{State: acmev1.Valid, Reason: "r", Presented: true},
			},
			&acmev1.Challenge{
				ObjectMeta: kept, Spec: acmev1.ChallengeSpec{Type: "HTTP-01"}, Status: acmev1.ChallengeStatus{State: acmev1.Valid, Reason: "r"},
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := keepOfIssuing(tc.in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(any(tc.want), got); diff != "" {
				t.Errorf("kept (-want +got):\n%s", diff)
			}
		})
	}
}
