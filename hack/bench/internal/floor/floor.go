// Package floor writes what Berth writes, straight to the API server: how fast that goes is what no program that does the same can surpass.
package floor

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"golang.org/x/sync/errgroup"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/apiclient"
)

// Resources of which an App with a Domain has objects, in the order in which they are made; the first three are what the facade writes.
var resources = []schema.GroupVersionResource{
	corev1.SchemeGroupVersion.WithResource("secrets"),
	v1alpha1.GroupVersion.WithResource("apps"),
	v1alpha1.GroupVersion.WithResource("domains"),
	appsv1.SchemeGroupVersion.WithResource("deployments"),
	corev1.SchemeGroupVersion.WithResource("services"),
	cmv1.SchemeGroupVersion.WithResource("certificates"),
	networkingv1.SchemeGroupVersion.WithResource("ingresses"),
}

// byClients is how many of the resources are what REST clients write.
const byClients = 3

// template is one object of an App, as the body of a request that makes it.
type template struct {
	resource schema.GroupVersionResource
	body     string
	// status is the body of a request that sets it; empty if Berth sets none.
	status string
	// name is that of the object.
	name string
}

// Templates are the objects of a sample App with its Domain, to make more Apps of: those of clients, and those of the operator.
type Templates struct {
	slug           string
	facade, others []template
}

// Harvest reads what Berth has made of an App.
func Harvest(ctx context.Context, config *rest.Config, namespace, slug string) (*Templates, error) {
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	t := &Templates{slug: slug}
	for i, resource := range resources {
		list, err := client.Resource(resource).Namespace(namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, err
		}
		for _, object := range list.Items {
			if !strings.HasPrefix(object.GetName(), slug) {
				continue
			}
			made, err := newTemplate(resource, object)
			if err != nil {
				return nil, err
			}
			if i < byClients {
				t.facade = append(t.facade, made)
			} else {
				t.others = append(t.others, made)
			}
		}
	}
	if len(t.facade) != byClients {
		return nil, fmt.Errorf("the sample %s has %d objects of clients, want %d", slug, len(t.facade), byClients)
	}
	return t, nil
}

// newTemplate leaves out of an object what the API server sets.
func newTemplate(resource schema.GroupVersionResource, object unstructured.Unstructured) (template, error) {
	t := template{resource: resource, name: object.GetName()}
	kept := object.DeepCopy()
	metadata := map[string]any{"name": object.GetName()}
	for _, field := range []string{"labels", "annotations", "ownerReferences"} {
		if value, ok, _ := unstructured.NestedFieldNoCopy(object.Object, "metadata", field); ok {
			metadata[field] = value
		}
	}
	kept.Object["metadata"] = metadata
	if resource.Resource == "services" {
		for _, field := range []string{"clusterIP", "clusterIPs"} {
			unstructured.RemoveNestedField(kept.Object, "spec", field)
		}
	}
	status := kept.Object["status"]
	delete(kept.Object, "status")
	body, err := json.Marshal(kept.Object)
	if err != nil {
		return template{}, err
	}
	t.body = string(body)
	if resource.Group != v1alpha1.GroupVersion.Group {
		return t, nil
	}
	body, err = json.Marshal(map[string]any{"status": status})
	t.status = string(body)
	return t, err
}

// Writes is how many requests make all of an App.
func (t *Templates) Writes() int {
	n := len(t.facade) + len(t.others)
	for _, made := range t.facade {
		if made.status != "" {
			n++
		}
	}
	return n
}

// Client writes straight to the API server.
type Client struct {
	// Applies makes it make objects by server-side apply, as Berth does, and not by plain creates, which cost the API server less.
	Applies bool

	templates *Templates
	namespace string
	api       *rest.RESTClient
	objects   dynamic.Interface
}

// New returns a client that writes into a Namespace.
func New(config *rest.Config, namespace string, templates *Templates) (*Client, error) {
	config = rest.CopyConfig(config)
	apiclient.Tune(config) // As Berth itself does.
	config.NegotiatedSerializer = clientgoscheme.Codecs.WithoutConversion()
	api, err := rest.UnversionedRESTClientFor(config)
	if err != nil {
		return nil, err
	}
	objects, err := dynamic.NewForConfig(config)
	return &Client{templates: templates, namespace: namespace, api: api, objects: objects}, err
}

// path is that of a resource in the client's Namespace, with more elements after it.
func (c *Client) path(resource schema.GroupVersionResource, more ...string) string {
	prefix := "/apis/" + resource.Group
	if resource.Group == "" {
		prefix = "/api"
	}
	return strings.Join(append([]string{prefix, resource.Version, "namespaces", c.namespace, resource.Resource}, more...), "/")
}

func (c *Client) make(ctx context.Context, t template, slug string) error {
	body := strings.ReplaceAll(t.body, c.templates.slug, slug)
	if c.Applies {
		name := strings.ReplaceAll(t.name, c.templates.slug, slug)
		_, err := c.api.Patch(types.ApplyPatchType).AbsPath(c.path(t.resource, name)).Param("fieldManager", "floor").Body([]byte(body)).DoRaw(ctx)
		return err
	}
	_, err := c.api.Post().AbsPath(c.path(t.resource)).SetHeader("Content-Type", "application/json").Body([]byte(body)).DoRaw(ctx)
	return err
}

// Create makes what a REST client's call makes: a Secret with the environment, the App and its Domain.
func (c *Client) Create(ctx context.Context, slug string) error {
	for _, t := range c.templates.facade {
		if err := c.make(ctx, t, slug); err != nil {
			return err
		}
	}
	return nil
}

// Complete makes all of an App: what clients write, what the operator makes of it, and each status once.
func (c *Client) Complete(ctx context.Context, slug string) error {
	if err := c.Create(ctx, slug); err != nil {
		return err
	}
	for _, t := range c.templates.others {
		if err := c.make(ctx, t, slug); err != nil {
			return err
		}
	}
	for _, t := range c.templates.facade {
		if t.status == "" {
			continue
		}
		name, status := strings.ReplaceAll(t.name, c.templates.slug, slug), strings.ReplaceAll(t.status, c.templates.slug, slug)
		if _, err := c.api.Patch(types.MergePatchType).AbsPath(c.path(t.resource, name, "status")).Body([]byte(status)).DoRaw(ctx); err != nil {
			return err
		}
	}
	return nil
}

var apps = v1alpha1.GroupVersion.WithResource("apps")

// Get reads an App.
func (c *Client) Get(ctx context.Context, slug string) error {
	_, err := c.api.Get().AbsPath(c.path(apps, slug)).DoRaw(ctx)
	return err
}

// List reads the first Apps, as many as a page has.
func (c *Client) List(ctx context.Context, limit int) error {
	_, err := c.api.Get().AbsPath(c.path(apps)).Param("limit", strconv.Itoa(limit)).DoRaw(ctx)
	return err
}

// SetImage changes the image of an App.
func (c *Client) SetImage(ctx context.Context, slug, image string) error {
	body, err := json.Marshal(map[string]any{"spec": map[string]any{"image": image}})
	if err != nil {
		return err
	}
	_, err = c.api.Patch(types.MergePatchType).AbsPath(c.path(apps, slug)).Body(body).DoRaw(ctx)
	return err
}

// DeleteAll deletes all that the client may have made.
func (c *Client) DeleteAll(ctx context.Context) error {
	all, ctx := errgroup.WithContext(ctx)
	for _, resource := range resources {
		all.Go(func() error {
			return c.objects.Resource(resource).Namespace(c.namespace).DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{})
		})
	}
	return all.Wait()
}

// Count is how many objects of a resource there are in a Namespace, without reading them.
func Count(ctx context.Context, api rest.Interface, path string) (int, error) {
	body, err := api.Get().AbsPath(path).Param("limit", "1").SetHeader("Accept", "application/json").DoRaw(ctx)
	if err != nil {
		return 0, err
	}
	var list metav1.PartialObjectMetadataList
	if err := json.Unmarshal(body, &list); err != nil {
		return 0, fmt.Errorf("read %s: %w", path, err)
	}
	return len(list.Items) + int(ptr.Deref(list.RemainingItemCount, 0)), nil
}
