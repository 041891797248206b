package image

import (
	"context"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/authn/kubernetes"
	corev1 "k8s.io/api/core/v1"
)

// Login returns the logins that pull Secrets hold, as the kubelet uses them. The error never holds a value.
func Login(ctx context.Context, secrets []corev1.Secret) (authn.Keychain, error) {
	login, err := kubernetes.NewFromPullSecrets(ctx, secrets)
	if err != nil {
		return nil, &Error{Class: Denied}
	}
	return login, nil
}
