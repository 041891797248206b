package ssa

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// Foreign returns the record of the fields below spec that others have set and Berth has not, but for some: a cache keeps it beside the digest,
// so that they can be told. A field of Berth's is set back instead, and one that Berth says nothing of stays. The record is empty for most objects,
// and no longer than what is told of it: it has the first field on each path that nothing of Berth's is in.
func Foreign(obj client.Object, but ...fieldpath.Path) []metav1.ManagedFieldsEntry {
	entries := obj.GetManagedFields()
	at := slices.IndexFunc(entries, func(f metav1.ManagedFieldsEntry) bool { return isOurs(&f) && f.Subresource == "" })
	if at < 0 {
		return nil
	}
	digested := isDigest(entries[at].FieldsV1)
	ours := fieldsOf(&entries[at])
	var all []metav1.ManagedFieldsEntry
	for _, entry := range entries {
		switch {
		case isOurs(&entry) || entry.Subresource == "status" || entry.FieldsV1 == nil:
			continue
		case digested: // It came from the cache.
			all = append(all, entry)
			continue
		}
		raw, err := theirs(fieldsOf(&entry), ours, but).ToJSON()
		if err != nil || string(raw) == "{}" {
			continue
		}
		all = append(all, metav1.ManagedFieldsEntry{
			Manager: entry.Manager, Operation: entry.Operation, Subresource: entry.Subresource, FieldsV1: metav1.NewFieldsV1(string(raw)),
		})
	}
	return all
}

// ForeignClaims returns the fields of the record that Foreign has made of an object.
func ForeignClaims(obj client.Object) []Claim {
	var all []Claim
	for _, entry := range obj.GetManagedFields() {
		if isOurs(&entry) || entry.FieldsV1 == nil {
			continue
		}
		fieldsOf(&entry).Iterate(func(p fieldpath.Path) {
			all = append(all, Claim{strings.TrimPrefix(p.String(), "."), entry.Manager, entry.Subresource})
		})
	}
	return all[:min(len(all), maxClaims)]
}

// fieldsOf returns the fields of a record; none if it can't be read, as of a digest.
func fieldsOf(entry *metav1.ManagedFieldsEntry) *fieldpath.Set {
	fields := &fieldpath.Set{}
	if isDigest(entry.FieldsV1) || entry.FieldsV1 == nil || fields.FromJSON(entry.FieldsV1.GetRawReader()) != nil {
		return &fieldpath.Set{}
	}
	return fields
}

// theirs returns what of a set is below spec, not ours, and none of some other fields.
func theirs(set, ours *fieldpath.Set, but []fieldpath.Path) *fieldpath.Set {
	spec := fieldpath.MakePathOrDie("spec")
	found := &fieldpath.Set{}
	set.Leaves().Difference(ours).Iterate(func(p fieldpath.Path) {
		isBelow := func(prefix fieldpath.Path) bool { return len(p) >= len(prefix) && p[:len(prefix)].Equals(prefix) }
		if len(p) > 1 && isBelow(spec) && !slices.ContainsFunc(but, isBelow) {
			found.Insert(firstForeign(p, ours))
		}
	})
	return found
}

// firstForeign returns the beginning of a path to the first field that nothing of ours is in, with the key of the item if that is a list.
func firstForeign(path fieldpath.Path, ours *fieldpath.Set) fieldpath.Path {
	below := ours
	for i := range path {
		if below = below.WithPrefix(path[i]); !below.Empty() || ours.Has(path[:i+1]) {
			continue
		}
		end := i + 1
		for end < len(path) && path[end].Key != nil {
			end++
		}
		return path[:end].Copy()
	}
	return path.Copy()
}
