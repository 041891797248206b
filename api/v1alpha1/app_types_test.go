package v1alpha1_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
)

const validDigest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func newApp(changes ...func(*v1alpha1.App)) *v1alpha1.App {
	app := &v1alpha1.App{
		ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceDefault, Name: "web"},
		Spec:       v1alpha1.AppSpec{Image: "registry.example.com/shop/web:v1"},
	}
	for _, change := range changes {
		change(app)
	}
	return app
}

// appCase is an App that the API server accepts, or refuses for one field.
type appCase struct {
	change  func(*v1alpha1.App)
	refused string
}

// runApps sends each App to the API server, which validates it and stores nothing.
func runApps(t *testing.T, cases map[string]appCase) {
	t.Helper()
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refused(t, api.Create(t.Context(), newApp(tc.change), client.DryRunAll), tc.refused)
		})
	}
}

func TestAppName(t *testing.T) {
	t.Parallel()
	named := func(name string) func(*v1alpha1.App) {
		return func(a *v1alpha1.App) { a.Name = name }
	}
	runApps(t, map[string]appCase{
		"Label":    {change: named("web-2")},
		"OneChar":  {change: named("w")},
		"Digits":   {change: named("42")},
		"Longest":  {change: named(repeat(25))},
		"TooLong":  {change: named(repeat(26)), refused: "<nil>"},
		"WithDots": {change: named("web.shop"), refused: "<nil>"},
	})
}

func TestAppImage(t *testing.T) {
	t.Parallel()
	image := func(image string) func(*v1alpha1.App) {
		return func(a *v1alpha1.App) { a.Spec.Image = image }
	}
	cases := map[string]appCase{}
	for _, i := range []string{
		"web", "web:v1", "shop/web", "registry.example.com/web", "registry.example.com:5000/a/b/c:V1.2_3-4", "localhost:5000/web",
		"web@" + validDigest, "127.0.0.1:5000/web:v1@" + validDigest, "a__b/c-d/e.f", "REGISTRY.example.com/web",
		"host/" + repeat(1019),
	} {
		cases["Accept "+i[:min(len(i), 60)]] = appCase{change: image(i)}
	}
	for _, i := range []string{
		"https://registry.example.com/web", "docker://web", "Web", "shop/Web", "web:", "web:-v1", "web:" + repeat(129), "web v1", "web@sha256:0123",
		"web@" + validDigest + "!", "/web", "web/", "shop//web", ":v1", "host:port/web", "we\nb", "wéb", "a___b", "host/" + repeat(1020),
	} {
		cases["Refuse "+i[:min(len(i), 60)]] = appCase{change: image(i), refused: "spec.image"}
	}
	cases["Refuse none"] = appCase{change: image(""), refused: "spec"}
	runApps(t, cases)
}

func TestAppEnv(t *testing.T) {
	t.Parallel()
	env := func(vars ...v1alpha1.EnvVar) func(*v1alpha1.App) {
		return func(a *v1alpha1.App) { a.Spec.Env = vars }
	}
	many := func(n int) []v1alpha1.EnvVar {
		vars := make([]v1alpha1.EnvVar, n)
		for i := range vars {
			vars[i].Name = fmt.Sprintf("V%d", i)
		}
		return vars
	}
	from := func(s v1alpha1.EnvVarSource) func(*v1alpha1.App) {
		return env(v1alpha1.EnvVar{Name: "A", ValueFrom: &s})
	}
	secret := func(name, key string) func(*v1alpha1.App) {
		return from(v1alpha1.EnvVarSource{SecretKeyRef: &v1alpha1.KeyRef{Name: name, Key: key}})
	}
	ref := &v1alpha1.KeyRef{Name: "settings", Key: "a"}
	runApps(t, map[string]appCase{
		"Literal":        {change: env(v1alpha1.EnvVar{Name: "_A1", Value: new("$(B)\n")})},
		"Empty":          {change: env(v1alpha1.EnvVar{Name: "A", Value: new("")})},
		"Neither":        {change: env(v1alpha1.EnvVar{Name: "A"})},
		"Secret":         {change: secret("web-env", "A.b-c_d")},
		"OptionalSecret": {change: from(v1alpha1.EnvVarSource{SecretKeyRef: &v1alpha1.KeyRef{Name: "s", Key: "k", Optional: new(true)}})},
		"ConfigMap":      {change: from(v1alpha1.EnvVarSource{ConfigMapKeyRef: ref})},
		"Most":           {change: env(many(256)...)},
		"LongestName":    {change: env(v1alpha1.EnvVar{Name: repeat(253)})},
		"LongestValue":   {change: env(v1alpha1.EnvVar{Name: "A", Value: new(repeat(65536))})},
		"LongestRef":     {change: secret(repeat(253), repeat(253))},
		"Both": {
			change:  env(v1alpha1.EnvVar{Name: "A", Value: new("a"), ValueFrom: &v1alpha1.EnvVarSource{SecretKeyRef: ref}}),
			refused: "spec.env",
		},
		"Repeated":     {change: env(v1alpha1.EnvVar{Name: "A"}, v1alpha1.EnvVar{Name: "A"}), refused: "spec.env[1]"},
		"TooMany":      {change: env(many(257)...), refused: "spec.env"},
		"NoName":       {change: env(v1alpha1.EnvVar{Value: new("a")}), refused: "spec.env[0].name"},
		"DigitFirst":   {change: env(v1alpha1.EnvVar{Name: "1A"}), refused: "spec.env[0].name"},
		"WithDash":     {change: env(v1alpha1.EnvVar{Name: "A-B"}), refused: "spec.env[0].name"},
		"WithEquals":   {change: env(v1alpha1.EnvVar{Name: "A=B"}), refused: "spec.env[0].name"},
		"NameTooLong":  {change: env(v1alpha1.EnvVar{Name: repeat(254)}), refused: "spec.env[0].name"},
		"ValueTooLong": {change: env(v1alpha1.EnvVar{Name: "A", Value: new(repeat(131073))}), refused: "spec.env[0].value"},
		"NoSource":     {change: from(v1alpha1.EnvVarSource{}), refused: "spec.env[0].valueFrom"},
		"TwoSources":   {change: from(v1alpha1.EnvVarSource{SecretKeyRef: ref, ConfigMapKeyRef: ref}), refused: "spec.env[0].valueFrom"},
		"NoRefName":    {change: secret("", "k"), refused: "spec.env[0].valueFrom.secretKeyRef.name"},
		"NoKey":        {change: secret("s", ""), refused: "spec.env[0].valueFrom.secretKeyRef.key"},
		"BadKey":       {change: secret("s", "a/b"), refused: "spec.env[0].valueFrom.secretKeyRef.key"},
		"KeyTooLong":   {change: secret("s", repeat(254)), refused: "spec.env[0].valueFrom.secretKeyRef.key"},
		"RefTooLong":   {change: secret(repeat(254), "k"), refused: "spec.env[0].valueFrom.secretKeyRef.name"},
		"BadConfigKey": {
			change:  from(v1alpha1.EnvVarSource{ConfigMapKeyRef: &v1alpha1.KeyRef{Name: "c", Key: " "}}),
			refused: "spec.env[0].valueFrom.configMapKeyRef.key",
		},
		"NoConfigMap":   {change: from(v1alpha1.EnvVarSource{ConfigMapKeyRef: &v1alpha1.KeyRef{Key: "k"}}), refused: "spec.env[0].valueFrom.configMapKeyRef.name"},
		"NewlineInName": {change: env(v1alpha1.EnvVar{Name: "A\n"}), refused: "spec.env[0].name"},
	})
}

func TestAppScalars(t *testing.T) {
	t.Parallel()
	spec := func(change func(*v1alpha1.AppSpec)) func(*v1alpha1.App) {
		return func(a *v1alpha1.App) { change(&a.Spec) }
	}
	dataset := func(d v1alpha1.Dataset) func(*v1alpha1.App) {
		return spec(func(s *v1alpha1.AppSpec) { s.Dataset = d })
	}
	replicas := func(n int32) func(*v1alpha1.App) {
		return spec(func(s *v1alpha1.AppSpec) { s.Replicas = &n })
	}
	port := func(n int32) func(*v1alpha1.App) {
		return spec(func(s *v1alpha1.AppSpec) { s.Port = n })
	}
	pull := func(names ...string) func(*v1alpha1.App) {
		return spec(func(s *v1alpha1.AppSpec) {
			for _, n := range names {
				s.ImagePullSecrets = append(s.ImagePullSecrets, v1alpha1.ImagePullSecret{Name: n})
			}
		})
	}
	role := func(arn string) func(*v1alpha1.App) {
		return spec(func(s *v1alpha1.AppSpec) { s.Registry = &v1alpha1.RegistryAccess{RoleARN: arn} })
	}
	registry := func(r v1alpha1.RegistryAccess) func(*v1alpha1.App) {
		return spec(func(s *v1alpha1.AppSpec) { s.Registry = &r })
	}
	credentials := func(name string) func(*v1alpha1.App) {
		return registry(v1alpha1.RegistryAccess{CredentialsSecretRef: &v1alpha1.SecretRef{Name: name}})
	}
	names := strings.Fields("a b c d e f g h i j k l m n o p q")
	runApps(t, map[string]appCase{
		"Production":      {change: dataset(v1alpha1.DatasetProduction)},
		"Testing":         {change: dataset(v1alpha1.DatasetTesting)},
		"OtherDataset":    {change: dataset("staging"), refused: "spec.dataset"},
		"NoPods":          {change: replicas(0)},
		"MostPods":        {change: replicas(1000)},
		"NegativePods":    {change: replicas(-1), refused: "spec.replicas"},
		"TooManyPods":     {change: replicas(1001), refused: "spec.replicas"},
		"LowestPort":      {change: port(1)},
		"HighestPort":     {change: port(65535)},
		"NegativePort":    {change: port(-1), refused: "spec.port"},
		"PortTooHigh":     {change: port(65536), refused: "spec.port"},
		"MostPull":        {change: pull(names[:16]...)},
		"TooManyPull":     {change: pull(names...), refused: "spec.imagePullSecrets"},
		"RepeatedPull":    {change: pull("a", "a"), refused: "spec.imagePullSecrets[1]"},
		"NamelessPull":    {change: pull(""), refused: "spec.imagePullSecrets[0].name"},
		"LongestPull":     {change: pull(repeat(253))},
		"PullTooLong":     {change: pull(repeat(254)), refused: "spec.imagePullSecrets[0].name"},
		"Role":            {change: role("arn:aws:iam::123456789012:role/path/shop-pull")},
		"RoleOfPartition": {change: role("arn:aws-us-gov:iam::123456789012:role/r")},
		"NoRole":          {change: role(""), refused: "spec.registry"},
		"NotARole":        {change: role("shop-pull"), refused: "spec.registry.roleARN"},
		"OtherService":    {change: role("arn:aws:s3:::bucket"), refused: "spec.registry.roleARN"},
		"LongestRole":     {change: role("arn:aws:iam::1:role/" + repeat(2028))},
		"RoleTooLong":     {change: role("arn:aws:iam::1:role/" + repeat(2029)), refused: "spec.registry.roleARN"},
		"Credentials":     {change: credentials("quay")},
		"NoCredentials":   {change: credentials(""), refused: "spec.registry.credentialsSecretRef.name"},
		"RoleAndCredentials": {
			change: registry(v1alpha1.RegistryAccess{
				RoleARN: "arn:aws:iam::1:role/r", CredentialsSecretRef: &v1alpha1.SecretRef{Name: "quay"},
			}),
			refused: "spec.registry",
		},
	})
}

func TestAppDefaults(t *testing.T) {
	t.Parallel()
	app := newApp()
	if err := api.Create(t.Context(), app, client.DryRunAll); err != nil {
		t.Fatal(err)
	}
	want := v1alpha1.AppSpec{
		Image: "registry.example.com/shop/web:v1", Dataset: v1alpha1.DatasetProduction, Replicas: new(int32(1)),
	}
	if diff := cmp.Diff(want, app.Spec); diff != "" {
		t.Errorf("spec (-want +got):\n%s", diff)
	}
}

func TestAppScale(t *testing.T) {
	t.Parallel()
	app := newApp(func(a *v1alpha1.App) { a.Name, a.GenerateName = "", "scaled-" })
	if err := api.Create(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	app.Status = v1alpha1.AppStatus{Replicas: new(int32(1)), Selector: "berth.dev/app=scaled"}
	if err := api.Status().Update(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	scale := &autoscalingv1.Scale{}
	if err := api.SubResource("scale").Get(t.Context(), app, scale); err != nil {
		t.Fatal(err)
	}
	want := autoscalingv1.ScaleStatus{Replicas: 1, Selector: "berth.dev/app=scaled"}
	if diff := cmp.Diff(want, scale.Status); diff != "" {
		t.Errorf("scale.status (-want +got):\n%s", diff)
	}
	scale.Spec.Replicas = 3
	if err := api.SubResource("scale").Update(t.Context(), app, client.WithSubResourceBody(scale)); err != nil {
		t.Fatal(err)
	}
	if err := api.Get(t.Context(), client.ObjectKeyFromObject(app), app); err != nil {
		t.Fatal(err)
	}
	if got := ptr.Deref(app.Spec.Replicas, 0); got != 3 {
		t.Errorf("spec.replicas = %d after scaling, want 3", got)
	}
}
