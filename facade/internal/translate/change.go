package translate

import (
	"cmp"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	ac "github.com/berth-dev/berth/api/v1alpha1/applyconfiguration/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/wire"
)

const fieldOwner = v1alpha1.FieldOwnerFacade

// change is one change on its way. It begins with the fields that the facade owns already and leaves alone every field whose value is as
// the client wants it: who set it keeps it.
type change struct {
	// desired is what the facade will own of the App.
	desired *ac.AppApplyConfiguration
	// observed is what there is.
	observed Observed
	// others are who else owns fields of the App.
	others *owners
	fresh  Fresh

	// changed says that desired is worth a write.
	changed bool
	plan    Plan
}

func newChange(desired *ac.AppApplyConfiguration, observed Observed, fresh Fresh) *change {
	return &change{desired: desired, observed: observed, fresh: fresh}
}

// spec is the desired spec, to set a field of.
func (c *change) spec() *ac.AppSpecApplyConfiguration {
	if c.desired.Spec == nil {
		c.desired.WithSpec(ac.AppSpec())
	}
	return c.desired.Spec
}

// app takes over what the body says of the App itself.
func (c *change) app(body wire.AppBody) error {
	if body.Location != nil {
		if err := c.location(*body.Location); err != nil {
			return err
		}
	}
	if err := c.registry(body); err != nil {
		return err
	}
	if body.Dataset != nil {
		if err := c.dataset(v1alpha1.Dataset(*body.Dataset)); err != nil {
			return err
		}
	}
	if body.Env != nil {
		return c.env(*body.Env)
	}
	return nil
}

func (c *change) location(location string) error {
	prefix, image := wire.SplitLocation(location)
	if image != c.observed.App.Spec.Image {
		if err := c.others.set(imagePath); err != nil {
			return err
		}
		c.spec().WithImage(image)
		c.changed = true
	}
	if prefix == c.observed.App.Annotations[v1alpha1.AnnotationLocationPrefix] {
		return nil
	}
	if err := c.others.replace(annotationPath(v1alpha1.AnnotationLocationPrefix)); err != nil {
		return err
	}
	c.annotate(v1alpha1.AnnotationLocationPrefix, prefix)
	return nil
}

// annotate sets an annotation, or drops the facade's own if value is empty.
func (c *change) annotate(name, value string) {
	c.changed = true
	if value == "" {
		delete(c.desired.Annotations, name)
		return
	}
	c.desired.WithAnnotations(map[string]string{name: value})
}

func (c *change) dataset(dataset v1alpha1.Dataset) error {
	if dataset == c.observed.App.Spec.Dataset {
		return nil
	}
	if err := c.others.set(datasetPath); err != nil {
		return err
	}
	c.changed = true
	c.spec().WithDataset(dataset)
	return nil
}

// restart makes the Pods be replaced.
//
// A restart is an event, not something that one party declares and others must not touch: kubectl annotate before must not keep REST clients
// from restarting. So the annotation is taken over from whoever set it, but not from one who declares it, as Git would: that would fight.
func (c *change) restart() error {
	forced, err := c.others.event(annotationPath(v1alpha1.AnnotationRestartedAt))
	if err != nil {
		return err
	}
	c.plan.Force = forced
	c.annotate(v1alpha1.AnnotationRestartedAt, c.fresh.Now.UTC().Format(time.RFC3339Nano))
	return nil
}

// domain plans what the body says of the App's host and mail.
func (c *change) domain(platform Platform, body wire.AppBody) error {
	about := wire.DomainBody{FromEmail: body.FromEmail}
	if body.Domain != nil {
		about.Domain = new(cmp.Or(*body.Domain, platform.DefaultHost(c.observed.App.Name)))
	}
	plan, err := ChangeDomain(platform, c.observed, about, c.fresh)
	c.plan.Domain, c.plan.NewDomain, c.plan.Host, c.plan.TakenOfDomain = plan.Domain, plan.NewDomain, plan.Host, plan.TakenOfDomain
	return err
}

// newSecret is a Secret that never changes, for an App or a Domain to name. The controllers collect it when none does any more.
func newSecret(app *v1alpha1.App, name, purpose string, kind corev1.SecretType, data map[string][]byte) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: app.Namespace,
			Name:      name,
			Labels:    map[string]string{v1alpha1.LabelSecret: purpose, v1alpha1.LabelApp: app.Name},
		},
		Immutable: new(true),
		Type:      kind,
		Data:      data,
	}
}

// Replaced returns the Secrets with environments that a change has left unnamed before the controllers took them over: no Pod has used them. Those
// that the controllers own, they delete once no Pod needs them.
func Replaced(before, after Observed) []*corev1.Secret {
	named := AppSecretNames(after)
	var replaced []*corev1.Secret
	for _, name := range AppSecretNames(before) {
		secret := before.secret(name, v1alpha1.SecretEnv)
		if secret == nil || slices.Contains(named, name) || slices.Contains(replaced, secret) {
			continue
		}
		if secret.Labels[v1alpha1.LabelApp] == before.App.Name && metav1.GetControllerOfNoCopy(secret) == nil {
			replaced = append(replaced, secret)
		}
	}
	return replaced
}

// GivenSecretNames returns the names of the Secrets that hold what clients gave for an App and its Domain. A name can be there twice.
func GivenSecretNames(o Observed) []string {
	all := AppSecretNames(o)
	if ref := customSecretOf(o.Domain); ref != nil {
		all = append(all, ref.Name)
	}
	if ref := mailOf(o.Domain).PasswordSecretRef; ref != nil {
		all = append(all, ref.Name)
	}
	return all
}
