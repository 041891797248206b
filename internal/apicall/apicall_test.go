package apicall

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOf(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		method, target string
		want           Call
	}{
		"List":         {http.MethodGet, "/apis/berth.dev/v1alpha1/apps?limit=500", Call{Verb: "list", Resource: "apps"}},
		"Watch":        {http.MethodGet, "/apis/berth.dev/v1alpha1/apps?watch=true", Call{Verb: "watch", Resource: "apps"}},
		"Get":          {http.MethodGet, "/api/v1/namespaces/cowork/pods/web-1", Call{"get", "pods", "cowork"}},
		"Subresource":  {http.MethodGet, "/api/v1/namespaces/cowork/pods/web-1/log?follow=true", Call{"get", "pods/log", "cowork"}},
		"Create":       {http.MethodPost, "/api/v1/namespaces/cowork/secrets", Call{"create", "secrets", "cowork"}},
		"Update":       {http.MethodPut, "/apis/coordination.k8s.io/v1/namespaces/berth-system/leases/x", Call{"update", "leases", "berth-system"}},
		"Patch":        {http.MethodPatch, "/apis/berth.dev/v1alpha1/namespaces/cowork/apps/web/status", Call{"patch", "apps/status", "cowork"}},
		"Delete":       {http.MethodDelete, "/apis/berth.dev/v1alpha1/namespaces/cowork/apps/web", Call{"delete", "apps", "cowork"}},
		"DeleteAll":    {http.MethodDelete, "/apis/berth.dev/v1alpha1/namespaces/cowork/apps", Call{"deletecollection", "apps", "cowork"}},
		"Namespace":    {http.MethodPatch, "/api/v1/namespaces/cowork", Call{Verb: "patch", Resource: "namespaces"}},
		"OfNamespace":  {http.MethodPut, "/api/v1/namespaces/cowork/status", Call{Verb: "update", Resource: "namespaces/status"}},
		"Namespaces":   {http.MethodGet, "/api/v1/namespaces", Call{Verb: "list", Resource: "namespaces"}},
		"Review":       {http.MethodPost, "/apis/authorization.k8s.io/v1/subjectaccessreviews", Call{Verb: "create", Resource: "subjectaccessreviews"}},
		"Groups":       {http.MethodGet, "/apis", Call{Verb: "get"}},
		"Kinds":        {http.MethodGet, "/apis/berth.dev/v1alpha1", Call{Verb: "get"}},
		"CoreKinds":    {http.MethodGet, "/api/v1", Call{Verb: "get"}},
		"Health":       {http.MethodGet, "/readyz", Call{Verb: "get"}},
		"NothingAtAll": {http.MethodGet, "/", Call{Verb: "get"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := http.NewRequestWithContext(t.Context(), tc.method, "https://kubernetes"+tc.target, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, Of(r)); diff != "" {
				t.Errorf("Of(%s %s): -want, +got:\n%s", tc.method, tc.target, diff)
			}
		})
	}
}
