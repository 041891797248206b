package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/apikey"
)

// warnOfLife warns of a key that lives longer than those that people make on the profile page. The platform's staff may have reasons for it.
func (g *global) warnOfLife(cmd *cobra.Command, c client.Client, key apikey.Key) {
	longest := apikey.DefaultMaxLife
	namespace := &corev1.Namespace{}
	if err := c.Get(cmd.Context(), client.ObjectKey{Name: g.keysNamespace}, namespace); err == nil {
		if life, err := time.ParseDuration(namespace.Annotations[v1alpha1.AnnotationMaxKeyLife]); err == nil {
			longest = life
		}
	}
	if end := key.End(); longest > 0 && (end.IsZero() || end.Sub(key.Created.Time) > longest+time.Minute) {
		fmt.Fprintf(cmd.ErrOrStderr(), "Warning: API key %s lives longer than %s, the longest life of a key that is made on the profile page\n", key.ID, longest)
	}
}
