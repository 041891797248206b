// Package secretsize keeps the size of a Secret in caches that do not keep its values.
package secretsize

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// annotation has the size in caches. It is never written to the API server, and what a Secret has of its name there is overwritten.
const annotation = "berth.dev/cached-bytes"

// Note keeps the size of a Secret that counts, before its values are dropped.
func Note(secret *corev1.Secret) {
	if !Counts(secret) {
		return
	}
	size := 0
	for key, value := range secret.Data {
		size += len(key) + len(value)
	}
	if secret.Annotations == nil {
		secret.Annotations = map[string]string{}
	}
	secret.Annotations[annotation] = strconv.Itoa(size)
}

// Of returns the size that was kept of a Secret, or 0.
func Of(secret *corev1.Secret) int64 {
	size, err := strconv.ParseInt(secret.Annotations[annotation], 10, 64)
	if err != nil {
		return 0
	}
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
