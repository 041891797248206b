package exposure

import (
	"context"
	"time"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/conditions"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/controllers/internal/resources"
	"github.com/berth-dev/berth/controllers/internal/ssa"
	"github.com/berth-dev/berth/internal/certificate"
)

// Ingress controllers see routes and Secrets by watches of their own, in no order between the two.
const (
	// HeadStart is for how long a Secret is there before a route that serves another one names it.
	HeadStart = 2 * time.Second
	// Overlap is for how long a Secret stays after a route has stopped naming it.
	Overlap = time.Minute
)

// Rotation is which certificates there are for a site and which of them its route serves. look makes it, the phases behind complete it.
type Rotation struct {
	// Site is what is served.
	Site resources.Site
	// Routed says that there is a route.
	Routed bool
	// Secret is the Secret that the route names; empty for the router's default certificate.
	Secret string
	// since is for when it does.
	since time.Time
	// Next is the Secret that the route is to name, which exists; empty for the router's default certificate.
	Next string
	// issued is the certificate that an issuer has signed, custom the copy of the user's own.
	issued, custom candidate
	// certificate is what cert-manager was asked for; empty if the site wants a custom one.
	certificate cmv1.Certificate
	// hint says how far cert-manager is, unless it has issued the certificate.
	hint string
	// Withdrawn says that a custom certificate was served until now and must not be any longer.
	Withdrawn bool
	// fallback says that nothing of the user's may be served, so that the site gets what it would have without a custom certificate.
	fallback bool
	// Recheck is when time alone will change something, or zero.
	Recheck time.Duration
}

// candidate is a certificate as it lies in a Secret of Berth's.
type candidate struct {
	// exists says that there is such a Secret.
	exists bool
	// chain is empty if there is none that can be read.
	chain certificate.Chain
	// since is for when it has been there at least.
	since time.Time
	// good says that clients would take it for the host.
	good bool
}

// Observe reads what the route of a site serves now.
func (s Exposures) Observe(ctx context.Context, owner metav1.Object, site resources.Site) (Rotation, error) {
	secret, since, err := s.serves(ctx, owner, site)
	if err != nil {
		return Rotation{}, err
	}
	v := Rotation{Site: site}
	if v.issued, err = s.stored(ctx, site, site.TLSSecret, nil); err != nil {
		return Rotation{}, err
	}
	if v.custom, err = s.stored(ctx, site, site.CustomSecret, owner); err != nil {
		return Rotation{}, err
	}
	if !v.custom.exists { // keepCopy copies the former one before the route names the copy.
		if v.custom, err = s.stored(ctx, site, site.Former().CustomSecret, owner); err != nil {
			return Rotation{}, err
		}
	}
	if v.issued.exists && !site.Wildcard {
		v.Next = site.TLSSecret
	}
	// Nobody has said of the router's default certificate that it is any other host's.
	exist := map[string]bool{
		site.TLSSecret: v.issued.exists, site.CustomSecret: v.custom.exists, "": site.Default && s.Platform.WildcardCertificate,
	}
	if !since.IsZero() && exist[secret] { // Any other was named by somebody else, or is gone.
		v.Routed, v.Secret, v.since, v.Next = true, secret, since, secret
	}
	return v, nil
}

// stored reads a Secret of Berth's, which the owner controls if it is not nil. A Secret without the label is not Berth's, whatever its name says:
// an admission policy keeps members of an organization from setting the label. A route must not name it, since an ingress controller serves what it
// finds in it for every host in it.
func (s Exposures) stored(ctx context.Context, site resources.Site, name string, owner metav1.Object) (candidate, error) {
	var secret corev1.Secret
	if err := s.Client.Get(ctx, client.ObjectKey{Namespace: site.Namespace, Name: name}, &secret); err != nil {
		return candidate{}, client.IgnoreNotFound(err)
	}
	if secret.GetLabels()[v1alpha1.LabelSecret] != v1alpha1.SecretTLS || owner != nil && !metav1.IsControlledBy(&secret, owner) {
		return candidate{}, nil
	}
	pair, err := KeptPair(&secret)
	if err != nil || !pair.Certificates.IsFor(pair.Public) { // Routers serve the first certificate.
		return candidate{exists: true}, nil //nolint:nilerr // It may be replaced by one that can be read.
	}
	chain := pair.Certificates
	return candidate{exists: true, chain: chain, since: ssa.AppliedAt(&secret), good: chain.Serves(site.Host, s.Clock.Now())}, nil
}

// IsUsable reports whether clients take what the route serves now for the host's.
func (v *Rotation) IsUsable() bool {
	it, _ := v.served()
	return it.good
}

// served returns what the route serves now, and whose certificate that is.
func (v *Rotation) served() (candidate, v1alpha1.CertificateType) {
	switch {
	case !v.Routed:
		return candidate{}, ""
	case v.Secret == v.Site.CustomSecret:
		return v.custom, v1alpha1.CertificateCustom
	case v.Secret == v.Site.TLSSecret:
		return v.issued, v1alpha1.CertificateDefault
	default:
		return wildcard, v1alpha1.CertificateDefault
	}
}

// wildcard is the router's default certificate. It isn't Berth's to look at: that it is good for default hosts is the platform's word.
var wildcard = candidate{good: true}

// wanted returns the Secret that a site wants to be served, what lies in it, and the objects that it has no use for.
func (v *Rotation) wanted() (name string, it candidate, spare []client.Object) {
	switch {
	case v.Site.Source != "" && !v.fallback:
		return v.Site.CustomSecret, v.custom, issuedObjects(v.Site)
	case v.Site.Wildcard:
		return "", wildcard, append(issuedObjects(v.Site), customObjects(v.Site)...)
	default:
		return v.Site.TLSSecret, v.issued, customObjects(v.Site)
	}
}

// selectSecret picks the Secret that the route is to name: the one that the site wants, once that is ready and has had its head start, and
// until then the best that there is.
func (s Exposures) selectSecret(v *Rotation, ready bool) {
	wanted, it, _ := v.wanted()
	ready = ready && it.good
	left := HeadStart - s.Clock.Since(it.since)
	switch {
	case ready && (v.Routed && v.Secret == wanted || left <= 0 || !v.IsUsable()):
		v.Next = wanted
	case v.IsUsable():
		if ready {
			v.Recheck = phase.Sooner(v.Recheck, left)
		}
	case v.Site.Wildcard:
		v.Next = ""
	case v.issued.good:
		v.Next = v.Site.TLSSecret
	case v.custom.good:
		v.Next = v.Site.CustomSecret
	}
}

// CleanUp deletes what the site has no use for, once its route has named what it wants for long enough. Until then, and while what is
// served is not what it should be, everything stays: it may be the better certificate.
func (s Exposures) CleanUp(ctx context.Context, owner metav1.Object, v *Rotation) error {
	wanted, _, spare := v.wanted()
	if !v.Routed || v.Secret != wanted || !v.IsUsable() {
		return nil
	}
	left := Overlap - s.Clock.Since(v.since)
	for _, o := range spare {
		if left <= 0 {
			if err := s.prune(ctx, owner, v.Site, o, "the host is served with another certificate"); err != nil {
				return err
			}
			continue
		}
		has, err := ssa.Has(ctx, s.Client, owner, o)
		if err != nil {
			return err
		}
		if has {
			v.Recheck = phase.Sooner(v.Recheck, left)
		}
	}
	return nil
}

// Seen returns what there is to say of the certificate that is served, or nil if there is none.
func (v *Rotation) Seen() *v1alpha1.DomainCertificate {
	it, kind := v.served()
	if len(it.chain) == 0 {
		return nil
	}
	leaf := it.chain.Leaf()
	return &v1alpha1.DomainCertificate{
		Type: kind, Issuer: conditions.Cut(leaf.Issuer.String()), NotAfter: new(metav1.NewTime(it.chain.NotAfter())),
	}
}
