package resources

import (
	"encoding/base64"
	"encoding/json"

	corev1 "k8s.io/api/core/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/names"
)

const (
	// dockerHub is the registry of an image that names none.
	dockerHub = "docker.io"
	// dockerHubKey is what logins call it.
	dockerHubKey = "https://index.docker.io/v1/"
)

// PullSecret returns the Secret that an App's image is pulled with. The annotations say what its login was made from.
func PullSecret(app *v1alpha1.App, login []byte, annotations map[string]string) *corev1ac.SecretApplyConfiguration {
	labels := appLabels(app.GetName())
	labels[v1alpha1.LabelSecret] = v1alpha1.SecretPull
	return corev1ac.Secret(names.PullSecret(app.GetName()), app.GetNamespace()).
		WithLabels(labels).
		WithAnnotations(annotations).
		WithOwnerReferences(ownedBy(appKind, app)).
		WithType(corev1.SecretTypeDockerConfigJson).
		WithData(map[string][]byte{corev1.DockerConfigJsonKey: login})
}

// Login returns the contents of a Secret with the login for a registry, as Docker's own settings have it.
func Login(registry, user, password string) ([]byte, error) {
	if registry == dockerHub {
		registry = dockerHubKey
	}
	type entry struct {
		Username string `json:"username"`
		Password string `json:"password"`
		Auth     string `json:"auth"`
	}
	auth := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
	return json.Marshal(map[string]any{"auths": map[string]entry{registry: {Username: user, Password: password, Auth: auth}}})
}
