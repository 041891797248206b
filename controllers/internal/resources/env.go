package resources

import (
	"slices"
	"strconv"
	"strings"

	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/envport"
)

// environment returns the variables of the container in the order of the App, behind PORT unless the App sets it.
func environment(app *v1alpha1.App) []*corev1ac.EnvVarApplyConfiguration {
	vars := make([]*corev1ac.EnvVarApplyConfiguration, 0, len(app.Spec.Env)+1)
	if !slices.ContainsFunc(app.Spec.Env, func(e v1alpha1.EnvVar) bool { return e.Name == envport.Variable }) {
		vars = append(vars, corev1ac.EnvVar().WithName(envport.Variable).WithValue(strconv.Itoa(int(app.Spec.Port))))
	}
	for _, e := range app.Spec.Env {
		vars = append(vars, variable(e))
	}
	return vars
}

func variable(e v1alpha1.EnvVar) *corev1ac.EnvVarApplyConfiguration {
	v := corev1ac.EnvVar().WithName(e.Name)
	if e.ValueFrom != nil {
		return v.WithValueFrom(source(e.ValueFrom))
	}
	if e.Value == nil || *e.Value == "" {
		return v
	}
	return v.WithValue(literal(*e.Value))
}

// literal makes Kubernetes pass a value on as it is. The kubelet expands $(NAME) and reads $$ as one $; with every $ doubled, nothing
// is left that it could expand.
func literal(value string) string {
	return strings.ReplaceAll(value, "$", "$$")
}

func source(s *v1alpha1.EnvVarSource) *corev1ac.EnvVarSourceApplyConfiguration {
	if ref := s.SecretKeyRef; ref != nil {
		selector := corev1ac.SecretKeySelector().WithName(ref.Name).WithKey(ref.Key)
		selector.Optional = ref.Optional
		return corev1ac.EnvVarSource().WithSecretKeyRef(selector)
	}
	selector := corev1ac.ConfigMapKeySelector().WithName(s.ConfigMapKeyRef.Name).WithKey(s.ConfigMapKeyRef.Key)
	selector.Optional = s.ConfigMapKeyRef.Optional
	return corev1ac.EnvVarSource().WithConfigMapKeyRef(selector)
}

// EnvSecret returns what the controllers own of a Secret that holds the environment of an App: that it goes with the App.
func EnvSecret(app *v1alpha1.App, name string) *corev1ac.SecretApplyConfiguration {
	return corev1ac.Secret(name, app.GetNamespace()).WithOwnerReferences(ownedBy(appKind, app))
}
