package exposure

import (
	"context"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/watches"
	"github.com/berth-dev/berth/internal/host"
)

// namedHosts knows which Apps and Domains have looked at a custom certificate with which names, so that a change of a HostClaim enqueues these
// and no others. It is filled by the reconciles that a controller begins with.
type namedHosts struct {
	mu sync.Mutex
	// users are those of each name, and names those of each user, by Namespace.
	users map[string]map[certificateUser]struct{}
	names map[string]map[certificateUser][]string
}

// certificateUser is an App or a Domain.
type certificateUser struct {
	kind   v1alpha1.HostHolderKind
	object types.NamespacedName
}

func newNamedHosts() *namedHosts {
	return &namedHosts{users: map[string]map[certificateUser]struct{}{}, names: map[string]map[certificateUser][]string{}}
}

func userOf(o client.Object) certificateUser {
	kind := v1alpha1.HostHolderApp
	if _, ok := o.(*v1alpha1.Domain); ok {
		kind = v1alpha1.HostHolderDomain
	}
	return certificateUser{kind: kind, object: client.ObjectKeyFromObject(o)}
}

// Forget removes all names of an App or Domain.
func (n *namedHosts) Forget(o client.Object) {
	n.mu.Lock()
	defer n.mu.Unlock()
	user := userOf(o)
	namespace := user.object.Namespace
	for _, name := range n.names[namespace][user] {
		delete(n.users[name], user)
		if len(n.users[name]) == 0 {
			delete(n.users, name)
		}
	}
	delete(n.names[namespace], user)
	if len(n.names[namespace]) == 0 {
		delete(n.names, namespace)
	}
}

// add adds names to those of an App or Domain.
func (n *namedHosts) add(o client.Object, names []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	user := userOf(o)
	for _, name := range names {
		if n.users[name] == nil {
			n.users[name] = map[certificateUser]struct{}{}
		}
		n.users[name][user] = struct{}{}
	}
	ofNamespace := n.names[user.object.Namespace]
	if ofNamespace == nil {
		ofNamespace = map[certificateUser][]string{}
		n.names[user.object.Namespace] = ofNamespace
	}
	ofNamespace[user] = append(ofNamespace[user], names...)
}

// concernedBy returns those of a kind for whose certificates a claim may make a difference: those of others with a name that covers the host, and
// those of the organization with a name that the proof of its ownership is good for.
func (n *namedHosts) concernedBy(claim *v1alpha1.HostClaim, kind v1alpha1.HostHolderKind) []reconcile.Request {
	n.mu.Lock()
	defer n.mu.Unlock()
	tenant := tenantOf(claim)
	var all []reconcile.Request
	for _, name := range []string{claim.GetName(), "*." + host.Parent(claim.GetName())} {
		for user := range n.users[name] {
			if user.kind == kind && user.object.Namespace != tenant {
				all = append(all, reconcile.Request{NamespacedName: user.object})
			}
		}
	}
	if claim.Status.VerifiedAt == nil {
		return all
	}
	below := func(name string) bool { return host.IsUnder(strings.TrimPrefix(name, "*."), claim.GetName()) }
	for user, names := range n.names[tenant] {
		if user.kind == kind && slices.ContainsFunc(names, below) {
			all = append(all, reconcile.Request{NamespacedName: user.object})
		}
	}
	return all
}

// Concerned returns those of a kind for which a HostClaim may make a difference: its holder, which may have waited for it, and those with a
// custom certificate that names the host.
func (n *namedHosts) Concerned(kind v1alpha1.HostHolderKind) handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(_ context.Context, o client.Object) []reconcile.Request {
		claim, ok := o.(*v1alpha1.HostClaim)
		if !ok {
			return nil
		}
		all := n.concernedBy(claim, kind)
		if holder := claim.Spec.Holder; holder != nil && holder.Kind == kind {
			all = append(all, watches.Request(claim.Spec.Organization, holder.Name)...)
		}
		return all
	})
}

// ForgetDeleted forgets Apps or Domains that are gone.
func (n *namedHosts) ForgetDeleted() handler.EventHandler {
	return watches.OnDelete(func(o client.Object) { n.Forget(o) })
}

// HostChangedHands lets through what decides whose a host is, and that it is proven.
var HostChangedHands = predicate.Or(predicate.GenerationChangedPredicate{}, predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
	before, ok := e.ObjectOld.(*v1alpha1.HostClaim)
	after, alsoOK := e.ObjectNew.(*v1alpha1.HostClaim)
	return ok && alsoOK && !before.Status.VerifiedAt.Equal(after.Status.VerifiedAt)
}})
