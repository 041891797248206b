package store

import (
	"time"

	"github.com/maypok86/otter/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

const (
	// recentBytes is how many bytes of environments that clients have read lately are kept, of all organizations together, and recentTime for how long
	// after the last read. So a client that polls costs the API server nothing, and memory doesn't grow with what there is.
	recentBytes = 32 << 20
	recentTime  = 5 * time.Minute
)

// secretVersion identifies a version of a Secret.
type secretVersion struct {
	uid             types.UID
	resourceVersion string
}

func secretVersionOf(secret *corev1.Secret) secretVersion {
	return secretVersion{uid: secret.UID, resourceVersion: secret.ResourceVersion}
}

// newRecent makes the cache of Secrets with environments that were read lately. They must not be changed.
func newRecent() (*otter.Cache[secretVersion, *corev1.Secret], error) {
	return otter.New(&otter.Options[secretVersion, *corev1.Secret]{
		MaximumWeight:    recentBytes,
		Weigher:          func(_ secretVersion, secret *corev1.Secret) uint32 { return uint32(secret.Size()) }, //nolint:gosec // A Secret has 1 MiB at most.
		ExpiryCalculator: otter.ExpiryAccessing[secretVersion, *corev1.Secret](recentTime),
	})
}
