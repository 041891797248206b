package auth

import (
	"context"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/singleflight"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/cache"
	"k8s.io/apimachinery/pkg/util/validation"
	authorizationv1client "k8s.io/client-go/kubernetes/typed/authorization/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/apierr"
)

// +kubebuilder:rbac:groups=authorization.k8s.io,resources=subjectaccessreviews,verbs=create

const (
	// allowedFor is how long it is remembered that somebody may do something, and so how late a role that is taken away is noticed.
	allowedFor = 5 * time.Second
	// deniedFor is how long it is remembered that they may not, and so how late a role that is given is noticed.
	deniedFor = time.Second
	// remembered is how many answers are kept; the ones not used for longest go first.
	remembered = 10_000
	// longestOrganization and longestName are how many bytes the names of Namespaces and of whatever is in them have at most.
	longestOrganization, longestName = validation.DNS1123LabelMaxLength, validation.DNS1123SubdomainMaxLength
	// reviewTimeout bounds one question to the API server.
	reviewTimeout = 10 * time.Second
)

// Reviews decides as the API server does: by access reviews, whose answers are kept for seconds.
type Reviews struct {
	client  authorizationv1client.SubjectAccessReviewInterface
	answers *cache.LRUExpireCache
	// asking are the questions under way, so that many who want to know the same ask once.
	asking singleflight.Group
}

// NewReviews makes a Reviews that asks through a client.
func NewReviews(client authorizationv1client.SubjectAccessReviewInterface) *Reviews {
	return &Reviews{client: client, answers: cache.NewLRUExpireCache(remembered)}
}

// Authorize lets a principal do what RBAC lets them do. Of an organization whose apps they may not list they may not know either. An error
// other than the 403 and the 404 says that the API server couldn't be asked.
func (r *Reviews) Authorize(ctx context.Context, principal Principal, action Action) error {
	allowed, err := r.May(ctx, principal, action)
	if allowed || err != nil {
		return err
	}
	if action.Organization == "" {
		return apierr.Forbidden()
	}
	visible, err := r.May(ctx, principal, Action{Verb: "list", Resource: "apps", Organization: action.Organization})
	if err != nil {
		return err
	}
	if !visible {
		return apierr.NotFound()
	}
	return apierr.Forbidden()
}

// May tells whether RBAC lets a principal do something.
func (r *Reviews) May(ctx context.Context, principal Principal, action Action) (bool, error) {
	// Who may do it to all may do it to this one. Nearly everybody who may at all may do it to all, so one answer serves for every name.
	all := action
	all.Name = ""
	allowed, err := r.review(ctx, principal, all)
	if allowed || err != nil || action.Name == "" {
		return allowed, err
	}
	return r.review(ctx, principal, action)
}

func (r *Reviews) review(ctx context.Context, principal Principal, action Action) (bool, error) {
	if principal.User == "" || !possible(action) {
		return false, nil
	}
	question := strings.Join(append([]string{action.Verb, action.Resource, action.Organization, action.Name, principal.User}, principal.Groups...), "\n")
	if answer, known := r.answers.Get(question); known {
		allowed, _ := answer.(bool)
		return allowed, nil
	}
	answer, err, _ := r.asking.Do(question, func() (any, error) {
		allowed, err := r.ask(ctx, principal, action)
		if err != nil {
			return false, err
		}
		lifetime := deniedFor
		if allowed {
			lifetime = allowedFor
		}
		r.answers.Add(question, allowed, lifetime)
		return allowed, nil
	})
	allowed, _ := answer.(bool)
	return allowed, err
}

// possible tells whether there can be what is asked about, by its name. What a path names is as long as clients like: it would be remembered,
// and sent to the API server, for nothing. And a line break would make two questions the same.
func possible(action Action) bool {
	return len(action.Organization) <= longestOrganization && len(action.Name) <= longestName && !strings.Contains(action.Organization+action.Name, "\n")
}

// ask asks the API server. It goes on when the request that wanted to know has gone: others may wait for the same answer.
func (r *Reviews) ask(ctx context.Context, principal Principal, action Action) (bool, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reviewTimeout)
	defer cancel()
	resource, subresource, _ := strings.Cut(action.Resource, "/")
	group := v1alpha1.GroupVersion.Group
	if resource == "pods" {
		group = ""
	}
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User:   principal.User,
		Groups: principal.Groups,
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: action.Organization, Verb: action.Verb, Group: group, Resource: resource, Subresource: subresource, Name: action.Name,
		},
	}}
	answer, err := r.client.Create(ctx, review, metav1.CreateOptions{})
	if err != nil {
		return false, fmt.Errorf("ask whether %s may %s %s: %w", principal.User, action.Verb, action.Resource, err)
	}
	return answer.Status.Allowed, nil
}
