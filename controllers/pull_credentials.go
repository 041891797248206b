package controllers

import (
	"context"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/desired"
	"github.com/berth-dev/berth/controllers/internal/ecr"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/controllers/internal/ssa"
	"github.com/berth-dev/berth/internal/names"
	"github.com/berth-dev/berth/internal/registry"
)

// sessionPrefix begins the name of each session that a role is assumed for. With the longest name of an App, it is far below the 64
// characters that AWS takes.
const sessionPrefix = "berth-"

// ParseECRRegion reads the name of a region of AWS.
func ParseECRRegion(text string) (string, error) { return ecr.ParseRegion(text) }

// pull is how the credentials for the registry of an App's image are doing.
type pull struct {
	// note says why they aren't renewed though it is time, as long as those that are there hold.
	note string
	// recheck is after what time they have to be looked at again.
	recheck time.Duration
}

// pullCredentials makes the Secret that the image is pulled with, as far as the App asks for it, and renews what is in it.
func (r *appReconciler) pullCredentials(ctx context.Context, s *appScope) error {
	have := &corev1.Secret{}
	have.Namespace, have.Name = s.app.GetNamespace(), names.PullSecret(s.app.GetName())
	wanted := s.app.Spec.Registry
	if wanted == nil {
		return ssa.Prune(ctx, r.client, s.app, have)
	}
	if _, err := ssa.Has(ctx, r.client, s.app, have); err != nil {
		return err
	}
	if wanted.RoleARN != "" {
		return r.pullByRole(ctx, s, have)
	}
	return r.pullByLogin(ctx, s, have)
}

// pullByRole keeps a token in the Secret that the role of the App gets from Amazon ECR. How old the one is that is there is told by the
// Secret, so that a restart asks AWS for nothing. One that was dated by a clock that was ahead is replaced.
func (r *appReconciler) pullByRole(ctx context.Context, s *appScope, have *corev1.Secret) error {
	role, err := r.role(ctx, s.app)
	if err != nil {
		return err
	}
	from := strings.Join([]string{registry.Of(s.app.Spec.Image), role.ARN, role.ExternalID}, " ")
	held, err := r.held(s.app, have, from)
	if err != nil {
		return err
	}
	denied, err := r.isDenied(ctx, s.app)
	if err != nil {
		return err
	}
	var refused time.Time
	if denied {
		refused = held.issued
	}
	now := r.clock.Now()
	if !denied && now.Before(held.refresh) && !held.issued.After(now) {
		s.pull.recheck = held.refresh.Sub(now)
		return nil
	}
	token, tokenErr := r.tokens.Get(ctx, role, sessionPrefix+s.app.GetName(), refused)
	if held.isReplacedBy(token, now) {
		if err := r.keepToken(ctx, s.app, from, token); err != nil {
			return err
		}
		held = holding{issued: token.IssuedAt, refresh: token.RefreshAt, expires: token.ExpiresAt}
	}
	if tokenErr != nil {
		return s.withoutToken(role, tokenErr, held, now)
	}
	s.pull.recheck = max(held.refresh.Sub(now), time.Second)
	return nil
}

// role returns whom AWS is to give a token for the App's image to.
func (r *appReconciler) role(ctx context.Context, app *v1alpha1.App) (ecr.Role, error) {
	arn, name := app.Spec.Registry.RoleARN, registry.Of(app.Spec.Image)
	host, ok := ecr.ParseHost(name)
	if !ok {
		return ecr.Role{}, phase.Stall(v1alpha1.ReasonRegistryMismatch,
			"The App names the AWS role %s, but its image is in %s, which is no registry of Amazon ECR.", arn, name)
	}
	if !r.tokens.KnowsRegion(host.Region) {
		return ecr.Role{}, phase.Stall(v1alpha1.ReasonRegistryMismatch, "The registry %s names %s, which is not a known region of AWS. Correct the image. If the "+
			"region is new, ask the platform's administrators to add it (--ecr-region).", name, host.Region)
	}
	if partition := ecr.PartitionOf(arn); partition != host.Partition {
		return ecr.Role{}, phase.Stall(v1alpha1.ReasonRegistryMismatch,
			"The role %s is in the partition %s of AWS, and the registry %s in %s.", arn, partition, name, host.Partition)
	}
	var ns corev1.Namespace
	if err := r.client.Get(ctx, client.ObjectKey{Name: app.GetNamespace()}, &ns); err != nil {
		return ecr.Role{}, err
	}
	id := externalID(&ns)
	if id == "" {
		return ecr.Role{}, phase.Wait(0, v1alpha1.ReasonProgressing, "The organization has no external id yet.")
	}
	return ecr.Role{ARN: arn, ExternalID: id, Region: host.Region}, nil
}

func externalID(namespace client.Object) string {
	return namespace.GetAnnotations()[v1alpha1.AnnotationExternalID]
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

func (r *appReconciler) held(app *v1alpha1.App, have *corev1.Secret, from string) (holding, error) {
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
func (*appReconciler) isKept(app *v1alpha1.App, have *corev1.Secret) (bool, error) {
	return ssa.Same(have, desired.PullSecret(app, nil, have.GetAnnotations()), corev1ac.ExtractSecret)
}

// isDenied reports whether a registry refuses the image of one of the App's Pods.
func (r *appReconciler) isDenied(ctx context.Context, app *v1alpha1.App) (bool, error) {
	var pods corev1.PodList
	err := indexed(ctx, r.client, &pods, app.GetNamespace(), indexApp, app.GetName())
	return slices.ContainsFunc(pods.Items, func(p corev1.Pod) bool { return isDenied(&p) }), err
}

func (r *appReconciler) keepToken(ctx context.Context, app *v1alpha1.App, from string, token ecr.Token) error {
	login, err := desired.Login(registry.Of(app.Spec.Image), ecr.User, token.Password)
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

func (r *appReconciler) keepLogin(ctx context.Context, app *v1alpha1.App, login []byte, annotations map[string]string) error {
	return ssa.Apply(ctx, r.client, app, desired.PullSecret(app, login, annotations), &corev1.Secret{}, corev1ac.ExtractSecret)
}
