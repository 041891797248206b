package translate

import (
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// variableOverhead is what a variable has in an answer beside its name and value.
const variableOverhead = len(`{"name":"","value":""},`)

// SizeOfApp returns about how many bytes the environment of an app has in an answer, and no fewer.
func SizeOfApp(o Observed) int {
	size := 0
	for i := range o.App.Spec.Env {
		size += variableOverhead + len(o.App.Spec.Env[i].Name) + sizeOfValue(o, &o.App.Spec.Env[i])
	}
	return size
}

// SizeOfDomain returns about how many bytes the certificate of a domain has in an answer, and no fewer.
func SizeOfDomain(platform Platform, o Observed) int {
	secret := certificateOf(platform, o)
	if secret == nil {
		return 0
	}
	return encodedSize(secret.Data[corev1.TLSCertKey])
}

// sizeOfValue is how many bytes a variable's value, as valueOf returns it, has in an answer. It copies none.
func sizeOfValue(o Observed, variable *v1alpha1.EnvVar) int {
	if o.ValuesHidden {
		return 0
	}
	if variable.Value != nil {
		return encodedSize(*variable.Value)
	}
	ref := secretRef(variable)
	if ref == nil {
		return 0
	}
	if sizes, ok := o.EnvSizes[ref.Name]; ok {
		return sizes[ref.Key]
	}
	given, _ := givenValue(o, variable)
	return encodedSize(given)
}

// EncodedSizes returns how many bytes each value of a Secret has in an answer, for Observed.EnvSizes.
func EncodedSizes(secret *corev1.Secret) map[string]int {
	sizes := make(map[string]int, len(secret.Data))
	for key, value := range secret.Data {
		sizes[key] = encodedSize(value)
	}
	return sizes
}

// encodedSize returns how many bytes a text has in JSON, and no fewer.
func encodedSize[T ~string | ~[]byte](text T) int {
	const escaped = len(`\u0000`)
	size := 0
	for _, char := range string(text) {
		switch {
		case char == '"', char == '\\', char == '\n', char == '\r', char == '\t':
			size += 2
		case char < ' ', char == '\u2028', char == '\u2029', char == utf8.RuneError:
			size += escaped
		default:
			size += utf8.RuneLen(char)
		}
	}
	return size
}
