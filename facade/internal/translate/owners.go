package translate

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/apierr"
)

// beforeFirstApply is the manager that the API server makes up for all fields of an object whose record of managers is empty when somebody applies
// to it. No one is behind it.
const beforeFirstApply = "before-first-apply"

// reapply begin the names of managers that update fields instead of applying them, but that set them again by themselves. Argo CD does so without
// ServerSideApply=true, and Flux's helm-controller where it corrects drift.
var reapply = []string{"argocd", "helm-controller"}

// owners knows who has set which field of an object. The API server tells of a conflict as well, but not when an apply would
// remove a field (it stays, without a word), nor when it would set a field that excludes somebody else's. Nil is for an object that is not there yet.
type owners struct {
	others []owner
	// own are the fields that the facade has applied.
	own *fieldpath.Set
	// object has the values of the fields.
	object map[string]any
	// force takes fields over from those who do not set them again by themselves.
	force bool
	// taken are the fields that the change has to take over before it can be written.
	taken []fieldpath.Path
}

type owner struct {
	name     string
	declares bool
	// fixed says that fields can't be taken over from the owner, even by force.
	fixed bool
	// free says that fields can be taken over without force: they are the facade's or nobody's.
	free   bool
	fields *fieldpath.Set
}

func ownersOf(object metav1.Object, force bool) (*owners, error) {
	values, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return nil, fmt.Errorf("read the fields of %s: %w", object.GetName(), err)
	}
	o := &owners{own: &fieldpath.Set{}, object: values, force: force}
	for _, entry := range object.GetManagedFields() {
		if entry.FieldsV1 == nil {
			continue
		}
		fields, err := fieldsOf(&entry)
		if err != nil {
			return nil, err
		}
		if isFacades(&entry) {
			o.own = o.own.Union(fields)
			continue
		}
		declares := entry.Operation == metav1.ManagedFieldsOperationApply
		o.others = append(o.others, owner{
			name: entry.Manager, declares: declares, fixed: declares || setsAgain(entry.Manager),
			free: !declares && (entry.Manager == beforeFirstApply || entry.Manager == v1alpha1.FieldOwnerFacade), fields: fields,
		})
	}
	return o, nil
}

// setsAgain reports whether a manager sets the fields again that it has updated.
func setsAgain(manager string) bool {
	return slices.ContainsFunc(reapply, func(prefix string) bool { return strings.HasPrefix(manager, prefix) })
}

func fieldsOf(entry *metav1.ManagedFieldsEntry) (*fieldpath.Set, error) {
	fields := &fieldpath.Set{}
	if err := fields.FromJSON(entry.FieldsV1.GetRawReader()); err != nil {
		return nil, fmt.Errorf("read the managed fields of %s: %w", entry.Manager, err)
	}
	return fields, nil
}

// isFacades reports whether an entry is of what the facade has applied.
func isFacades(entry *metav1.ManagedFieldsEntry) bool {
	return entry.Manager == v1alpha1.FieldOwnerFacade && entry.Operation == metav1.ManagedFieldsOperationApply && entry.Subresource == ""
}

// set is for a field that a change sets to another value. It is the 409 that names who else has set it, or something in it; nil if nobody has,
// or if the field can be taken over.
func (o *owners) set(path fieldpath.Path) error {
	if o == nil {
		return nil
	}
	owned := false
	for i := range o.others {
		other := &o.others[i]
		switch {
		case !has(other.fields, path):
		case other.fixed:
			return apierr.Owned(display(path), other.name)
		case other.free || o.force:
			owned = true
		default:
			return apierr.Takeable(display(path), other.name)
		}
	}
	if owned {
		o.take(path)
	}
	return nil
}

// replace is for a field that a change removes, or of whose parts it may remove some. It is as set, but takes over also what nobody owns: an apply
// leaves that as it is.
func (o *owners) replace(path fieldpath.Path) error {
	if err := o.set(path); err != nil || o == nil {
		return err
	}
	if leaves := leavesAt(o.object, path); !leaves.Difference(o.own).Empty() {
		o.take(path)
	}
	return nil
}

// event is for a field that says that something has happened, whoever has set it. It reports whether somebody else has, so that the apply has to force
// it; the error is the 409 about one who declares it.
func (o *owners) event(path fieldpath.Path) (forced bool, err error) {
	if o == nil {
		return false, nil
	}
	for i := range o.others {
		other := &o.others[i]
		if !has(other.fields, path) {
			continue
		}
		if other.declares {
			return false, apierr.Owned(display(path), other.name)
		}
		forced = true
	}
	return forced, nil
}

// takes reports whether the change takes something over.
func (o *owners) takes() bool { return o != nil && len(o.taken) > 0 }

// take notes a field to be taken over, if it is there.
func (o *owners) take(path fieldpath.Path) {
	again := slices.ContainsFunc(o.taken, func(p fieldpath.Path) bool { return p.Equals(path) })
	if _, found := valueAt(o.object, path); found && !again {
		o.taken = append(o.taken, path)
	}
}

// display is a path as users write it.
func display(path fieldpath.Path) string { return strings.TrimPrefix(path.String(), ".") }

// has reports whether a set has a field, or something in it.
func has(fields *fieldpath.Set, path fieldpath.Path) bool {
	return fields.Has(path) || hasBelow(fields, path)
}

// hasBelow reports whether a set has something in a field.
func hasBelow(fields *fieldpath.Set, path fieldpath.Path) bool {
	for _, element := range path {
		fields = fields.WithPrefix(element)
	}
	return !fields.Empty()
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
