package store

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/secretsize"
)

// TestKeepOfSecret says that the private keys that cert-manager made and the passwords for registries are never in memory, and that what is
// needed is.
func TestKeepOfSecret(t *testing.T) {
	all := map[string][]byte{
		corev1.TLSCertKey: []byte("chain"), corev1.TLSPrivateKeyKey: []byte("key"),
		corev1.BasicAuthUsernameKey: []byte("user"), corev1.BasicAuthPasswordKey: []byte("p"),
	}
	cases := map[string]struct {
		purpose string
		want    map[string][]byte
	}{
		"Issued":   {purpose: v1alpha1.SecretTLS, want: without(all, corev1.TLSPrivateKeyKey)},
		"Uploaded": {purpose: v1alpha1.SecretCertificate, want: all},
		"Login":    {purpose: v1alpha1.SecretRegistry, want: map[string][]byte{corev1.BasicAuthUsernameKey: []byte("user")}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			kept, err := keepOfSecret(&corev1.Secret{
				ObjectMeta: metav1.ObjectMeta{
					Labels: map[string]string{v1alpha1.LabelSecret: tc.purpose}, ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "cert-manager"}},
				},
				Data: maps.Clone(all),
			})
			if err != nil {
				t.Fatal(err)
			}
			want := &corev1.Secret{
				ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{v1alpha1.LabelSecret: tc.purpose}}, Data: maps.Clone(all),
			}
			secretsize.Note(want)
			want.Data = tc.want
			if diff := cmp.Diff(want, kept); diff != "" {
				t.Errorf("keepOfSecret(...): -want, +got:\n%s", diff)
			}
		})
	}
}

func without(data map[string][]byte, key string) map[string][]byte {
	rest := maps.Clone(data)
	delete(rest, key)
	return rest
}

func TestKeepSetters(t *testing.T) {
	entry := func(manager, subresource string) metav1.ManagedFieldsEntry {
		return metav1.ManagedFieldsEntry{Manager: manager, Subresource: subresource}
	}
	app := &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{ManagedFields: []metav1.ManagedFieldsEntry{
		entry("facade", ""), entry("operator", "status"), entry("flux", ""), entry("kubectl", "status"),
	}}}
	want := []metav1.ManagedFieldsEntry{entry("facade", ""), entry("flux", "")}
	kept, err := keepSetters(app)
	if err != nil || kept != any(app) {
		t.Fatalf("keepSetters(...) = %v, %v", kept, err)
	}
	if diff := cmp.Diff(want, app.ManagedFields); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
}
