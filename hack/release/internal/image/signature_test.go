package image_test

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/berth-dev/berth/hack/release/internal/image"
	"github.com/berth-dev/berth/hack/release/internal/sign"
	"github.com/berth-dev/berth/hack/release/internal/testsign"
)

// newKey returns a key to sign with, and the one to verify with.
func newKey(t *testing.T) (*sign.Key, *ecdsa.PublicKey) {
	t.Helper()
	file, public := testsign.NewKey(t)
	key, err := sign.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	return key, public
}

// verify verifies the signature of a digest as cosign does: by what is at the tag, and the key.
func verify(t *testing.T, repo name.Repository, digest string, public *ecdsa.PublicKey) {
	t.Helper()
	signature, err := remote.Image(repo.Tag(strings.ReplaceAll(digest, ":", "-") + ".sig"))
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := signature.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	layers, err := signature.Layers()
	if err != nil {
		t.Fatal(err)
	}
	if len(layers) != 1 || manifest.Layers[0].MediaType != "application/vnd.dev.cosign.simplesigning.v1+json" {
		t.Fatalf("its layers are %+v, want one that cosign knows", manifest.Layers)
	}
	content, err := layers[0].Compressed() // The registry's client compares it with its digest.
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	payload, err := io.ReadAll(content)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := base64.StdEncoding.DecodeString(manifest.Layers[0].Annotations["dev.cosignproject.cosign/signature"])
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(payload); !ecdsa.VerifyASN1(public, sum[:], raw) {
		t.Error("the signature does not hold")
	}
	var got any
	if err := json.Unmarshal(payload, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"critical": map[string]any{
			"identity": map[string]any{"docker-reference": repo.Name()},
			"image":    map[string]any{"docker-manifest-digest": digest},
			"type":     "cosign container image signature",
		},
		"optional": nil,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what is signed, -want, +got:\n%s", diff)
	}
}

func TestSignImage(t *testing.T) {
	t.Parallel()
	repo := repository(t)
	dir, digest := write(t, "1")
	if err := image.Push(dir, repo.Name()); err != nil {
		t.Fatal(err)
	}
	key, public := newKey(t)
	for range 2 { // The second time, it is there.
		if err := image.Sign(key, repo.Name(), digest.String()); err != nil {
			t.Fatal(err)
		}
	}
	verify(t, repo, digest.String(), public)
	other, _ := newKey(t)
	if err := image.Sign(other, repo.Name(), digest.String()); err == nil {
		t.Error("the signature of another key takes its place: no error")
	}
	verify(t, repo, digest.String(), public)
}

func TestSignChart(t *testing.T) {
	t.Parallel()
	repo := repository(t)
	packed := pack(t, "berth/Chart.yaml", "apiVersion: v2\nname: berth\nversion: 1.2.3\n")
	if err := image.PushChart(packed, repo.Name()); err != nil {
		t.Fatal(err)
	}
	key, public := newKey(t)
	if err := image.SignChart(key, packed, repo.Name()); err != nil {
		t.Fatal(err)
	}
	charts := repo.Repo(repo.RepositoryStr(), "berth")
	there, err := remote.Head(charts.Tag("1.2.3"))
	if err != nil {
		t.Fatal(err)
	}
	verify(t, charts, there.Digest.String(), public)
}

func TestSignErrors(t *testing.T) {
	t.Parallel()
	key, _ := newKey(t)
	repo, digest := repository(t).Name(), "sha256:"+strings.Repeat("0", 64)
	for name, tc := range map[string]struct{ repository, digest string }{
		"BadName":     {"registry.example.com/Berth", digest},
		"BadDigest":   {repo, "sha256:0"},
		"NobodyThere": {"127.0.0.1:1/berth", digest},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := image.Sign(key, tc.repository, tc.digest); err == nil {
				t.Error("no error")
			}
		})
	}
}
