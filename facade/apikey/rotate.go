package apikey

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Rotate writes the successor of a key, which has the id that is given or a new random one if that is empty, and returns it with its token. The
// old key ends at retire, or earlier if it ends earlier anyway. If it can't be told to, there is no new key either. The errors are those of New
// and of the API server: apierrors.IsAlreadyExists tells of an id that is there.
func Rotate(ctx context.Context, c client.Client, namespace string, old Key, id string, now, retire time.Time) (Key, string, error) {
	key, token, err := old.Successor(id, now)
	if err != nil {
		return Key{}, "", err
	}
	secret := key.Secret(namespace)
	if err := c.Create(ctx, secret); err != nil {
		return Key{}, "", err
	}
	named := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: SecretName(old.ID)}}
	if err := c.Patch(ctx, named, client.RawPatch(types.MergePatchType, old.RetirePatch(retire))); err != nil {
		_ = c.Delete(ctx, secret) // Nobody knows its token, so it does no harm if it stays.
		return Key{}, "", err
	}
	key, err = FromSecret(secret)
	return key, token, err
}
