package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/hack/chaos/fault"
)

// verify compares what is there in the end with what the clients were promised.
func (s *storm) verify(t *testing.T) {
	t.Helper()
	var live []*caller
	for _, c := range s.callers {
		s.figures.Objects += c.made
		for _, what := range c.lost {
			s.figures.lost(t, "%s: %s", c.app.slug, what)
		}
		if c.app.exists {
			live = append(live, c)
		}
	}
	t.Logf("%d faults; %d apps promised, %d of them are left; %d requests were answered, and %d had to be sent again",
		s.figures.Faults, s.figures.Objects, len(live), s.answered(), s.unsure.Load())
	for _, c := range live {
		if err := soon(t, func(ctx context.Context) error { return errors.Join(c.shows(), c.app.restarts(ctx)) }); err != nil {
			s.figures.lost(t, "%s: %v", c.app.slug, err)
			continue
		}
		if err := soon(t, c.app.converged); err != nil {
			s.figures.diverged(t, "%s: %v", c.app.slug, err)
			continue
		}
		if err := c.app.rollouts(t.Context()); err != nil {
			s.figures.diverged(t, "%s: %v", c.app.slug, err)
		}
	}
	collector := s.operate(t, later) // It collects what it would otherwise leave for a while.
	if err := soon(t, func(ctx context.Context) error {
		return errors.Join(s.tidy(ctx, live), collector.rests(ctx, []string{s.organization}))
	}); err != nil {
		s.figures.diverged(t, "%v", err)
	}
	s.steady(t)
}

// answered is how many requests of the clients were answered.
func (s *storm) answered() int {
	sum := 0
	for _, c := range s.callers {
		sum += c.answered
	}
	return sum
}

// shows says what the REST API says else of the app than was promised, by each of the facades.
func (c *caller) shows() error {
	for range c.doors.urls {
		status, said, err := c.call(http.MethodGet, c.path(), nil)
		if err != nil || status != http.StatusOK {
			return failure(err, status, said)
		}
		var got map[string]any
		if err := json.Unmarshal([]byte(said), &got); err != nil {
			return err
		}
		for field, want := range c.app.values {
			if diff := cmp.Diff(want, got[field]); diff != "" {
				return fmt.Errorf("%s (-promised +shown):\n%s", field, diff)
			}
		}
	}
	return nil
}

// converged says what the cluster still lacks of the app.
func (l *ledger) converged(ctx context.Context) error {
	app, deployment := &v1alpha1.App{}, &appsv1.Deployment{}
	if err := suite.api.Get(ctx, l.key(), app); err != nil {
		return err
	}
	// Both are told: what an App says of itself may be what is wrong.
	if err := errors.Join(current(app), suite.api.Get(ctx, l.key(), deployment)); err != nil {
		return err
	}
	const restartedAt = v1alpha1.AnnotationRestartedAt
	if got, want := deployment.Spec.Template.Annotations[restartedAt], app.Annotations[restartedAt]; got != want {
		return fmt.Errorf("the Pods were restarted at %q, want %q", got, want)
	}
	if err := l.domains(ctx); err != nil {
		return err
	}
	container := deployment.Spec.Template.Spec.Containers[0]
	if container.Image != l.values["location"] {
		return fmt.Errorf("the Deployment's image is %s, want %s", container.Image, l.values["location"])
	}
	return errors.Join(l.environment(ctx, container.Env), l.login(ctx, app))
}

// restarts says that the App was restarted last before the last restart that the client was told of.
func (l *ledger) restarts(ctx context.Context) error {
	if l.restarted.IsZero() {
		return nil
	}
	app := &v1alpha1.App{}
	if err := suite.api.Get(ctx, l.key(), app); err != nil {
		return err
	}
	at, err := time.Parse(time.RFC3339, app.Annotations[v1alpha1.AnnotationRestartedAt])
	if err == nil && at.Before(l.restarted) {
		err = fmt.Errorf("it was restarted at %s, and the last restart was asked for at %s", at, l.restarted)
	}
	return err
}

// domains says what the app's Domains still lack.
func (l *ledger) domains(ctx context.Context) error {
	all := &v1alpha1.DomainList{}
	if err := suite.api.List(ctx, all, client.InNamespace(l.organization)); err != nil {
		return err
	}
	for i := range all.Items {
		if d := &all.Items[i]; d.Spec.AppRef.Name == l.slug {
			if err := current(d); err != nil {
				return err
			}
		}
	}
	return nil
}

// environment says how the environment of a container differs from the promised one.
func (l *ledger) environment(ctx context.Context, variables []corev1.EnvVar) error {
	var got []any
	for _, v := range variables {
		if v.ValueFrom == nil {
			continue // It is Berth's own.
		}
		secret := &corev1.Secret{}
		ref := v.ValueFrom.SecretKeyRef
		if err := suite.api.Get(ctx, client.ObjectKey{Namespace: l.organization, Name: ref.Name}, secret); err != nil {
			return err
		}
		got = append(got, map[string]any{"name": v.Name, "value": string(secret.Data[ref.Key])})
	}
	if diff := cmp.Diff(l.values["env"], any(got)); diff != "" {
		return fmt.Errorf("the environment of the Pods (-promised +got):\n%s", diff)
	}
	return nil
}

// login says how the login that the image is pulled with differs from the promised one.
func (l *ledger) login(ctx context.Context, app *v1alpha1.App) error {
	if app.Spec.Registry == nil || l.password == "" {
		if app.Spec.Registry != nil || l.password != "" {
			return errors.New("the App has a login and shouldn't, or the other way round")
		}
		return nil
	}
	secret := &corev1.Secret{}
	key := client.ObjectKey{Namespace: l.organization, Name: app.Spec.Registry.CredentialsSecretRef.Name}
	if err := suite.api.Get(ctx, key, secret); err != nil {
		return err
	}
	if string(secret.Data[corev1.BasicAuthPasswordKey]) != l.password {
		return errors.New("the password for the registry is another one")
	}
	return nil
}

// rollouts says whether the app's Pods were changed more often than a client may have asked for.
//
// ReplicaSets can't be counted, since old ones are collected, and the controller's revisions leave out a template that is replaced before the
// controller has seen it. A Deployment's generation counts each change of its spec, of which Berth changes only the template here.
func (l *ledger) rollouts(ctx context.Context) error {
	deployment := &appsv1.Deployment{}
	if err := suite.api.Get(ctx, l.key(), deployment); err != nil {
		return err
	}
	if deployment.Generation > l.versions {
		return fmt.Errorf("%d versions of the Pods for %d requests", deployment.Generation, l.versions)
	}
	return nil
}

// tidy says what is there of the organization that belongs to no app that was promised.
func (s *storm) tidy(ctx context.Context, live []*caller) error {
	seen, err := look(ctx, []string{s.organization})
	if err != nil {
		return err
	}
	left := seen.orphans()
	for _, o := range seen[s.organization] {
		switch o.GetKind() {
		case "App", "Deployment", "Service":
			if !slices.ContainsFunc(live, func(c *caller) bool { return o.GetName() == c.app.slug }) {
				left = append(left, o.GetKind()+" "+o.GetName())
			}
		case "Secret":
			if name := o.GetName(); !seen.names(s.organization, name) && len(o.GetOwnerReferences()) == 0 {
				left = append(left, "Secret "+name)
			}
		}
	}
	left = append(left, seen.unnamed(s.organization)...)
	if len(left) > 0 {
		return fmt.Errorf("nothing wants these any more:\n%s", strings.Join(left, "\n"))
	}
	if diff := cmp.Diff(wantedHosts(live), seen.hosts(s.organization)); diff != "" {
		return fmt.Errorf("the hosts of each kind (-wanted +there):\n%s", diff)
	}
	return nil
}

// unnamed are the Secrets with values of clients that no App, Domain or ReplicaSet names.
func (w world) unnamed(organization string) []string {
	var found []string
	for _, o := range w[organization] {
		use := o.GetLabels()[v1alpha1.LabelSecret]
		values := []string{v1alpha1.SecretEnv, v1alpha1.SecretRegistry, v1alpha1.SecretCertificate, v1alpha1.SecretMailPassword}
		if o.GetKind() == "Secret" && slices.Contains(values, use) && !w.names(organization, o.GetName()) {
			found = append(found, "Secret "+o.GetName()+" for "+use)
		}
	}
	return found
}

// names tells whether an App, a Domain, a Certificate or a ReplicaSet of an organization names a Secret.
func (w world) names(organization, secret string) bool {
	for _, o := range w[organization] {
		switch o.GetKind() {
		case "App", "Domain", "ReplicaSet", "Certificate":
			if text, err := json.Marshal(o.Object["spec"]); err == nil && strings.Contains(string(text), `"`+secret+`"`) {
				return true
			}
		}
	}
	return false
}

// steady says that an operator that is started now has nothing to write, once it has looked at all there is. The others end before, since one of
// them might do it first.
func (s *storm) steady(t *testing.T) {
	t.Helper()
	for _, op := range s.operators {
		op.stop()
	}
	writes := &fault.Deaths{}
	writes.Plan(s.organization, fault.Death{})
	op := startOperator(t, through(writes.Wrap))
	defer op.stop()
	eventually(t, func(ctx context.Context) error { return op.rests(ctx, []string{s.organization}) })
	if got := writes.Writes(s.organization); len(got) > 0 {
		s.figures.diverged(t, "an operator that is started now writes:\n%s", strings.Join(got, "\n"))
	}
}
