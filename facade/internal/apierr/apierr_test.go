package apierr

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func TestFrom(t *testing.T) {
	apps := schema.GroupResource{Group: "berth.dev", Resource: "apps"}
	kind := schema.GroupKind{Group: "berth.dev", Kind: "App"}
	invalid := func(path string) error {
		return apierrors.NewInvalid(kind, "shop", field.ErrorList{{Type: field.ErrorTypeInvalid, Field: path, BadValue: "x", Detail: "no good"}})
	}
	cause := metav1.StatusCause{Type: metav1.CauseTypeFieldManagerConflict, Field: ".spec.image", Message: `conflict with "git"`}
	owned := apierrors.NewApplyConflict([]metav1.StatusCause{cause}, "conflict")
	terminating := apierrors.NewForbidden(apps, "shop", errors.New("terminating"))
	terminating.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: corev1.NamespaceTerminatingCause}}
	type want struct {
		Status int
		Body   string
	}
	unavailable := want{Status: http.StatusServiceUnavailable, Body: `{"detail":"The platform is busy or can't be reached at the moment; try again."}`}
	internal := want{Status: http.StatusInternalServerError, Body: `{"detail":"Internal server error."}`}
	cases := map[string]struct {
		reason string
		err    error
		want   want
	}{
		"Ours": {err: fmt.Errorf("wrapped: %w", NotFound()), want: want{Status: 404, Body: `{"detail":"Not found."}`}},
		"Fields": {
			err:  Fields{"slug": {"A.", "B."}, "env": {"C."}}.Err(),
			want: want{Status: 400, Body: `{"detail":"env: C. slug: A. B.","env":["C."],"slug":["A.","B."]}`},
		},
		"NotFound": {err: apierrors.NewNotFound(apps, "shop"), want: want{Status: 404, Body: `{"detail":"Not found."}`}},
		"Forbidden": {
			err:  apierrors.NewForbidden(apps, "shop", errors.New("no")),
			want: want{Status: 403, Body: `{"detail":"You do not have permission to perform this action."}`},
		},
		"Terminating": {reason: "An organization that goes is gone for its clients.", err: terminating, want: want{Status: 404, Body: `{"detail":"Not found."}`}},
		"Conflict": {
			err:  apierrors.NewConflict(apps, "shop", errors.New("changed")),
			want: want{Status: 409, Body: `{"detail":"Somebody else changed this at the same time; try again."}`},
		},
		"Owned": {err: owned, want: want{Status: 409, Body: `{"detail":"spec.image: conflict with \"git\""}`}},
		"InvalidImage": {
			reason: "The client knows the image as location.",
			err:    invalid("spec.image"),
			want:   want{Status: 400, Body: `{"detail":"location: Invalid value: \"x\": no good","location":["Invalid value: \"x\": no good"]}`},
		},
		"InvalidEnv": {
			err:  invalid("spec.env[0].name"),
			want: want{Status: 400, Body: `{"detail":"env: Invalid value: \"x\": no good","env":["Invalid value: \"x\": no good"]}`},
		},
		"InvalidOther": {reason: "A field that no client sets is our mistake.", err: invalid("spec.port"), want: internal},
		"InvalidAlike": {reason: "A name that only begins alike is another field.", err: invalid("spec.images"), want: internal},
		"InvalidEmpty": {err: &apierrors.StatusError{ErrStatus: metav1.Status{Reason: metav1.StatusReasonInvalid}}, want: internal},
		"TooMany":      {err: apierrors.NewTooManyRequests("slow down", 1), want: unavailable},
		"Timeout":      {err: apierrors.NewServerTimeout(apps, "patch", 1), want: unavailable},
		"Deadline":     {err: fmt.Errorf("patch: %w", context.DeadlineExceeded), want: unavailable},
		"Network":      {err: &net.OpError{Op: "dial", Err: errors.New("connection refused")}, want: unavailable},
		"TooLarge": {
			err:  apierrors.NewRequestEntityTooLargeError("too large"),
			want: want{Status: 413, Body: `{"detail":"The body of the request is too large."}`},
		},
		"Unknown": {reason: "Words of another system are for the log.", err: errors.New("etcd at 10.0.0.1 says no"), want: internal},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := From(tc.err)
			body, err := json.Marshal(got)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, want{Status: got.Status, Body: string(body)}); diff != "" {
				t.Errorf("\n%s\nFrom(...): -want, +got:\n%s", tc.reason, diff)
			}
			if got.Status >= 500 && !strings.Contains(got.Error(), tc.err.Error()) {
				t.Errorf("\n%s\nFrom(...): the log isn't told the cause: %v", tc.reason, got)
			}
		})
	}
}

func TestNoFields(t *testing.T) {
	if err := (Fields{}).Err(); err != nil {
		t.Errorf("Fields{}.Err(): got %v, want none", err)
	}
}
