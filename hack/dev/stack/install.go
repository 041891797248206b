package stack

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"text/template"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/berth-dev/berth/internal/rbac"
)

// Namespace is where Berth itself runs.
const Namespace = "berth-system"

// KeysNamespace is that of the API keys.
const KeysNamespace = rbac.KeysNamespace

//go:embed overlay.yaml.tmpl
var overlayText string

//go:embed amazon.yaml
var amazonManifest []byte

var overlay = template.Must(template.New("overlay").Option("missingkey=error").Parse(overlayText))

// install applies Berth's manifests. Without a node, the Deployments are left out: operator and facade then are processes.
func (s *Stack) install(ctx context.Context) error {
	objects, err := s.render()
	if err != nil {
		return err
	}
	for _, o := range objects {
		if s.Env.Mode == "control-plane" && o.GetKind() == "Deployment" {
			continue
		}
		if err := s.apply(ctx, o); err != nil {
			return fmt.Errorf("%s %s: %w", o.GetKind(), o.GetName(), err)
		}
	}
	_, err = s.Berthctl(ctx, "apikey", "migrate") // An existing cluster may have an earlier version.
	return err
}

// render builds the overlay, in the order in which the objects can be made.
func (s *Stack) render() ([]*unstructured.Unstructured, error) {
	dir := filepath.Join(s.opts.Dir, "overlay")
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "amazon.yaml"), amazonManifest, 0o600); err != nil {
		return nil, err
	}
	values, err := s.overlayValues(dir)
	if err != nil {
		return nil, err
	}
	f, err := os.Create(filepath.Join(dir, "kustomization.yaml")) //nolint:gosec // The folder is ours.
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := overlay.Execute(f, values); err != nil {
		return nil, err
	}
	options := krusty.MakeDefaultOptions()
	options.Reorder = krusty.ReorderOptionLegacy
	options.LoadRestrictions = types.LoadRestrictionsNone // What the mail server wants is in the cluster's folder.
	built, err := krusty.MakeKustomizer(options).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		return nil, err
	}
	var objects []*unstructured.Unstructured
	for _, r := range built.Resources() {
		data, err := r.MarshalJSON()
		if err != nil {
			return nil, err
		}
		object := &unstructured.Unstructured{}
		if err := object.UnmarshalJSON(data); err != nil {
			return nil, err
		}
		objects = append(objects, object)
	}
	return objects, nil
}

func (s *Stack) overlayValues(dir string) (map[string]any, error) {
	base, err := filepath.Rel(dir, filepath.Join(s.opts.Root, "config", "default"))
	if err != nil {
		return nil, err
	}
	values := map[string]any{
		"Base": base, "Tags": s.tags, "Registry": s.Env.Registry, "BaseDomain": s.opts.BaseDomain,
		"Issuer": s.issuer(), "IngressClass": s.ingressClass(), "NodePort": 0, "Mail": s.MailServer(), "Identity": s.Identity(), "Amazon": s.amazon(),
		"RouterNamespace": "", "RouterNetwork": routerNetworks, "RegistryMirrors": s.registryMirrors(), "AskRegistries": s.asksRegistries(),
		"InternalRegistries": s.internalRegistries(),
	}
	if e := s.opts.Existing; e != nil {
		values["RouterNamespace"], values["RouterNetwork"] = e.RouterNamespace, e.RouterNetwork
	}
	if s.Env.Mode == "node" {
		values["NodePort"] = facadeNodePort
	}
	return values, nil
}

func (s *Stack) issuer() string {
	if s.opts.Existing != nil {
		return s.opts.Existing.Issuer
	}
	return s.cluster.env["CLUSTER_ISSUER"]
}

func (s *Stack) ingressClass() string {
	if s.opts.Existing != nil {
		return s.opts.Existing.IngressClass
	}
	return "traefik"
}

// apply makes or updates one object. A kind whose definition was just applied may not be served yet: that passes.
func (s *Stack) apply(ctx context.Context, o *unstructured.Unstructured) error {
	return wait.PollUntilContextTimeout(ctx, 200*time.Millisecond, 30*time.Second, true, func(ctx context.Context) (bool, error) {
		err := s.Client.Apply(ctx, client.ApplyConfigurationFromUnstructured(o.DeepCopy()), client.FieldOwner("berth-dev"), client.ForceOwnership)
		if meta.IsNoMatchError(err) || apierrors.IsNotFound(err) {
			return false, nil
		}
		return err == nil, err
	})
}

// rolledOut waits until the Deployments of Berth run what was applied.
func (s *Stack) rolledOut(ctx context.Context) error {
	for _, name := range []string{"berth-operator", "berth-facade"} {
		var d appsv1.Deployment
		err := wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, 3*time.Minute, true, func(ctx context.Context) (bool, error) {
			if err := s.Client.Get(ctx, client.ObjectKey{Namespace: Namespace, Name: name}, &d); err != nil {
				return false, err
			}
			return d.Status.ObservedGeneration == d.Generation && d.Status.UpdatedReplicas == *d.Spec.Replicas && d.Status.AvailableReplicas == *d.Spec.Replicas, nil
		})
		if err != nil {
			return fmt.Errorf("%s: %w; its Deployment says %v", name, err, d.Status.Conditions)
		}
	}
	return nil
}
