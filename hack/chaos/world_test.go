package chaos

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// kinds are those that Berth writes in organizations, and those that come of them.
var kinds = []schema.GroupVersionKind{
	{Version: "v1", Kind: "Namespace"},
	{Group: "berth.dev", Version: "v1alpha1", Kind: "Organization"},
	{Group: "berth.dev", Version: "v1alpha1", Kind: "App"},
	{Group: "berth.dev", Version: "v1alpha1", Kind: "Domain"},
	{Group: "apps", Version: "v1", Kind: "Deployment"},
	{Group: "apps", Version: "v1", Kind: "ReplicaSet"},
	{Version: "v1", Kind: "Pod"},
	{Version: "v1", Kind: "Service"},
	{Version: "v1", Kind: "Secret"},
	{Version: "v1", Kind: "LimitRange"},
	{Version: "v1", Kind: "ResourceQuota"},
	{Group: "networking.k8s.io", Version: "v1", Kind: "Ingress"},
	{Group: "networking.k8s.io", Version: "v1", Kind: "NetworkPolicy"},
	{Group: "cert-manager.io", Version: "v1", Kind: "Certificate"},
	{Group: "rbac.authorization.k8s.io", Version: "v1", Kind: "RoleBinding"},
}

// counted are the kinds whose names and statuses are left to chance: of them, only how many there are is compared.
var counted = []string{"ReplicaSet", "Pod"}

// rolledOut are the kinds of which each generation costs something. A route may well pass through what was wanted in between.
var rolledOut = []string{"App", "Domain", "Deployment"}

// world is all objects of all organizations that a test looks at, by organization.
type world map[string][]*unstructured.Unstructured

// look reads the objects of organizations.
func look(ctx context.Context, organizations []string) (world, error) {
	seen := world{}
	for _, kind := range kinds {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(kind)
		if err := suite.api.List(ctx, list); err != nil {
			return nil, err
		}
		for i := range list.Items {
			o := &list.Items[i]
			of := o.GetNamespace()
			if of == "" { // A Namespace or an Organization.
				of = o.GetName()
			}
			if slices.Contains(organizations, of) {
				seen[of] = append(seen[of], o)
			}
		}
	}
	return seen, nil
}

// state is what an organization looks like, without what is different in any two: each object by its kind and name.
func (w world) state(organization string) map[string]any {
	state := map[string]any{}
	for _, o := range w[organization] {
		if slices.Contains(counted, o.GetKind()) {
			number, _ := state[o.GetKind()].(int)
			state[o.GetKind()] = number + 1
			continue
		}
		name := named.ReplaceAllString(strings.ReplaceAll(o.GetKind()+" "+o.GetName(), organization, "ORG"), "${1}${2}UID")
		state[name] = normal(o, organization)
	}
	return state
}

var (
	uid     = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
	version = regexp.MustCompile(`UID \d+`)
	// named is the end of the name of a route, of a certificate's Secret or of a Service's port, which has a part of a UID or of its hash.
	named = regexp.MustCompile(`(ORG(?:\.domain)?-(?:tls-|custom-)?)[0-9a-f]{8}\b|(http-)[a-z2-7]{10}\b`)
)

// normal is an object without what chance, time and its organization's name have made of it.
func normal(o *unstructured.Unstructured, organization string) any {
	c := o.DeepCopy()
	meta, _ := c.Object["metadata"].(map[string]any)
	for _, field := range []string{"uid", "resourceVersion", "creationTimestamp"} {
		delete(meta, field)
	}
	meta["managedFields"] = writers(o)
	if !slices.Contains(rolledOut, o.GetKind()) {
		delete(meta, "generation")
	}
	switch o.GetKind() {
	case "Namespace":
		c.SetAnnotations(unvalued(c.GetAnnotations()))
	case "Organization":
		// What is in use is counted now and then, and values have the names of organizations in them.
		for _, id := range []string{"externalID", "verificationToken", "usage"} {
			unstructured.RemoveNestedField(c.Object, "status", id)
		}
	case "Secret":
		c.Object["data"] = digests(o)
	case "Deployment":
		delete(c.Object, "status")
	case "Service":
		for _, field := range []string{"clusterIP", "clusterIPs"} {
			unstructured.RemoveNestedField(c.Object, "spec", field)
		}
	}
	withoutTimes(c.Object)
	text, err := json.Marshal(c.Object)
	if err != nil {
		panic(err) // It came as JSON.
	}
	plain := uid.ReplaceAllString(strings.ReplaceAll(string(text), organization, "ORG"), "UID")
	plain = named.ReplaceAllString(plain, "${1}${2}UID")
	var value any
	if err := json.Unmarshal([]byte(version.ReplaceAllString(plain, "UID VERSION")), &value); err != nil {
		panic(err)
	}
	return value
}

// writers are those who have set fields of an object, with the fields that are Berth's.
func writers(o *unstructured.Unstructured) []any {
	var found []any
	for _, f := range o.GetManagedFields() {
		entry := map[string]any{"manager": f.Manager, "operation": string(f.Operation), "subresource": f.Subresource}
		if f.Manager == v1alpha1.FieldOwner && f.FieldsV1 != nil {
			entry["fields"] = string(f.FieldsV1.GetRawBytes())
		}
		found = append(found, entry)
	}
	slices.SortFunc(found, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return found
}

// digests stand for the values of a Secret, which no failure shows. Certificates differ with each that is made.
func digests(o *unstructured.Unstructured) map[string]any {
	data, _, _ := unstructured.NestedStringMap(o.Object, "data")
	found := map[string]any{}
	for name, value := range data {
		found[name] = fmt.Sprintf("%x", sha256.Sum256([]byte(value)))[:12]
		if name == corev1.TLSCertKey {
			found[name] = "a chain"
		}
	}
	return found
}

func unvalued(annotations map[string]string) map[string]string {
	found := maps.Clone(annotations)
	for name := range found {
		found[name] = ""
	}
	return found
}

// withoutTimes removes when something was seen or changed.
func withoutTimes(value any) {
	switch value := value.(type) {
	case map[string]any:
		for _, field := range []string{"lastTransitionTime", "time", "renewalTime"} {
			delete(value, field)
		}
		for _, v := range value {
			withoutTimes(v)
		}
	case []any:
		for _, v := range value {
			withoutTimes(v)
		}
	}
}

// orphans are the objects whose owner is gone.
func (w world) orphans() []string {
	there := map[string]bool{}
	for _, objects := range w {
		for _, o := range objects {
			there[string(o.GetUID())] = true
		}
	}
	var found []string
	for organization, objects := range w {
		for _, o := range objects {
			owners := o.GetOwnerReferences()
			for _, owner := range owners {
				// The claim of a host owns a certificate's Secret as well. No certificate of the stand-in can be used again, so none may be kept for it alone.
				if owner.Kind == "HostClaim" && len(owners) > 1 {
					continue
				}
				if !there[string(owner.UID)] {
					found = append(found, fmt.Sprintf("%s %s/%s of %s %s", o.GetKind(), organization, o.GetName(), owner.Kind, owner.Name))
				}
			}
		}
	}
	slices.Sort(found)
	return found
}
