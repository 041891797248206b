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
	name := envSecretPrefix(c.observed.App) + c.fresh.Suffix
	data := map[string][]byte{}
	entries := make([]ac.EnvVarApplyConfiguration, 0, len(want))
	for _, variable := range want {
		entry, value, err := c.variable(variable, slices.Contains(have, variable), name)
		if err != nil {
			return err
		}
		if entry != nil {
			entries = append(entries, *entry)
		}
		if value != nil {
			data[variable.Name] = []byte(*value)
		}
	}
	if len(entries) == 0 && !c.ownsAny() && !c.others.takes() {
		return nil // Only the order of somebody else's variables differs.
	}
	if err := c.checkKept(data); err != nil {
		return err
	}
	c.changed = true
	c.spec().Env = entries
	if len(data) > 0 {
		c.plan.Secrets = append(c.plan.Secrets, newSecret(c.observed.App, name, v1alpha1.SecretEnv, corev1.SecretTypeOpaque, data))
	}
	return nil
}

// variable returns what the facade sets of a variable, or nil if that is nothing, and the value of it to put into the Secret secret, or nil. same says
// that the client sends it as it was read.
func (c *change) variable(variable wire.EnvVar, same bool, secret string) (*ac.EnvVarApplyConfiguration, *string, error) {
	if same && !c.owns(variable.Name) {
		return nil, nil, nil // It is as Git or kubectl has it, and theirs it stays.
	}
	if same && c.observed.ValuesHidden {
		value, known := c.current(variable.Name)
		if !known { // Its Secret may be on its way to the cache: the variable goes on naming it, so that the value isn't lost.
			return c.entry(variable.Name), nil, nil
		}
		variable.Value = value
	}
	if err := c.others.replace(envPath(variable.Name)); err != nil {
		return nil, nil, err
	}
	if !same { // What was accepted before stays.
		if err := checkPort(variable); err != nil {
			return nil, nil, err
		}
	}
	ref := ac.KeyRef().WithName(secret).WithKey(variable.Name)
	return ac.EnvVar().WithName(variable.Name).WithValueFrom(ac.EnvVarSource().WithSecretKeyRef(ref)), &variable.Value, nil
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
func (c *change) owns(name string) bool { return c.entry(name) != nil }

// entry returns what the facade set of a variable, or nil.
func (c *change) entry(name string) *ac.EnvVarApplyConfiguration {
	if c.desired.Spec == nil {
		return nil
	}
	at := slices.IndexFunc(c.desired.Spec.Env, func(e ac.EnvVarApplyConfiguration) bool { return e.Name != nil && *e.Name == name })
	if at < 0 {
		return nil
	}
	return &c.desired.Spec.Env[at]
}

// current returns the value that a variable has, also if the caller may not see it, and whether the facade knows it.
func (c *change) current(name string) (value string, known bool) {
	env := c.observed.App.Spec.Env
	at := slices.IndexFunc(env, func(v v1alpha1.EnvVar) bool { return v.Name == name })
	if at < 0 {
		return "", false
	}
	return knownValue(c.observed, &env[at])
}

// checkKept is the 400 about an environment that is too large with the values that it keeps. Of a body that has all values, this is known already.
func (c *change) checkKept(data map[string][]byte) error {
	if !c.observed.ValuesHidden {
		return nil
	}
	total := 0
	for name, value := range data {
		total += len(name) + len(value)
	}
	return wire.CheckEnvSize(total)
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
		kept := wire.EnvVar{Name: envport.Variable}
		if c.observed.ValuesHidden && slices.Contains(want, kept) && slices.Contains(have, kept) {
			return nil // The variable keeps its value, and the App its port.
		}
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
