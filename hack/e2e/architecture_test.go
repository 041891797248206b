package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	berthv1alpha1 "github.com/berth-dev/berth/api/v1alpha1"
)

// ociIndex is the type of a list of images, one for each kind of processors.
const ociIndex = "application/vnd.oci.image.index.v1+json"

// foreign returns a kind of processors that this machine doesn't have, and the number that ELF has for it.
func foreign() (name string, machine byte) {
	if runtime.GOARCH == "arm64" {
		return "amd64", 62
	}
	return "arm64", 183
}

// pushForeign pushes the sample as one for other processors: its header and the image's settings say so.
func pushForeign(t *testing.T, name string) string {
	t.Helper()
	program, err := os.ReadFile(berth.Bin("sample"))
	if err != nil {
		t.Fatal(err)
	}
	architecture, machine := foreign()
	program[18] = machine // e_machine.
	file := filepath.Join(t.TempDir(), "sample")
	if err := os.WriteFile(file, program, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := berth.Push(t.Context(), name+":host", file); err != nil {
		t.Fatal(err)
	}
	var manifest, config map[string]any
	answer := askRegistry(t, http.MethodGet, name+"/manifests/host", "", nil, &manifest)
	described, ok := manifest["config"].(map[string]any)
	if !ok {
		t.Fatalf("the manifest is %v", manifest)
	}
	digest, ok := described["digest"].(string)
	if !ok {
		t.Fatalf("the manifest is %v", manifest)
	}
	askRegistry(t, http.MethodGet, name+"/blobs/"+digest, "", nil, &config)
	config["architecture"] = architecture
	text := encode(t, config)
	described["digest"], described["size"] = digestOf(text), len(text)
	upload := askRegistry(t, http.MethodPost, name+"/blobs/uploads/", "", nil, nil).Get("Location")
	askRegistry(t, http.MethodPut, upload+"?digest="+url.QueryEscape(digestOf(text)), "application/octet-stream", text, nil)
	image := encode(t, manifest)
	askRegistry(t, http.MethodPut, name+"/manifests/single", answer.Get("Content-Type"), image, nil)
	askRegistry(t, http.MethodPut, name+"/manifests/list", ociIndex, encode(t, map[string]any{
		"schemaVersion": 2, "mediaType": ociIndex, "manifests": []any{map[string]any{
			"mediaType": answer.Get("Content-Type"), "digest": digestOf(image), "size": len(image),
			"platform": map[string]any{"os": "linux", "architecture": architecture},
		}},
	}), nil)
	return berth.Env.Registry + "/" + name
}

// askRegistry makes one request to the registry, decodes the answer if that is asked for, and returns its header. A path that doesn't begin with a
// slash is below /v2/.
func askRegistry(t *testing.T, method, path, contentType string, body []byte, answer any) http.Header {
	t.Helper()
	if path[0] != '/' {
		path = "/v2/" + path
	}
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+berth.Env.Registry+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode >= http.StatusMultipleChoices {
		t.Fatalf("%s %s: %s, %v: %s", method, path, res.Status, err, text)
	}
	if answer != nil {
		if err := json.Unmarshal(text, answer); err != nil {
			t.Fatal(err)
		}
	}
	return res.Header
}

func encode(t *testing.T, value any) []byte {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func digestOf(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// TestImageForOtherProcessors pulls a list of images that has none for the node, which the runtime refuses to pull, and a single image for other
// processors, which it finds out only by starting it.
func TestImageForOtherProcessors(t *testing.T) {
	t.Parallel()
	const org = "foreign-org"
	manager := organization(t, org)
	image := pushForeign(t, "foreign/web")
	for slug, tag := range map[string]string{"foreign-list": "list", "foreign-single": "single"} {
		manager.call(t, http.MethodPost, "", map[string]any{"slug": slug, "location": image + ":" + tag}, http.StatusCreated, nil)
	}
	mustSayWhy(t, org, "foreign-list", berthv1alpha1.ReasonExecFormatError, "is not made for the processors")
	mustSayWhy(t, org, "foreign-single", berthv1alpha1.ReasonExecFormatError, "is not made for the processors")
}
