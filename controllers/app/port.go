package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/lru"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/controllers/internal/resources"
	"github.com/berth-dev/berth/controllers/internal/ssa"
	"github.com/berth-dev/berth/internal/envport"
)

const (
	// maxReadPorts is how many Apps' ports are remembered that were read from Secrets and ConfigMaps.
	maxReadPorts = 4096
	// portAgain is when a value is read again that is missing or names no port: nothing watches the object that holds it.
	portAgain = 15 * time.Second
)

// ReadPorts are the ports that were read from the Secrets and ConfigMaps that the environments of Apps name. Reading them takes a request to the
// API server, since the caches hold no values.
type ReadPorts struct{ known *lru.Cache }

// NewReadPorts returns an empty memory of ports.
func NewReadPorts() ReadPorts { return ReadPorts{known: lru.New(maxReadPorts)} }

// readPort is a port that was read for a version of an App. Pods read their environment when they start, so the value is read again when the spec
// changes or the App is restarted. Number is 0 if the variable is empty or not set.
type readPort struct {
	version appVersion
	number  int32
}

// appVersion is what makes the Pods of an App be replaced.
type appVersion struct {
	generation int64
	restarted  string
}

func versionOf(app *v1alpha1.App) appVersion {
	return appVersion{generation: app.GetGeneration(), restarted: app.GetAnnotations()[v1alpha1.AnnotationRestartedAt]}
}

func (p ReadPorts) of(app *v1alpha1.App) (int32, bool) {
	known, ok := p.known.Get(app.GetUID())
	if !ok {
		return 0, false
	}
	read, ok := known.(readPort)
	return read.number, ok && read.version == versionOf(app)
}

func (p ReadPorts) keep(app *v1alpha1.App, number int32) {
	p.known.Add(app.GetUID(), readPort{version: versionOf(app), number: number})
}

func (p ReadPorts) forget(app types.UID) { p.known.Remove(app) }

// NamedPort finds the port that the App itself names: in spec.port, or in the variable PORT of env. Without one, the port's number is 0.
func (r *Reconciler) NamedPort(ctx context.Context, s *Scope) error {
	if s.App.Spec.Port != 0 {
		s.Port = resources.Port{Number: s.App.Spec.Port, Source: resources.PortFromSpec}
		return nil
	}
	number, err := r.portOfEnv(ctx, s.App)
	if err != nil {
		s.portUnread = true
		return err
	}
	if number != 0 {
		s.Port = resources.Port{Number: number, Source: resources.PortFromEnv}
	}
	return nil
}

// presentDeployment returns the App's Deployment as it is; an empty one if the App has none.
func (r *Reconciler) presentDeployment(ctx context.Context, app *v1alpha1.App) (appsv1.Deployment, error) {
	var have appsv1.Deployment
	have.Namespace, have.Name = app.GetNamespace(), app.GetName()
	owned, err := ssa.Has(ctx, r.Client, app, &have)
	if err != nil || !owned {
		return appsv1.Deployment{}, err
	}
	return have, nil
}

// keepDeployment reads the Deployment and leaves it as it is, so that the version that runs goes on.
func (r *Reconciler) keepDeployment(ctx context.Context, s *Scope) error {
	have, err := r.presentDeployment(ctx, s.App)
	if err != nil {
		return err
	}
	s.Deployment = have
	return phase.Wait(0, v1alpha1.ReasonPending, "The Deployment is not changed before the port is known.")
}

// portOfEnv returns the port in the variable PORT of env, or 0 if the variable is empty or not set.
func (r *Reconciler) portOfEnv(ctx context.Context, app *v1alpha1.App) (int32, error) {
	at := slices.IndexFunc(app.Spec.Env, func(e v1alpha1.EnvVar) bool { return e.Name == envport.Variable })
	if at < 0 {
		return 0, nil
	}
	variable := app.Spec.Env[at]
	if variable.ValueFrom == nil {
		number, ok := portIn(ptr.Deref(variable.Value, ""))
		if !ok {
			return 0, phase.Stall(v1alpha1.ReasonInvalidPort, "The variable %s of env must be a number from 1 to 65535.", envport.Variable)
		}
		return number, nil
	}
	if number, known := r.Ports.of(app); known {
		return number, nil
	}
	value, where, err := r.read(ctx, app, variable.ValueFrom)
	if err != nil {
		return 0, err
	}
	number, ok := portIn(value)
	if !ok {
		return 0, phase.StallFor(portAgain, v1alpha1.ReasonInvalidPort, "The variable %s of env must be a number from 1 to 65535, which %s is not. "+
			"Correct it, or set spec.port.", envport.Variable, where)
	}
	r.Ports.keep(app, number)
	return number, nil
}

// portIn returns the port that a value names, or 0 for an empty one, and false if it is neither. The line break that `echo` adds is ignored.
func portIn(value string) (int32, bool) {
	value = strings.TrimSpace(value)
	if value == "" {
		return 0, true
	}
	return envport.Parse(value)
}

// read reads the value of a variable from the API server, and says where it is. It is empty if it may be missing and is.
func (r *Reconciler) read(ctx context.Context, app *v1alpha1.App, from *v1alpha1.EnvVarSource) (value, where string, err error) {
	kind, reason, ref := "Secret", v1alpha1.ReasonSecretNotFound, from.SecretKeyRef
	if ref == nil {
		kind, reason, ref = "ConfigMap", v1alpha1.ReasonConfigMapNotFound, from.ConfigMapKeyRef
	}
	where = fmt.Sprintf("key %s of %s %s", ref.Key, kind, ref.Name)
	value, found, err := r.readKey(ctx, client.ObjectKey{Namespace: app.GetNamespace(), Name: ref.Name}, kind, ref.Key)
	if err != nil || found || ptr.Deref(ref.Optional, false) {
		return value, where, err
	}
	return "", where, phase.Wait(portAgain, reason, "The variable %s of env, which names the port, is the %s, which does not exist.", envport.Variable, where)
}

func (r *Reconciler) readKey(ctx context.Context, object client.ObjectKey, kind, key string) (value string, found bool, err error) {
	if kind == "Secret" {
		var secret corev1.Secret
		err = r.Live.Get(ctx, object, &secret)
		held, ok := secret.Data[key]
		value, found = string(held), ok
	} else {
		var config corev1.ConfigMap
		err = r.Live.Get(ctx, object, &config)
		value, found = config.Data[key]
	}
	if apierrors.IsNotFound(err) {
		return "", false, nil
	}
	return value, found, err
}
