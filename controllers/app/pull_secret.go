package app

import (
	"context"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/ecr"
	"github.com/berth-dev/berth/controllers/internal/objects"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/controllers/internal/resources"
	"github.com/berth-dev/berth/controllers/internal/ssa"
	"github.com/berth-dev/berth/controllers/internal/watches"
	"github.com/berth-dev/berth/internal/names"
	"github.com/berth-dev/berth/internal/registry"
)

// sessionPrefix begins the name of each session that a role is assumed for. With the longest name of an App, it is far below the 64
// characters that AWS takes.
const sessionPrefix = "berth-"

// Pull is how the credentials for the registry of an App's image are doing.
type Pull struct {
	// Note says why they aren't renewed though it is time, as long as those that are there hold.
	Note string
	// Recheck is after what time they have to be looked at again.
	Recheck time.Duration
}

// PullCredentials makes the Secret that the image is pulled with, as far as the App asks for it, and renews what is in it.
func (r *Reconciler) PullCredentials(ctx context.Context, s *Scope) error {
	have := &corev1.Secret{}
	have.Namespace, have.Name = s.App.GetNamespace(), names.PullSecret(s.App.GetName())
	wanted := s.App.Spec.Registry
	if wanted == nil {
		return ssa.Prune(ctx, r.Client, s.App, have, "the App names no credentials for a registry")
	}
	if _, err := ssa.Has(ctx, r.Client, s.App, have); err != nil {
		return err
	}
	if wanted.RoleARN != "" {
		return r.pullByRole(ctx, s, have)
	}
	return r.pullByLogin(ctx, s, have)
}

// pullByRole keeps a token in the Secret that the role of the App gets from Amazon ECR. How old the one is that is there is told by the
// Secret, so that a restart asks AWS for nothing. One that was dated by a clock that was ahead is replaced.
func (r *Reconciler) pullByRole(ctx context.Context, s *Scope, have *corev1.Secret) error {
	role, err := r.role(ctx, s.App)
	if err != nil {
		return err
	}
	from := strings.Join([]string{registry.Of(s.App.Spec.Image), role.ARN, role.ExternalID}, " ")
	held, err := r.held(s.App, have, from)
	if err != nil {
		return err
	}
	denied, err := r.isDenied(ctx, s.App)
	if err != nil {
		return err
	}
	var refused time.Time
	if denied {
		refused = held.issued
	}
	now := r.Clock.Now()
	if !denied && now.Before(held.refresh) && !held.issued.After(now) {
		s.Pull.Recheck = held.refresh.Sub(now)
		return nil
	}
	token, tokenErr := r.Tokens.Get(ctx, role, sessionPrefix+s.App.GetName(), refused)
	if held.isReplacedBy(token, now) {
		if err := r.keepToken(ctx, s.App, from, token); err != nil {
			return err
		}
		held = holding{issued: token.IssuedAt, refresh: token.RefreshAt, expires: token.ExpiresAt}
	}
	if tokenErr != nil {
		return s.withoutToken(role, tokenErr, held, now)
	}
	s.Pull.Recheck = max(held.refresh.Sub(now), time.Second)
	return nil
}

// role returns whom AWS is to give a token for the App's image to.
func (r *Reconciler) role(ctx context.Context, app *v1alpha1.App) (ecr.Role, error) {
	arn, name := app.Spec.Registry.RoleARN, registry.Of(app.Spec.Image)
	host, ok := ecr.ParseHost(name)
	if !ok {
		return ecr.Role{}, phase.Stall(v1alpha1.ReasonRegistryMismatch,
			"The App names the AWS role %s, but its image is in %s, which is no registry of Amazon ECR.", arn, name)
	}
	if !r.Tokens.KnowsRegion(host.Region) {
		return ecr.Role{}, phase.Stall(v1alpha1.ReasonRegistryMismatch, "The registry %s names %s, which is not a known region of AWS. Correct the image. If the "+
			"region is new, ask the platform's administrators to add it (--ecr-region).", name, host.Region)
	}
	if partition := ecr.PartitionOf(arn); partition != host.Partition {
		return ecr.Role{}, phase.Stall(v1alpha1.ReasonRegistryMismatch,
			"The role %s is in the partition %s of AWS, and the registry %s in %s.", arn, partition, name, host.Partition)
	}
	var ns corev1.Namespace
	if err := r.Client.Get(ctx, client.ObjectKey{Name: app.GetNamespace()}, &ns); err != nil {
		return ecr.Role{}, err
	}
	id := objects.ExternalID(&ns)
	if id == "" {
		return ecr.Role{}, phase.Wait(0, v1alpha1.ReasonProgressing, "The organization has no external id yet.")
	}
	return ecr.Role{ARN: arn, ExternalID: id, Region: host.Region}, nil
}

// holding is what a pull Secret holds: since when its token is, when it is to be replaced, and when it ends. It is empty if the Secret isn't
// as Berth has made it for the same purpose.
type holding struct {
	issued, refresh, expires time.Time
}

// isReplacedBy reports whether a token is another one than that of the Secret: a newer one, or any if the one that is there was issued by a clock
// that was ahead. Otherwise, no token could take the place of one that a registry refuses until that time has come.
func (h holding) isReplacedBy(token ecr.Token, now time.Time) bool {
	return token.IssuedAt.After(h.issued) || h.issued.After(now) && !token.IssuedAt.IsZero()
}

func (r *Reconciler) held(app *v1alpha1.App, have *corev1.Secret, from string) (holding, error) {
	annotations := have.GetAnnotations()
	if annotations[v1alpha1.AnnotationCredentialsFrom] != from {
		return holding{}, nil
	}
	kept, err := r.isKept(app, have)
	if err != nil || !kept {
		return holding{}, err
	}
	var h holding
	for name, at := range map[string]*time.Time{
		v1alpha1.AnnotationIssuedAt: &h.issued, v1alpha1.AnnotationRefreshAt: &h.refresh, v1alpha1.AnnotationExpiresAt: &h.expires,
	} {
		if *at, err = time.Parse(time.RFC3339, annotations[name]); err != nil {
			return holding{}, nil //nolint:nilerr // Whatever wrote that, it is written anew.
		}
	}
	return h, nil
}

// isKept reports whether a pull Secret is as Berth has last applied it, as far as the cache knows, which doesn't have the login.
func (*Reconciler) isKept(app *v1alpha1.App, have *corev1.Secret) (bool, error) {
	return ssa.Same(have, resources.PullSecret(app, nil, have.GetAnnotations()), corev1ac.ExtractSecret)
}

// isDenied reports whether a registry refuses the image of one of the App's Pods.
func (r *Reconciler) isDenied(ctx context.Context, app *v1alpha1.App) (bool, error) {
	var pods corev1.PodList
	err := watches.Indexed(ctx, r.Client, &pods, app.GetNamespace(), watches.IndexApp, app.GetName())
	return slices.ContainsFunc(pods.Items, func(p corev1.Pod) bool { return isDenied(&p) }), err
}

func (r *Reconciler) keepToken(ctx context.Context, app *v1alpha1.App, from string, token ecr.Token) error {
	login, err := resources.Login(registry.Of(app.Spec.Image), ecr.User, token.Password)
	if err != nil {
		return err
	}
	return r.keepLogin(ctx, app, login, map[string]string{
		v1alpha1.AnnotationCredentialsFrom: from,
		v1alpha1.AnnotationIssuedAt:        token.IssuedAt.UTC().Format(time.RFC3339Nano),
		v1alpha1.AnnotationRefreshAt:       token.RefreshAt.UTC().Format(time.RFC3339),
		v1alpha1.AnnotationExpiresAt:       token.ExpiresAt.UTC().Format(time.RFC3339),
	})
}

func (r *Reconciler) keepLogin(ctx context.Context, app *v1alpha1.App, login []byte, annotations map[string]string) error {
	return ssa.Apply(ctx, r.Client, app, resources.PullSecret(app, login, annotations), &corev1.Secret{}, corev1ac.ExtractSecret)
}
