package v1alpha1

// EnvVar is one environment variable: a literal value or a reference to one. With neither, the variable is set and empty.
type EnvVar struct {
	// name of the variable: letters, digits and underscores, not beginning with a digit, as POSIX has it.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[A-Za-z_][A-Za-z0-9_]*$`
	// +required
	Name string `json:"name,omitempty"`

	// value is taken as it is: $(VAR) is not expanded. Excludes valueFrom.
	// +kubebuilder:validation:MaxLength=131072
	// +optional
	Value *string `json:"value,omitempty"`

	// valueFrom takes the value from a key of a Secret or ConfigMap in the same Namespace. Excludes value.
	// +optional
	ValueFrom *EnvVarSource `json:"valueFrom,omitempty"`
}

// EnvVarSource is where the value of an environment variable lies: exactly one of its fields is set.
//
// +kubebuilder:validation:ExactlyOneOf=secretKeyRef;configMapKeyRef
type EnvVarSource struct {
	// secretKeyRef is a key of a Secret in the App's Namespace.
	// +optional
	SecretKeyRef *KeyRef `json:"secretKeyRef,omitempty"`

	// configMapKeyRef is a key of a ConfigMap in the App's Namespace.
	// +optional
	ConfigMapKeyRef *KeyRef `json:"configMapKeyRef,omitempty"`
}
