package watches

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Indexes of the cache, by which objects are found without looking at all of them.
const (
	// IndexHost finds Apps by their default host, Domains by their host, and Ingresses that are not Berth's by their hosts.
	IndexHost = "berth.host"
	// IndexApp finds Domains by the App that they name, and Pods and ReplicaSets by the App that they belong to.
	IndexApp = "berth.app"
	// IndexSecret finds Apps and ReplicaSets by the Secrets that their environment names, Apps by the one with the login for their registry, and
	// Domains by those that they name.
	IndexSecret = "berth.secret"
	// IndexUID finds the Domain that a label names.
	IndexUID = "berth.uid"
	// IndexOrganization finds HostClaims by the organization that has the host.
	IndexOrganization = "berth.organization"
	// IndexRequester finds HostClaims by the organizations that requested certificates for the host: the one that has it, and those that had it.
	IndexRequester = "berth.requester"
	// IndexController finds what cert-manager makes by the UID of what controls it.
	IndexController = "berth.controller"
	// IndexParent finds HostClaims by the domain that the host is directly below, as a wildcard of a certificate covers it.
	IndexParent = "berth.parent"
	// IndexRoute finds Berth's Ingresses by their hosts.
	IndexRoute = "berth.route"
	// IndexOrphaned finds orphaned objects, all of them by the key orphaned.
	IndexOrphaned = "berth.orphaned"
)

// Indexed lists the objects of a Namespace, or of all of them if it is empty, that an index has under a key. It doesn't wait for writes
// of other workers to arrive in the cache, since none of them changes what the indexes are made of.
func Indexed(ctx context.Context, c client.Reader, list client.ObjectList, namespace, index, key string) error {
	return c.List(ctx, list, client.InNamespace(namespace), client.MatchingFields{index: key}, client.DisableReadYourWritesConsistency)
}
