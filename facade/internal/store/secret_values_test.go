package store

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/secretsize"
)

// TestKeepOfSecret says that no value that is secret is kept in memory, and that names, sizes and what is public are.
func TestKeepOfSecret(t *testing.T) {
	all := map[string][]byte{
		corev1.TLSCertKey: []byte("chain"), corev1.TLSPrivateKeyKey: []byte("key"),
		corev1.BasicAuthUsernameKey: []byte("user"), corev1.BasicAuthPasswordKey: []byte("p"),
	}
	size := int64(len("tls.crt" + "chain" + "tls.key" + "key" + "username" + "user" + "password" + "p"))
	cases := map[string]struct {
		purpose string
		// values are the keys whose values are kept.
		values []string
		// size is that which counts against the limit of the organization.
		size int64
	}{
		"Environment": {purpose: v1alpha1.SecretEnv, size: size},
		"Mail":        {purpose: v1alpha1.SecretMailPassword, size: size},
		"Issued":      {purpose: v1alpha1.SecretTLS, values: []string{corev1.TLSCertKey}},
		"Uploaded":    {purpose: v1alpha1.SecretCertificate, values: []string{corev1.TLSCertKey}, size: size},
		"Waiting":     {purpose: v1alpha1.SecretNewCertKey, values: []string{corev1.TLSCertKey}},
		"Login":       {purpose: v1alpha1.SecretRegistry, values: []string{corev1.BasicAuthUsernameKey}, size: size},
		"APIKey":      {purpose: v1alpha1.SecretAPIKey, values: slices.Collect(maps.Keys(all))},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			secret := &corev1.Secret{
				ObjectMeta: metav1.ObjectMeta{
					UID: "kept", ResourceVersion: name, Labels: map[string]string{v1alpha1.LabelSecret: tc.purpose},
					ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "cert-manager"}},
				},
				Data: maps.Clone(all),
			}
			want := secret.DeepCopy()
			want.ManagedFields = nil
			for key := range want.Data {
				if !slices.Contains(tc.values, key) {
					want.Data[key] = nil
				}
			}
			kept, err := keepOfSecret(secret)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(any(want), kept); diff != "" {
				t.Errorf("keepOfSecret(...): -want, +got:\n%s", diff)
			}
			if got := secretsize.Of(secret); got != tc.size {
				t.Errorf("its size is %d, want %d", got, tc.size)
			}
			wantSizes := map[string]int(nil)
			if tc.purpose == v1alpha1.SecretEnv {
				wantSizes = map[string]int{"tls.crt": 5, "tls.key": 3, "username": 4, "password": 1}
			}
			if sizes, _ := encodedSizes.Get(secret); !cmp.Equal(wantSizes, sizes) {
				t.Errorf("the sizes of its values are %v, want %v", sizes, wantSizes)
			}
		})
	}
}
