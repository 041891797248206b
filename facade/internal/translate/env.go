package translate

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	ac "github.com/berth-dev/berth/api/v1alpha1/applyconfiguration/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/wire"
	"github.com/berth-dev/berth/internal/envport"
)

// env replaces the environment. All the values that REST clients gave are in one Secret, which is never changed: new values are a new Secret,
// so that the App's Pods see either all the old ones or all the new ones.
func (c *change) env(want []wire.EnvVar) error {
	have := envOf(c.observed)
	if !slices.Equal(want, have) {
		if err := c.variables(want, have); err != nil {
			return err
		}
	}
	return c.port(want, have)
}

// variables makes the environment be as a client wants it.
func (c *change) variables(want, have []wire.EnvVar) error {
	if err := c.refuseRemoval(want, have); err != nil {
		return err
	}
	name := c.observed.App.Name + "-env-" + c.fresh.Suffix
	data := map[string][]byte{}
	entries := make([]ac.EnvVarApplyConfiguration, 0, len(want))
	for _, variable := range want {
		if slices.Contains(have, variable) && !c.owns(variable.Name) {
			continue // It is as Git or kubectl has it, and theirs it stays.
		}
		if err := c.others.replace(envPath(variable.Name)); err != nil {
			return err
		}
		if !slices.Contains(have, variable) { // What was accepted before stays.
			if err := checkPort(variable); err != nil {
				return err
			}
		}
		ref := ac.KeyRef().WithName(name).WithKey(variable.Name)
		entries = append(entries, *ac.EnvVar().WithName(variable.Name).WithValueFrom(ac.EnvVarSource().WithSecretKeyRef(ref)))
		data[variable.Name] = []byte(variable.Value)
	}
	if len(entries) == 0 && !c.ownsAny() && !c.others.takes() {
		return nil // Only the order of somebody else's variables differs.
	}
	c.changed = true
	c.spec().Env = entries
	if len(data) > 0 {
		c.plan.Secrets = append(c.plan.Secrets, newSecret(c.observed.App, name, v1alpha1.SecretEnv, corev1.SecretTypeOpaque, data))
	}
	return nil
}

// refuseRemoval is the 409 about a variable that is to go and is somebody else's.
func (c *change) refuseRemoval(want, have []wire.EnvVar) error {
	for _, variable := range have {
		wanted := slices.ContainsFunc(want, func(w wire.EnvVar) bool { return w.Name == variable.Name })
		if wanted {
			continue
		}
		if err := c.others.replace(envPath(variable.Name)); err != nil {
			return err
		}
	}
	return nil
}

// owns tells whether a variable is one that the facade set.
func (c *change) owns(name string) bool {
	return c.desired.Spec != nil && slices.ContainsFunc(c.desired.Spec.Env, func(e ac.EnvVarApplyConfiguration) bool { return e.Name != nil && *e.Name == name })
}

// ownsAny tells whether there is a variable that the facade set.
func (c *change) ownsAny() bool { return c.desired.Spec != nil && len(c.desired.Spec.Env) > 0 }

// checkPort is the 400 about a variable PORT that names no port. Empty, it counts as not set.
func checkPort(variable wire.EnvVar) error {
	if variable.Name != envport.Variable || variable.Value == "" {
		return nil
	}
	if _, ok := envport.Parse(variable.Value); ok {
		return nil
	}
	return apierr.Field(wire.FieldEnv, "PORT must be a number from 1 to 65535.")
}

// port sets the App's port to the one in the client's variable PORT, so that the controllers need not read the Secret that holds the value, and
// removes it again with the variable.
//
// A port that another field manager has set stays. A client that changes PORT to another number gets the 409: the program would listen on a port
// that it is not asked at.
func (c *change) port(want, have []wire.EnvVar) error {
	value := ""
	if c.owns(envport.Variable) {
		value = valueIn(want, envport.Variable)
	}
	number, _ := envport.Parse(value)
	if number == 0 && c.desired.Spec != nil && c.desired.Spec.Port != nil {
		c.spec().Port = nil
		c.changed = true
	}
	if number == 0 || number == c.observed.App.Spec.Port {
		return nil
	}
	if err := c.others.set(portPath); err != nil {
		if value == valueIn(have, envport.Variable) {
			return nil
		}
		return err
	}
	c.spec().WithPort(number)
	c.changed = true
	return nil
}

// valueIn is the value of a variable; empty if there is none of the name.
func valueIn(env []wire.EnvVar, name string) string {
	at := slices.IndexFunc(env, func(e wire.EnvVar) bool { return e.Name == name })
	if at < 0 {
		return ""
	}
	return env[at].Value
}
