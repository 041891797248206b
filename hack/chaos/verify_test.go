package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
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

// revision is the number of rollouts that the Deployment controller notes.
const revision = "deployment.kubernetes.io/revision"

// verify compares what is there in the end with what the clients were promised.
func (s *storm) verify(t *testing.T) {
	t.Helper()
	var live []*caller
	for _, c := range s.callers {
		s.figures.Objects += c.made
		if c.app.exists {
			live = append(live, c)
		}
	}
	t.Logf("%d faults; %d apps promised, %d of them are left; %d of %d requests had to be sent again",
		s.figures.Faults, s.figures.Objects, len(live), s.unsure.Load(), s.sent())
	for _, c := range live {
		if err := poll(t.Context(), patience, func(context.Context) error { return c.shows() }); err != nil {
			s.figures.lost(t, "%s: %v", c.app.slug, err)
			continue
		}
		if err := poll(t.Context(), patience, c.app.converged); err != nil {
			s.figures.diverged(t, "%s: %v", c.app.slug, err)
			continue
		}
		if err := c.app.rollouts(t.Context()); err != nil {
			s.figures.diverged(t, "%s: %v", c.app.slug, err)
		}
	}
	startOperator(t, later) // It collects what it would otherwise leave for a while.
	if err := poll(t.Context(), patience, func(ctx context.Context) error { return s.tidy(ctx, live) }); err != nil {
		s.figures.diverged(t, "%v", err)
	}
	s.steady(t)
}

// sent is how many requests the clients have sent.
func (s *storm) sent() int {
	sum := 0
	for _, c := range s.callers {
		sum += c.sent
	}
	return sum
}

// shows says what the REST API says else of the app than was promised, by each of the facades.
func (c *caller) shows() error {
	for range c.doors.urls {
		status, said, err := c.call(http.MethodGet, c.path(), nil)
		if err != nil || status != http.StatusOK {
			return cmpError(err, status, said)
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
	key := client.ObjectKey{Namespace: l.organization, Name: l.slug}
	app, deployment := &v1alpha1.App{}, &appsv1.Deployment{}
	if err := suite.api.Get(ctx, key, app); err != nil {
		return err
	}
	// Both are told: what an App says of itself may be what is wrong.
	if err := errors.Join(current(app), suite.api.Get(ctx, key, deployment)); err != nil {
		return err
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

// domains says what the app's Domains still lack. There is one if one was promised.
func (l *ledger) domains(ctx context.Context) error {
	all := &v1alpha1.DomainList{}
	if err := suite.api.List(ctx, all, client.InNamespace(l.organization)); err != nil {
		return err
	}
	found := 0
	for i := range all.Items {
		if d := &all.Items[i]; d.Spec.AppRef.Name == l.slug {
			found++
			if err := current(d); err != nil {
				return err
			}
		}
	}
	if _, wanted := l.values["domain"]; wanted != (found == 1) {
		return fmt.Errorf("%d Domains; one was promised: %t", found, wanted)
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

// rollouts says whether the app was rolled out more often than a client may have asked for.
func (l *ledger) rollouts(ctx context.Context) error {
	deployment := &appsv1.Deployment{}
	if err := suite.api.Get(ctx, client.ObjectKey{Namespace: l.organization, Name: l.slug}, deployment); err != nil {
		return err
	}
	number, err := strconv.Atoi(deployment.Annotations[revision])
	if err == nil && number > l.versions {
		err = fmt.Errorf("%d rollouts for %d requests", number, l.versions)
	}
	return err
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

// steady says that an operator that is started now has nothing to write.
func (s *storm) steady(t *testing.T) {
	t.Helper()
	writes := &fault.Deaths{}
	writes.Plan(s.organization, fault.Death{})
	op := startOperator(t, through(writes.Wrap))
	defer op.stop()
	if !op.mgr.GetCache().WaitForCacheSync(t.Context()) {
		t.Fatal("the caches weren't filled")
	}
	time.Sleep(time.Second) // Nothing tells when all has been reconciled once.
	if got := writes.Writes(s.organization); len(got) > 0 {
		s.figures.diverged(t, "an operator that is started now writes:\n%s", strings.Join(got, "\n"))
	}
}
