package testobjects

import (
	"github.com/berth-dev/berth/api/v1alpha1"
)

// WithPort has env set PORT to a value.
func WithPort(value string) func(*v1alpha1.App) {
	return func(a *v1alpha1.App) { a.Spec.Env = append(a.Spec.Env, v1alpha1.EnvVar{Name: "PORT", Value: &value}) }
}
