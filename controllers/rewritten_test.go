package controllers

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/testobjects"
)

// rewrite makes the API server change the label of each Service of a Namespace while it is written, as an admission webhook does.
func rewrite(t *testing.T, ns string) {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var review admissionv1.AdmissionReview
		if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
			t.Error(err)
			return
		}
		patch := `[{"op": "replace", "path": "/metadata/labels/berth.dev~1app", "value": "rewritten"}]`
		review.Response = &admissionv1.AdmissionResponse{
			UID: review.Request.UID, Allowed: true, Patch: []byte(patch), PatchType: new(admissionv1.PatchTypeJSONPatch),
		}
		if err := json.NewEncoder(w).Encode(review); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	hook := &admissionregistrationv1.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: ns},
		Webhooks: []admissionregistrationv1.MutatingWebhook{{
			Name: "rewrite.example.com", SideEffects: new(admissionregistrationv1.SideEffectClassNone), AdmissionReviewVersions: []string{"v1"},
			ClientConfig: admissionregistrationv1.WebhookClientConfig{
				URL: &server.URL, CABundle: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}),
			},
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: ns}},
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create, admissionregistrationv1.Update},
				Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"services"}},
			}},
		}},
	}
	create(t, hook)
	t.Cleanup(func() { _ = api.Delete(context.Background(), hook) })
}

// A webhook that changes what Berth writes while it is written is told, and written against at most once a minute.
func TestRewrittenOnAdmission(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	app := running(t, ns)
	rewrite(t, ns)
	service := &corev1.Service{ObjectMeta: testobjects.Named(ns, app.Name)}
	eventually(t, func(context.Context) error {
		patchAs(t, "kubectl-annotate", service, func(s *corev1.Service) { s.Annotations = map[string]string{"example.com/at": time.Now().String()} })
		if service.Labels[v1alpha1.LabelApp] != "rewritten" {
			return errNotYet
		}
		return nil
	})
	expectContested(t, app, v1alpha1.ReasonFieldConflict, "metadata.labels.berth.dev/app of Service "+app.Name+" (by an admission webhook or policy)")
	written := func() int {
		n := 0
		for _, r := range quiesce(t, ns) {
			if r == "PATCH services/"+app.Name {
				n++
			}
		}
		return n
	}
	eventually(t, func(context.Context) error {
		patchAs(t, "kubectl-annotate", app, func(a *v1alpha1.App) { a.Annotations = map[string]string{"example.com/at": time.Now().String()} })
		if c := meta.FindStatusCondition(app.Status.Conditions, v1alpha1.ConditionContested); c == nil || !strings.Contains(c.Message, "at most once a minute") {
			return errNotYet
		}
		return nil
	})
	before := written()
	for range 3 {
		patchAs(t, "kubectl-annotate", app, func(a *v1alpha1.App) { a.Annotations = map[string]string{"example.com/n": time.Now().String()} })
	}
	if after := written(); after != before {
		t.Errorf("written %d times more", after-before)
	}
}
