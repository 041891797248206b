package store

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// TestKeepOfSecret says that the private keys that cert-manager made are never in memory, and that those which are needed are.
func TestKeepOfSecret(t *testing.T) {
	cases := map[string]struct {
		purpose string
		want    map[string][]byte
	}{
		"Issued":   {purpose: v1alpha1.SecretTLS, want: map[string][]byte{corev1.TLSCertKey: []byte("chain")}},
		"Uploaded": {purpose: v1alpha1.SecretCertificate, want: map[string][]byte{corev1.TLSCertKey: []byte("chain"), corev1.TLSPrivateKeyKey: []byte("key")}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			kept, err := keepOfSecret(&corev1.Secret{
				ObjectMeta: metav1.ObjectMeta{
					Labels: map[string]string{v1alpha1.LabelSecret: tc.purpose}, ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "cert-manager"}},
				},
				Data: map[string][]byte{corev1.TLSCertKey: []byte("chain"), corev1.TLSPrivateKeyKey: []byte("key")},
			})
			if err != nil {
				t.Fatal(err)
			}
			want := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{v1alpha1.LabelSecret: tc.purpose}}, Data: tc.want}
			if diff := cmp.Diff(want, kept); diff != "" {
				t.Errorf("keepOfSecret(...): -want, +got:\n%s", diff)
			}
		})
	}
}
