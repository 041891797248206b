package facade

import (
	"bytes"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/rbac"
	"github.com/berth-dev/berth/internal/testing/testenv"
)

// manager returns a manager of a new organization, once the policy is in force.
func manager(t *testing.T) requester {
	t.Helper()
	org, _ := organization(t)
	r := as(t, org, rbac.UserOfPerson("eve@example.com"), rbac.Group(org, rbac.RoleManager), "system:authenticated")
	eventually(t, "the rights hold", func() bool { return r.annotate(t.Context(), r.existing(t, v1alpha1.SecretEnv)) == nil })
	eventually(t, "the policy is in force", func() bool {
		return apierrors.IsInvalid(r.annotate(t.Context(), r.existing(t, v1alpha1.SecretTLS)))
	})
	return r
}

// TestForeignMetadata says which labels and annotations of Secrets requesters that may not read them set: none that a controller with rights in all
// Namespaces obeys.
func TestForeignMetadata(t *testing.T) {
	r := manager(t)
	const annotations, labels = "metadata.annotations must not have ", "metadata.labels must not have "
	cases := map[string]struct {
		// annotation and label are the keys of those that are set.
		annotation, label string
		refused           bool
	}{
		"Reflector":            {annotation: "reflector.v1.k8s.emberstack.com/reflects", refused: true},
		"ReflectorAuto":        {annotation: "reflector.v1.k8s.emberstack.com/reflection-auto-enabled", refused: true},
		"Replicator":           {annotation: "replicator.v1.mittwald.de/replicate-from", refused: true},
		"ReplicatorTo":         {annotation: "replicator.v1.mittwald.de/replicate-to", refused: true},
		"OldReplicator":        {annotation: "v1.kubernetes-replicator.olli.com/replicate-from", refused: true},
		"Kubed":                {annotation: "kubed.appscode.com/sync", refused: true},
		"KubedLabel":           {label: "kubed.appscode.com/origin.namespace", refused: true},
		"SealedSecrets":        {annotation: "sealedsecrets.bitnami.com/managed", refused: true},
		"SealedSecretsKey":     {label: "sealedsecrets.bitnami.com/sealed-secrets-key", refused: true},
		"ExternalSecrets":      {annotation: "reconcile.external-secrets.io/data-hash", refused: true},
		"ExternalSecretsLabel": {label: "reconcile.external-secrets.io/managed", refused: true},
		"CertManager":          {annotation: "cert-manager.io/allow-direct-injection", refused: true},
		"CertManagerNextKey":   {label: "cert-manager.io/next-private-key", refused: true},
		"Reloader":             {annotation: "reloader.stakater.com/match", refused: true},
		"Linkerd":              {label: "linkerd.io/control-plane-ns", refused: true},
		"Istio":                {label: "istio/multiCluster", refused: true},
		"Rancher":              {label: "management.cattle.io/project-scoped-secret", refused: true},
		"Kyverno":              {label: "generate.kyverno.io/clone-source", refused: true},
		"Jenkins":              {label: "jenkins.io/credentials-type", refused: true},
		"ArgoCDSettings":       {label: "argocd.argoproj.io/secret-type", refused: true},
		"ServiceAccount":       {annotation: "kubernetes.io/service-account.name", refused: true},
		"Grafana":              {label: "grafana_datasource", refused: true},
		"Loki":                 {label: "loki_rule", refused: true},
		"Sidecar":              {annotation: "k8s-sidecar-target-directory", refused: true},
		"InCapitals":           {annotation: "Replicator.v1.mittwald.de/replicate-from", refused: true},
		"BelowAnAllowedDomain": {annotation: "x.berth.dev/a", refused: true},
		"SuffixOfOne":          {annotation: "evilberth.dev/a", refused: true},
		"OneInFrontOfOne":      {annotation: "berth.dev.example.com/a", refused: true},
		"OwnDomain":            {annotation: "example.com/team", refused: true},

		"Own":         {annotation: "team", label: "team"},
		"Berth":       {annotation: "berth.dev/note", label: "berth.dev/app"},
		"Kubectl":     {annotation: "kubectl.kubernetes.io/last-applied-configuration"},
		"Description": {annotation: "kubernetes.io/description"},
		"Recommended": {annotation: "app.kubernetes.io/version", label: "app.kubernetes.io/managed-by"},
		"Kustomize":   {annotation: "config.kubernetes.io/origin"},
		"Inventory":   {annotation: "config.k8s.io/owning-inventory"},
		"Flux":        {annotation: "kustomize.toolkit.fluxcd.io/prune", label: "kustomize.toolkit.fluxcd.io/name"},
		"FluxHelm":    {label: "helm.toolkit.fluxcd.io/name"},
		"FluxRequest": {annotation: "reconcile.fluxcd.io/requestedAt"},
		"ArgoCD":      {annotation: "argocd.argoproj.io/tracking-id", label: "argocd.argoproj.io/instance"},
		"Helm":        {annotation: "meta.helm.sh/release-name", label: "helm.sh/chart"},
		"HelmPolicy":  {annotation: "helm.sh/resource-policy"},
	}
	// Where a label and an annotation are set, both are allowed.
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			set := func(s *corev1.Secret) *corev1.Secret {
				if tc.annotation != "" {
					metav1.SetMetaDataAnnotation(&s.ObjectMeta, tc.annotation, "a")
				}
				if tc.label != "" {
					metav1.SetMetaDataLabel(&s.ObjectMeta, tc.label, "a")
				}
				return s
			}
			refusal := ""
			if tc.refused {
				refusal = annotations + tc.annotation
				if tc.label != "" {
					refusal = labels + tc.label
				}
			}
			for _, purpose := range []string{"", v1alpha1.SecretEnv} {
				wantDenial(t, r.Create(t.Context(), set(r.secret(corev1.SecretTypeOpaque, purpose)), client.DryRunAll), refusal)
			}
			before := r.existing(t, v1alpha1.SecretEnv)
			wantDenial(t, r.Patch(t.Context(), set(before.DeepCopy()), client.MergeFrom(before), client.DryRunAll), refusal)

			// What was there before passes, and is removed, but is not changed.
			found := create(t, set(r.secret(corev1.SecretTypeOpaque, v1alpha1.SecretEnv)))
			wantDenial(t, r.annotate(t.Context(), found), "")
			changed := found.DeepCopy()
			for _, to := range []map[string]string{changed.Annotations, changed.Labels} {
				for key := range to {
					if key == tc.annotation || key == tc.label {
						to[key] = "b"
					}
				}
			}
			wantDenial(t, r.Patch(t.Context(), changed, client.MergeFrom(found), client.DryRunAll), refusal)
			bare := found.DeepCopy()
			bare.Annotations, bare.Labels = nil, map[string]string{v1alpha1.LabelSecret: v1alpha1.SecretEnv}
			wantDenial(t, r.Patch(t.Context(), bare, client.MergeFrom(found), client.DryRunAll), "")
		})
	}
}

// TestSizeOfSecrets says how large a Secret is that users write. What the facade writes in the name of a key, it counts itself.
func TestSizeOfSecrets(t *testing.T) {
	r := manager(t)
	const most, refused = 256 << 10, "data must not exceed 256 KiB in all"
	sized := func(first, second int) *corev1.Secret {
		s := r.secret(corev1.SecretTypeOpaque, v1alpha1.SecretEnv)
		s.Data, s.StringData = map[string][]byte{"A": make([]byte, first), "B": make([]byte, second)}, nil
		return s
	}
	wantDenial(t, r.Create(t.Context(), sized(most-1, 1), client.DryRunAll), "")
	wantDenial(t, r.Create(t.Context(), sized(most, 1), client.DryRunAll), refused)
	before := r.existing(t, v1alpha1.SecretEnv)
	grown := before.DeepCopy()
	grown.Data = sized(most, 1).Data
	wantDenial(t, r.Patch(t.Context(), grown, client.MergeFrom(before), client.DryRunAll), refused)
	large := create(t, sized(most, most))
	wantDenial(t, r.annotate(t.Context(), large), "")
}

// TestPlainSecretsAreDeleted says which Secrets without Berth's label requesters that may not read them delete: those that they can have created.
func TestPlainSecretsAreDeleted(t *testing.T) {
	r := manager(t)
	const refused = "One without that label is deleted in the background"
	annotated := func(key string) func(*corev1.Secret) {
		return func(s *corev1.Secret) { s.Annotations = map[string]string{key: "a"} }
	}
	cases := map[string]struct {
		change  func(*corev1.Secret)
		options []client.DeleteOption
		refusal string
	}{
		"Plain":      {},
		"Background": {options: []client.DeleteOption{client.PropagationPolicy(metav1.DeletePropagationBackground)}},
		"ByFlux":     {change: annotated("kustomize.toolkit.fluxcd.io/prune")},
		"EmptyLabel": {change: func(s *corev1.Secret) { s.Labels = map[string]string{v1alpha1.LabelSecret: ""} }},
		"Foreground": {options: []client.DeleteOption{client.PropagationPolicy(metav1.DeletePropagationForeground)}, refusal: refused},
		"Orphan":     {options: []client.DeleteOption{client.PropagationPolicy(metav1.DeletePropagationOrphan)}, refusal: refused},
		"OrphanDependents": {
			options: []client.DeleteOption{
				&client.DeleteOptions{Raw: &metav1.DeleteOptions{OrphanDependents: new(true)}}, //nolint:staticcheck // Clients still send it.
			},
			refusal: refused,
		},
		"Finalizer": {change: func(s *corev1.Secret) { s.Finalizers = []string{"example.com/keep"} }, refusal: refused},
		"Owned": {change: func(s *corev1.Secret) {
			s.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: "a", UID: "0a1b2c3d-0000-4000-8000-000000000000"}}
		}, refusal: refused},
		"CertManager":    {change: annotated("cert-manager.io/issuer-name"), refusal: refused},
		"Replicated":     {change: annotated("replicator.v1.mittwald.de/replicated-at"), refusal: refused},
		"Managed":        {change: func(s *corev1.Secret) { s.Labels = map[string]string{"example.com/managed": "a"} }, refusal: refused},
		"Type":           {change: func(s *corev1.Secret) { s.Type = "helm.sh/release.v1" }, refusal: refused},
		"NamedLikeBerth": {change: func(s *corev1.Secret) { s.GenerateName, s.Name = "", "web-tls-0a1b2c3d" }, refusal: refused},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s := r.secret(corev1.SecretTypeOpaque, "")
			if tc.change != nil {
				tc.change(s)
			}
			wantDenial(t, r.Delete(t.Context(), create(t, s), tc.options...), tc.refusal)
		})
	}
}

// TestDeletionShowsNoValues says that the answer to a deletion that the policy allows has none of the values.
func TestDeletionShowsNoValues(t *testing.T) {
	r := manager(t)
	s := r.secret(corev1.SecretTypeOpaque, "")
	s.StringData = nil
	s.Data = map[string][]byte{"a": []byte("shown-to-nobody")}
	create(t, s)
	config := testenv.Config()
	config.Impersonate = rest.ImpersonationConfig{
		UserName: rbac.UserOfPerson("eve@example.com"), Groups: []string{rbac.Group(r.organization, rbac.RoleManager), "system:authenticated"},
	}
	answer, err := kubernetes.NewForConfigOrDie(config).CoreV1().RESTClient().Delete().Namespace(r.organization).Resource("secrets").Name(s.Name).
		SetHeader("Accept", "application/json").Do(t.Context()).Raw()
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(answer, []byte(`"data"`)) || bytes.Contains(answer, []byte("c2hvd24tdG8tbm9ib2R5")) {
		t.Error("the answer has the values of the Secret")
	}
}
