package exposure

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	acmev1 "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/controllers/internal/objects"
	"github.com/berth-dev/berth/controllers/internal/watches"
)

// maxWords is how many characters of what others say are passed on.
const maxWords = 400

// cert-manager makes a CertificateRequest for each time that it asks for a certificate, for that an Order if the issuer speaks ACME, and
// for that a Challenge for each host. Each is controlled by the one before. Who is nearest to the cause knows best what is missing.

// hindrance says in words that a Certificate isn't issued or renewed yet, and what keeps cert-manager from it, as far as that is known.
func (s Exposures) hindrance(ctx context.Context, c *cmv1.Certificate) (string, error) {
	issuing := certificateCondition(c, cmv1.CertificateConditionIssuing)
	cause, err := s.cause(ctx, c.GetUID())
	if err != nil {
		return "", err
	}
	switch {
	case issuing.Status == "" && IsIssued(c):
		return "cert-manager has not begun to renew it. Check that cert-manager is running.", nil
	case issuing.Status != cmmeta.ConditionFalse:
		return strings.TrimSpace("The certificate is being issued. " + cause), nil
	}
	if cause == "" {
		cause = words("%s", issuing.Message)
	}
	attempt := ""
	if failed := c.Status.LastFailureTime; failed != nil {
		attempt = " by the attempt of " + failed.UTC().Format(time.RFC3339)
	}
	return fmt.Sprintf("No certificate was issued%s; it is tried again later, by default after an hour or more. %s", attempt, cause), nil
}

// cause says what the newest request of a Certificate waits for, or failed for.
func (s Exposures) cause(ctx context.Context, of types.UID) (string, error) {
	var requests cmv1.CertificateRequestList
	if err := s.controlledBy(ctx, &requests, of); err != nil || len(requests.Items) == 0 {
		return "", err
	}
	request := newest(requests.Items)
	var orders acmev1.OrderList
	if err := s.controlledBy(ctx, &orders, request.GetUID()); err != nil {
		return "", err
	}
	if len(orders.Items) == 0 {
		return requestWords(request), nil
	}
	order := newest(orders.Items)
	var challenges acmev1.ChallengeList
	if err := s.controlledBy(ctx, &challenges, order.GetUID()); err != nil {
		return "", err
	}
	challenges.Items = slices.DeleteFunc(challenges.Items, func(c acmev1.Challenge) bool {
		return c.Status.State == acmev1.Valid || c.Status.Reason == ""
	})
	if len(challenges.Items) > 0 {
		challenge := newest(challenges.Items)
		return words("The challenge %s: %s", challenge.Spec.Type, challenge.Status.Reason), nil
	}
	return orderWords(order), nil
}

func orderWords(o *acmev1.Order) string {
	switch {
	case o.Status.State == acmev1.Unknown || o.Status.State == acmev1.Valid:
		return ""
	case o.Status.Reason == "":
		return words("The order is %s.", o.Status.State)
	default:
		return words("The order is %s: %s", o.Status.State, o.Status.Reason)
	}
}

func requestWords(r *cmv1.CertificateRequest) string {
	for _, c := range r.Status.Conditions {
		refused := c.Type == cmv1.CertificateRequestConditionDenied || c.Type == cmv1.CertificateRequestConditionInvalidRequest
		if refused && c.Status == cmmeta.ConditionTrue {
			return words("The request was refused: %s", c.Message)
		}
	}
	for _, c := range r.Status.Conditions {
		if c.Type == cmv1.CertificateRequestConditionReady && c.Status != cmmeta.ConditionTrue {
			return words("%s", c.Message)
		}
	}
	if issuer := r.Spec.IssuerRef; !isCertManagers(issuer) {
		return words("Nobody has answered yet for the issuer %s %s of %s; is it there, and its controller?", issuer.Kind, issuer.Name, issuer.Group)
	}
	return ""
}

// isCertManagers reports whether an issuer is of a kind that cert-manager itself answers for.
func isCertManagers(issuer cmmeta.IssuerReference) bool {
	known := issuer.Kind == "" || issuer.Kind == cmv1.IssuerKind || issuer.Kind == cmv1.ClusterIssuerKind
	return known && (issuer.Group == "" || issuer.Group == cmv1.SchemeGroupVersion.Group)
}

// words puts into one line, not too long, what others say in many.
func words(format string, args ...any) string {
	text := []rune(strings.Join(strings.Fields(fmt.Sprintf(format, args...)), " "))
	if len(text) > maxWords {
		text = append(text[:maxWords], '…')
	}
	return string(text)
}

// controlledBy lists the objects of the list's kind that an object controls.
func (s Exposures) controlledBy(ctx context.Context, list client.ObjectList, uid types.UID) error {
	return watches.Indexed(ctx, s.Client, list, metav1.NamespaceAll, watches.IndexController, string(uid))
}

// newest returns the object that was made last, of at least one.
func newest[T any, O objects.Object[T]](items []T) O {
	last := O(&items[0])
	for i := range items {
		if o := O(&items[i]); Older(last, o) {
			last = o
		}
	}
	return last
}
