package translate

import (
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// Takeover is what a change takes over of an object before it is written: fields that others have set, and fields that are nobody's but go. The API
// server forces a field upon an owner only with another value, and never removes one that its applier didn't own. So the record of who owns what is
// changed first, and no value with it. Nil takes nothing over.
type Takeover struct {
	// fields are those that become the facade's, down to their leaves.
	fields *fieldpath.Set
	// paths are what others lose, with everything below.
	paths *fieldpath.Set
	now   time.Time
}

// takeover returns what was noted to be taken over, or nil if that is nothing.
func (o *owners) takeover(now time.Time) *Takeover {
	if !o.takes() {
		return nil
	}
	t := &Takeover{fields: &fieldpath.Set{}, paths: &fieldpath.Set{}, now: now}
	for _, path := range o.taken {
		t.paths.Insert(path)
		t.fields = t.fields.Union(leavesAt(o.object, path))
	}
	return t
}

// leavesAt returns the fields of the value of a field that have no fields themselves; none if the field is not there.
func leavesAt(object map[string]any, path fieldpath.Path) *fieldpath.Set {
	leaves := &fieldpath.Set{}
	value, found := valueAt(object, path)
	if !found {
		return leaves
	}
	if path[len(path)-1].Key != nil {
		leaves.Insert(path) // An item of a list is owned as such, too.
	}
	insertLeaves(leaves, path, value)
	return leaves
}

// Apply returns the record of who owns what, with the fields taken over.
func (t *Takeover) Apply(entries []metav1.ManagedFieldsEntry) ([]metav1.ManagedFieldsEntry, error) {
	all := make([]metav1.ManagedFieldsEntry, 0, len(entries)+1)
	own := &fieldpath.Set{}
	for _, entry := range entries {
		if entry.FieldsV1 == nil || entry.Subresource != "" {
			all = append(all, entry)
			continue
		}
		fields, err := fieldsOf(&entry)
		if err != nil {
			return nil, err
		}
		if isFacades(&entry) {
			own = own.Union(fields)
			continue
		}
		if fields = t.without(fields); fields.Empty() {
			continue
		}
		if entry, err = withFields(entry, fields); err != nil {
			return nil, err
		}
		all = append(all, entry)
	}
	entry, err := withFields(metav1.ManagedFieldsEntry{
		Manager: v1alpha1.FieldOwnerFacade, Operation: metav1.ManagedFieldsOperationApply, APIVersion: v1alpha1.GroupVersion.String(),
		FieldsType: "FieldsV1", Time: new(metav1.NewTime(t.now)),
	}, own.Union(t.fields))
	return slices.Insert(all, 0, entry), err
}

// without returns what is left to an owner. A field that only held what was taken goes with it: the API server would leave it as null when the
// last field in it is removed.
func (t *Takeover) without(fields *fieldpath.Set) *fieldpath.Set {
	left := fields.RecursiveDifference(t.paths)
	t.paths.Iterate(func(path fieldpath.Path) {
		for i := len(path) - 1; i > 0; i-- {
			if holder := path[:i]; left.Has(holder) && !hasBelow(left, holder) {
				left = left.Difference(fieldpath.NewSet(holder))
			}
		}
	})
	return left
}

func withFields(entry metav1.ManagedFieldsEntry, fields *fieldpath.Set) (metav1.ManagedFieldsEntry, error) {
	raw, err := fields.ToJSON()
	if err != nil {
		return entry, fmt.Errorf("write the managed fields of %s: %w", entry.Manager, err)
	}
	entry.FieldsV1 = metav1.NewFieldsV1(string(raw))
	return entry, nil
}

// valueAt returns the value of a field.
func valueAt(value any, path fieldpath.Path) (any, bool) {
	for _, element := range path {
		switch {
		case element.FieldName != nil:
			fields, ok := value.(map[string]any)
			if !ok {
				return nil, false
			}
			if value, ok = fields[*element.FieldName]; !ok {
				return nil, false
			}
		case element.Key != nil:
			items, _ := value.([]any)
			i := slices.IndexFunc(items, func(item any) bool { return isItem(item, element) })
			if i < 0 {
				return nil, false
			}
			value = items[i]
		default:
			return nil, false
		}
	}
	return value, true
}

// isItem reports whether an item of a list has the key that an element names.
func isItem(item any, element fieldpath.PathElement) bool {
	fields, ok := item.(map[string]any)
	if !ok {
		return false
	}
	for _, key := range *element.Key {
		if fields[key.Name] != key.Value.Unstructured() {
			return false
		}
	}
	return true
}

// insertLeaves inserts the fields of a value that have no fields themselves. Lists count as one: of those that the facade sets, only spec.env has
// items with owners, and these are taken over one by one.
func insertLeaves(fields *fieldpath.Set, path fieldpath.Path, value any) {
	parts, ok := value.(map[string]any)
	if !ok || len(parts) == 0 {
		fields.Insert(path)
		return
	}
	for name, part := range parts {
		insertLeaves(fields, append(path.Copy(), fieldpath.PathElement{FieldName: &name}), part)
	}
}
