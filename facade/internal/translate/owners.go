package translate

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/apierr"
)

// owners knows who else has set which field of an object. The API server tells of such a conflict as well, but not when an apply would
// remove a field (it stays, without a word), nor when it would set a field that excludes somebody else's.
type owners []owner

type owner struct {
	name     string
	declares bool
	fields   *fieldpath.Set
}

func ownersOf(meta *metav1.ObjectMeta) (owners, error) {
	var others owners
	for _, entry := range meta.ManagedFields {
		declares := entry.Operation == metav1.ManagedFieldsOperationApply
		if entry.Manager == v1alpha1.FieldOwnerFacade && declares || entry.FieldsV1 == nil {
			continue
		}
		fields := &fieldpath.Set{}
		if err := fields.FromJSON(entry.FieldsV1.GetRawReader()); err != nil {
			return nil, fmt.Errorf("read the managed fields of %s: %w", entry.Manager, err)
		}
		others = append(others, owner{name: entry.Manager, declares: declares, fields: fields})
	}
	return others, nil
}

// refuse is the 409 that names who else has set a field, or something in it; nil if nobody has.
func (o owners) refuse(path fieldpath.Path) error {
	for i := range o {
		if o[i].has(path) {
			return apierr.Owned(strings.TrimPrefix(path.String(), "."), o[i].name)
		}
	}
	return nil
}

func (o *owner) has(path fieldpath.Path) bool {
	below := o.fields
	for _, element := range path {
		below = below.WithPrefix(element)
	}
	return o.fields.Has(path) || !below.Empty()
}

func annotationPath(name string) fieldpath.Path {
	return fieldpath.MakePathOrDie("metadata", "annotations", name)
}

func envPath(name string) fieldpath.Path {
	return fieldpath.MakePathOrDie("spec", "env", fieldpath.KeyByFields("name", name))
}

func mailPath(field string) fieldpath.Path { return fieldpath.MakePathOrDie("spec", "mail", field) }

var (
	imagePath    = fieldpath.MakePathOrDie("spec", "image")
	portPath     = fieldpath.MakePathOrDie("spec", "port")
	datasetPath  = fieldpath.MakePathOrDie("spec", "dataset")
	registryPath = fieldpath.MakePathOrDie("spec", "registry")
	hostPath     = fieldpath.MakePathOrDie("spec", "host")
	tlsPath      = fieldpath.MakePathOrDie("spec", "tls")
	loginPath    = fieldpath.MakePathOrDie("spec", "authentication")
)
