// Package secretsize knows the sizes of the Secrets in caches that do not keep their values.
package secretsize

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/sideindex"
)

// sizes are those of the Secrets in all caches of the process: a version of a Secret has the same size in each.
var sizes sideindex.Index[int64]

// Note keeps the size of a Secret that counts. A transform function of a cache calls it before it drops the values.
func Note(secret *corev1.Secret) {
	if !Counts(secret) {
		return
	}
	var size int64
	for key, value := range secret.Data {
		size += int64(len(key) + len(value))
	}
	sideindex.Put(&sizes, secret, size)
}

// Of returns the size that was kept of a cached Secret, or 0 if it does not count.
func Of(secret *corev1.Secret) int64 {
	size, _ := sizes.Get(secret)
	return size
}

// Counts reports whether a Secret holds what REST clients send, or what users give in its place, and so counts against the limit of its organization.
func Counts(secret *corev1.Secret) bool {
	switch secret.Labels[v1alpha1.LabelSecret] {
	case v1alpha1.SecretEnv, v1alpha1.SecretCertificate, v1alpha1.SecretMailPassword, v1alpha1.SecretRegistry:
		return true
	default:
		return false
	}
}
