package apikey

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Rotation says how a key is replaced.
type Rotation struct {
	// ID is that of the new key; empty for a random one.
	ID string
	// Now is when the new key is made, and Retire when the old one ends, unless it ends earlier anyway.
	Now, Retire time.Time
	// Longest is how long the new key lives at most; 0 for any time.
	Longest time.Duration
}

// Rotate writes the successor of a key and returns it with its token. If the old key can't be told to end, there is no new key either. The errors are
// those of New and of the API server: apierrors.IsAlreadyExists tells of an id that is there.
func Rotate(ctx context.Context, c client.Client, namespace string, old Key, r Rotation) (Key, string, error) {
	key, token, err := old.Successor(r.ID, r.Now, r.Longest)
	if err != nil {
		return Key{}, "", err
	}
	secret := key.Secret(namespace)
	if err := c.Create(ctx, secret); err != nil {
		return Key{}, "", err
	}
	named := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: SecretName(old.ID)}}
	if err := c.Patch(ctx, named, client.RawPatch(types.MergePatchType, old.RetirePatch(r.Retire))); err != nil {
		_ = c.Delete(ctx, secret) // Nobody knows its token, so it does no harm if it stays.
		return Key{}, "", err
	}
	key, err = FromSecret(secret)
	return key, token, err
}
