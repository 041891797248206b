package cache

import (
	acmev1 "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/controllers/internal/objects"
)

// IssuingKinds are what cert-manager makes while it issues a certificate.
func IssuingKinds() []client.Object {
	return []client.Object{&cmv1.CertificateRequest{}, &acmev1.Order{}, &acmev1.Challenge{}}
}

// keepOfIssuing keeps of an object of those kinds whose it is and how it is doing.
func keepOfIssuing(in any) (any, error) {
	o, ok := in.(metav1.Object)
	if !ok {
		return in, nil
	}
	kept := objects.Bare(o)
	switch o := in.(type) {
	case *cmv1.CertificateRequest:
		return &cmv1.CertificateRequest{
			ObjectMeta: kept, Spec: cmv1.CertificateRequestSpec{IssuerRef: o.Spec.IssuerRef},
			Status: cmv1.CertificateRequestStatus{Conditions: o.Status.Conditions},
		}, nil
	case *acmev1.Order:
		return &acmev1.Order{ObjectMeta: kept, Status: acmev1.OrderStatus{State: o.Status.State, Reason: o.Status.Reason}}, nil
	case *acmev1.Challenge:
		return &acmev1.Challenge{
			ObjectMeta: kept, Spec: acmev1.ChallengeSpec{Type: o.Spec.Type},
			Status: acmev1.ChallengeStatus{State: o.Status.State, Reason: o.Status.Reason},
		}, nil
	default:
		return in, nil
	}
}
