package controllers

import (
	"context"
	"time"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/desired"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/controllers/internal/ssa"
	"github.com/berth-dev/berth/internal/certificate"
)

// Ingress controllers see routes and Secrets by watches of their own, in no order between the two.
const (
	// headStart is for how long a Secret is there before a route that serves another one names it.
	headStart = 2 * time.Second
	// overlap is for how long a Secret stays after a route has stopped naming it.
	overlap = time.Minute
)

// serving is which certificates there are for a site and which of them its route serves. look makes it, the phases behind complete it.
type serving struct {
	// site is what is served.
	site desired.Site
	// routed says that there is a route.
	routed bool
	// secret is the Secret that the route names; empty for the router's default certificate.
	secret string
	// since is for when it does.
	since time.Time
	// next is the Secret that the route is to name, which exists; empty for the router's default certificate.
	next string
	// issued is the certificate that an issuer has signed, custom the copy of the user's own.
	issued, custom stored
	// certificate is what cert-manager was asked for; empty if the site wants a custom one.
	certificate cmv1.Certificate
	// hint says how far cert-manager is, unless it has issued the certificate.
	hint string
	// withdrawn says that a custom certificate was served until now and must not be any longer.
	withdrawn bool
	// fallback says that nothing of the user's may be served, so that the site gets what it would have without a custom certificate.
	fallback bool
	// recheck is when time alone will change something, or zero.
	recheck time.Duration
}

// stored is a certificate as it lies in a Secret of Berth's.
type stored struct {
	// exists says that there is such a Secret.
	exists bool
	// chain is empty if there is none that can be read.
	chain certificate.Chain
	// since is for when it has been there at least.
	since time.Time
	// good says that clients would take it for the host.
	good bool
}

// look reads what the route of a site serves now.
func (s sites) look(ctx context.Context, owner metav1.Object, site desired.Site) (serving, error) {
	secret, since, err := s.serves(ctx, owner, site)
	if err != nil {
		return serving{}, err
	}
	v := serving{site: site}
	if v.issued, err = s.stored(ctx, site, site.TLSSecret, nil); err != nil {
		return serving{}, err
	}
	if v.custom, err = s.stored(ctx, site, site.CustomSecret, owner); err != nil {
		return serving{}, err
	}
	if !v.custom.exists { // keepCopy copies the former one before the route names the copy.
		if v.custom, err = s.stored(ctx, site, site.Former().CustomSecret, owner); err != nil {
			return serving{}, err
		}
	}
	if v.issued.exists && !site.Wildcard {
		v.next = site.TLSSecret
	}
	// Nobody has said of the router's default certificate that it is any other host's.
	exist := map[string]bool{
		site.TLSSecret: v.issued.exists, site.CustomSecret: v.custom.exists, "": site.Default && s.platform.WildcardCertificate,
	}
	if !since.IsZero() && exist[secret] { // Any other was named by somebody else, or is gone.
		v.routed, v.secret, v.since, v.next = true, secret, since, secret
	}
	return v, nil
}

// stored reads a Secret of Berth's, which the owner controls if it is not nil. A Secret without the label is not Berth's, whatever its name says:
// an admission policy keeps members of an organization from setting the label. A route must not name it, since an ingress controller serves what it
// finds in it for every host in it.
func (s sites) stored(ctx context.Context, site desired.Site, name string, owner metav1.Object) (stored, error) {
	var secret corev1.Secret
	if err := s.client.Get(ctx, client.ObjectKey{Namespace: site.Namespace, Name: name}, &secret); err != nil {
		return stored{}, client.IgnoreNotFound(err)
	}
	if secret.GetLabels()[v1alpha1.LabelSecret] != v1alpha1.SecretTLS || owner != nil && !metav1.IsControlledBy(&secret, owner) {
		return stored{}, nil
	}
	pair, err := keptPair(&secret)
	if err != nil || !pair.Certificates.IsFor(pair.Public) { // Routers serve the first certificate.
		return stored{exists: true}, nil //nolint:nilerr // It may be replaced by one that can be read.
	}
	chain := pair.Certificates
	return stored{exists: true, chain: chain, since: ssa.AppliedAt(&secret), good: chain.Serves(site.Host, s.clock.Now())}, nil
}

// good reports whether clients take what the route serves now for the host's.
func (v *serving) good() bool {
	it, _ := v.served()
	return it.good
}

// served returns what the route serves now, and whose certificate that is.
func (v *serving) served() (stored, v1alpha1.CertificateType) {
	switch {
	case !v.routed:
		return stored{}, ""
	case v.secret == v.site.CustomSecret:
		return v.custom, v1alpha1.CertificateCustom
	case v.secret == v.site.TLSSecret:
		return v.issued, v1alpha1.CertificateDefault
	default:
		return wildcard, v1alpha1.CertificateDefault
	}
}

// wildcard is the router's default certificate. It isn't Berth's to look at: that it is good for default hosts is the platform's word.
var wildcard = stored{good: true}

// wanted returns the Secret that a site wants to be served, what lies in it, and the objects that it has no use for.
func (v *serving) wanted() (name string, it stored, spare []client.Object) {
	switch {
	case v.site.Source != "" && !v.fallback:
		return v.site.CustomSecret, v.custom, issuedObjects(v.site)
	case v.site.Wildcard:
		return "", wildcard, append(issuedObjects(v.site), customObjects(v.site)...)
	default:
		return v.site.TLSSecret, v.issued, customObjects(v.site)
	}
}

// choose picks the Secret that the route is to name: the one that the site wants, once that is ready and has had its head start, and
// until then the best that there is.
func (s sites) choose(v *serving, ready bool) {
	wanted, it, _ := v.wanted()
	ready = ready && it.good
	left := headStart - s.clock.Since(it.since)
	switch {
	case ready && (v.routed && v.secret == wanted || left <= 0 || !v.good()):
		v.next = wanted
	case v.good():
		if ready {
			v.recheck = phase.Sooner(v.recheck, left)
		}
	case v.site.Wildcard:
		v.next = ""
	case v.issued.good:
		v.next = v.site.TLSSecret
	case v.custom.good:
		v.next = v.site.CustomSecret
	}
}

// retire deletes what the site has no use for, once its route has named what it wants for long enough. Until then, and while what is
// served is not what it should be, everything stays: it may be the better certificate.
func (s sites) retire(ctx context.Context, owner metav1.Object, v *serving) error {
	wanted, _, spare := v.wanted()
	if !v.routed || v.secret != wanted || !v.good() {
		return nil
	}
	left := overlap - s.clock.Since(v.since)
	for _, o := range spare {
		if left <= 0 {
			if err := s.prune(ctx, owner, v.site, o); err != nil {
				return err
			}
			continue
		}
		has, err := ssa.Has(ctx, s.client, owner, o)
		if err != nil {
			return err
		}
		if has {
			v.recheck = phase.Sooner(v.recheck, left)
		}
	}
	return nil
}
