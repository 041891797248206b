package testenv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/internal/apiclient"
	"github.com/berth-dev/berth/internal/rbac"
)

// Namespace is Berth's own in config/default.
const Namespace = "berth-system"

// KeysNamespace is that of the API keys.
const KeysNamespace = rbac.KeysNamespace

// InstallRights makes what config/default has of rights: Berth's Namespaces, ServiceAccounts, roles with their bindings, and admission
// policies.
func InstallRights(ctx context.Context, config *rest.Config) error {
	c, err := client.New(config, client.Options{})
	if err != nil {
		return err
	}
	rendered, err := render(ctx)
	if err != nil {
		return err
	}
	documents := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(rendered), len(rendered))
	for {
		object := &unstructured.Unstructured{}
		if err := documents.Decode(object); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read config/default: %w", err)
		}
		if !isRight(object.GroupVersionKind()) {
			continue
		}
		if err := c.Create(ctx, object); err != nil {
			return fmt.Errorf("create %s %s: %w", object.GetKind(), object.GetName(), err)
		}
	}
}

func isRight(kind schema.GroupVersionKind) bool {
	groups := []string{rbacv1.GroupName, admissionregistrationv1.GroupName}
	core := []string{"Namespace", "ServiceAccount"}
	return slices.Contains(groups, kind.Group) || kind.Group == corev1.GroupName && slices.Contains(core, kind.Kind)
}

func render(ctx context.Context) ([]byte, error) {
	dirs, err := moduleFolders()
	if err != nil {
		return nil, err
	}
	kubectl := filepath.Join(os.Getenv(assetsVariable), "kubectl")
	command := exec.CommandContext(ctx, kubectl, "kustomize", filepath.Join(dirs[0], "config", "default")) //nolint:gosec // The tests' own.
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("render config/default: %w", err)
	}
	return out, nil
}

// ServiceAccount returns a configuration like that of one of Berth's programs, which acts as its ServiceAccount by a token of its own.
func ServiceAccount(ctx context.Context, config *rest.Config, name string) (*rest.Config, error) {
	clients, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	token, err := clients.CoreV1().ServiceAccounts(Namespace).CreateToken(ctx, name, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("ask for a token of %s: %w", name, err)
	}
	as := rest.AnonymousClientConfig(config)
	as.BearerToken = token.Status.Token
	apiclient.Tune(as)
	return as, nil
}

// GrantIn makes the RoleBindings of an organization, as the organization controller does where it runs.
func GrantIn(ctx context.Context, c client.Client, organization string) error {
	for _, grant := range rbac.Bindings(organization, Namespace) {
		binding := &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: organization, Name: grant.Name},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: grant.ClusterRole},
			Subjects:   grant.Subjects,
		}
		if err := c.Create(ctx, binding); err != nil {
			return fmt.Errorf("create RoleBinding %s/%s: %w", organization, binding.Name, err)
		}
	}
	return nil
}
