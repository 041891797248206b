package store

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/secretsize"
)

// sized returns a Secret of an organization as the cache has it, with a value of a size.
func sized(organization, name, purpose string, size int) *corev1.Secret {
	uid := uuid.NewUUID() // Sizes are kept of each by itself.
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: organization, Name: name, UID: uid, Labels: map[string]string{v1alpha1.LabelSecret: purpose}},
		Data:       map[string][]byte{"K": make([]byte, size-1)},
	}
	secretsize.Note(secret)
	secret.Data = nil
	return secret
}

// The first Secret that the cache sees may be the one for which something is reserved.
func TestBudgetOfTheFirst(t *testing.T) {
	b := newBudget()
	release, ok := b.reserve("acme", 60, 100)
	if !ok {
		t.Fatal("no room for 60 of 100")
	}
	b.set(sized("acme", "a", v1alpha1.SecretEnv, 60))
	release()
	if _, ok := b.reserve("acme", 41, 100); ok {
		t.Error("room for 41 of 100 beside 60")
	}
}

func TestBudget(t *testing.T) {
	b := newBudget()
	b.set(sized("acme", "a", v1alpha1.SecretEnv, 40))
	b.set(sized("acme", "b", v1alpha1.SecretCertificate, 10))
	b.set(sized("acme", "c", v1alpha1.SecretTLS, 1000))
	b.set(sized("rival", "a", v1alpha1.SecretEnv, 90))
	if diff := cmp.Diff(map[string]int64{"acme": 50, "rival": 90}, b.kept); diff != "" {
		t.Fatalf("kept (-want +got):\n%s", diff)
	}
	first, ok := b.reserve("acme", 30, 100)
	if !ok {
		t.Fatal("no room for 30 of 100 beside 50")
	}
	if _, ok := b.reserve("acme", 21, 100); ok {
		t.Error("room for 21 of 100 beside 50 and 30 that are coming")
	}
	// The cache has it before its writer has ended, and then it counts once.
	b.set(sized("acme", "d", v1alpha1.SecretEnv, 30))
	first()
	first()
	if _, ok := b.reserve("acme", 21, 100); ok {
		t.Error("room for 21 of 100 beside 80")
	}
	second, ok := b.reserve("acme", 20, 100)
	if !ok {
		t.Error("no room for 20 of 100 beside 80")
	}
	second()
	b.set(sized("acme", "a", v1alpha1.SecretEnv, 40)) // A resync.
	for _, name := range []string{"a", "b", "c", "d"} {
		b.remove(sized("acme", name, v1alpha1.SecretEnv, 40))
	}
	b.remove(sized("rival", "a", v1alpha1.SecretEnv, 90))
	if len(b.kept)+len(b.sizes)+len(b.coming) != 0 {
		t.Errorf("something is remembered of what is gone: %v, %v, %v", b.kept, b.sizes, b.coming)
	}
}
