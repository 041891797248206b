package ssa

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// digestSize is how many bytes of a SHA-256 sum tell two applies apart.
const digestSize = 16

// Digest is for an object that is about to be kept in memory: it has the record of the fields that Berth applied give way to a digest of them
// and their values, by which Same judges as well. The record is often larger than the fields are, to read it costs more than all else in a reconcile
// that finds nothing to do, and what it speaks of needn't be kept once that is done. Those of others go.
func Digest[O client.Object, C any](obj O, extract Extract[O, C]) {
	KeepOurs(obj)
	fields := obj.GetManagedFields()
	for i := range fields {
		if isDigest(fields[i].FieldsV1) {
			continue
		}
		digest := noDigest
		if have, err := extract(obj, v1alpha1.FieldOwner); err == nil {
			digest, _ = digestOf(have)
		}
		fields[i] = metav1.ManagedFieldsEntry{
			Manager: v1alpha1.FieldOwner, Operation: metav1.ManagedFieldsOperationApply, Subresource: fields[i].Subresource,
			Time: fields[i].Time, FieldsV1: metav1.NewFieldsV1(digest),
		}
	}
	obj.SetManagedFields(fields)
}

// KeepOurs removes from the managed fields of an object those that anybody but Berth has set, and those that Berth has set otherwise than by an apply.
func KeepOurs(obj metav1.Object) {
	obj.SetManagedFields(slices.DeleteFunc(obj.GetManagedFields(), func(f metav1.ManagedFieldsEntry) bool { return !isOurs(&f) }))
}

// IsApplied reports whether Berth has applied fields of an object itself, its status aside.
func IsApplied(obj metav1.Object) bool {
	return slices.ContainsFunc(obj.GetManagedFields(), func(f metav1.ManagedFieldsEntry) bool { return isOurs(&f) && f.Subresource == "" })
}

// noDigest is that of a record that speaks of fields that aren't there, as of an object restored without its status: nothing is like it, and an
// apply mends it.
const noDigest = `""`

// digestOf returns the digest of an apply configuration. It is JSON, as a record of fields is, but no JSON object.
func digestOf(config any) (string, error) {
	raw, err := json.Marshal(config)
	if err != nil {
		return noDigest, fmt.Errorf("digest what is applied: %w", err)
	}
	return digestOfJSON(raw), nil
}

func digestOfJSON(raw []byte) string {
	sum := sha256.Sum256(raw)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:digestSize]) + `"`
}

func isDigest(fields *metav1.FieldsV1) bool {
	return fields != nil && strings.HasPrefix(fields.GetRawString(), `"`)
}

// isOurs tells whether an entry is of what Berth has applied, to the object itself or to a part of it such as its status.
func isOurs(f *metav1.ManagedFieldsEntry) bool {
	return f.Manager == v1alpha1.FieldOwner && f.Operation == metav1.ManagedFieldsOperationApply
}
