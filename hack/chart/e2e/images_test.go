package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// previousImages pushes operator and facade as the previous version, whose programs differ from those of the stack by their stamp, and returns
// the tags.
func previousImages(t *testing.T) map[string]string {
	t.Helper()
	const version = "v0.1.1"
	dir := t.TempDir()
	args := []string{
		"build", "-trimpath", "-buildvcs=false", "-ldflags=-X github.com/berth-dev/berth/internal/version.stamp=" + version,
		"-o", dir + string(filepath.Separator), "./cmd/operator", "./cmd/facade",
	}
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v: %s", version, err, out)
	}
	tags := map[string]string{}
	for _, name := range []string{"operator", "facade"} {
		if err := berth.Push(t.Context(), "berth/"+name+":"+version, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		tags[name] = version
	}
	return tags
}

// images are the values that name images of these tags.
func images(tags map[string]string) map[string]any {
	values := map[string]any{}
	for name, tag := range tags {
		values[name] = map[string]any{"image": map[string]any{"tag": tag}}
	}
	return values
}

// mustRun fails the test if the Pods of Berth are not all of images with these tags.
func mustRun(t *testing.T, namespace string, tags map[string]string) {
	t.Helper()
	for name, tag := range tags {
		var d appsv1.Deployment
		if err := berth.Client.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "berth-" + name}, &d); err != nil {
			t.Fatal(err)
		}
		if image := d.Spec.Template.Spec.Containers[0].Image; !strings.HasSuffix(image, ":"+tag) || d.Status.UpdatedReplicas != d.Status.Replicas {
			t.Errorf("%s: its image is %s, want tag %s; %d of %d Pods are new", name, image, tag, d.Status.UpdatedReplicas, d.Status.Replicas)
		}
	}
}
