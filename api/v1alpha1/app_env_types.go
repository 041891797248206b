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

// KeyRef names one key of a Secret or ConfigMap in the same Namespace. Pods read it when they start: a later change of the value
// takes effect at the next restart.
type KeyRef struct {
	// name of the Secret or ConfigMap.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +required
	Name string `json:"name,omitempty"`

	// key in its data.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[-._a-zA-Z0-9]+$`
	// +required
	Key string `json:"key,omitempty"`

	// optional lets the Pods start without the variable when the object or the key isn't there. Default: false.
	// +optional
	Optional *bool `json:"optional,omitempty"` //nolint:kubeapilinter // nobools: the field of a Pod's secretKeyRef that everybody knows.
}
