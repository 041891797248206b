package image

import (
	"context"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/authn/kubernetes"
	corev1 "k8s.io/api/core/v1"
)

// maxLogins is how many bytes of logins a pull Secret may have. A larger one is left out.
const maxLogins = 64 << 10

// Login returns the logins that pull Secrets hold, as the kubelet uses them. The error never holds a value.
func Login(ctx context.Context, secrets []corev1.Secret) (authn.Keychain, error) {
	var all []authn.Keychain
	for _, secret := range secrets {
		if len(secret.Data[corev1.DockerConfigJsonKey])+len(secret.Data[corev1.DockerConfigKey]) > maxLogins {
			continue
		}
		login, err := kubernetes.NewFromPullSecrets(ctx, []corev1.Secret{secret}) // It takes quadratic memory for several.
		if err != nil {
			return nil, &Error{Class: Denied}
		}
		all = append(all, login)
	}
	return authn.NewMultiKeychain(all...), nil
}
