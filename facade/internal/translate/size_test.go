package translate

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// TestSizeOfApp says that an app takes no more than it is counted for in an answer, and not much less.
func TestSizeOfApp(t *testing.T) {
	cases := map[string]string{
		"Empty": "", "Plain": "postgres://db/shop", "Quotes": `"\"\"`, "Lines": "a\nb\r\n\tc", "Control": "\x00\x01\x1f\x7f", "HTML": "<a&b>",
		"Umlauts": "äöü€", "Emoji": "🚢", "Separators": "\u2028\u2029", "Replacement": "\ufffd", "Invalid": "\xff\xfe\xc3", "Cut": "€"[:2],
	}
	for name, value := range cases {
		t.Run(name, func(t *testing.T) {
			value := strings.Repeat(value, 1000)
			ref := &v1alpha1.EnvVarSource{SecretKeyRef: &v1alpha1.KeyRef{Name: "env", Key: "K"}}
			env := &corev1.Secret{
				ObjectMeta: metav1.ObjectMeta{Name: "env", Labels: map[string]string{v1alpha1.LabelSecret: v1alpha1.SecretEnv}},
				Data:       map[string][]byte{"K": []byte(value)},
			}
			variables := []v1alpha1.EnvVar{{Name: "LITERAL", Value: &value}, {Name: "SECRET", ValueFrom: ref}, {Name: "ELSEWHERE"}}
			o := Observed{
				App:     &v1alpha1.App{Spec: v1alpha1.AppSpec{Env: variables}},
				Secrets: map[string]*corev1.Secret{"env": env},
			}
			var encoded bytes.Buffer
			encoder := json.NewEncoder(&encoded)
			encoder.SetEscapeHTML(false) // As answers are.
			if err := encoder.Encode(envOf(o)); err != nil {
				t.Fatal(err)
			}
			if got, want := SizeOfApp(o), encoded.Len(); got < want-len("[]\n") || got > 2*want {
				t.Errorf("it is counted as %d bytes, and has %d", got, want)
			}
		})
	}
}
