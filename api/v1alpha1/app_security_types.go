package v1alpha1

// AppSecurity bounds what a program may do in its container.
type AppSecurity struct {
	// capabilities says which Linux capabilities the program has. `Default` gives it those of the container runtime, as `docker run` does, so
	// that an image may start as root, change owners of files and switch to another user. `None` drops all but NET_BIND_SERVICE, for ports
	// below 1024, and forbids setuid programs to gain any. Where the organization's Pod Security level is restricted, `None` applies in any
	// case. A change replaces the Pods. Default: Default.
	// +optional
	Capabilities Capabilities `json:"capabilities,omitempty"`
}

// Capabilities says which Linux capabilities a program has.
//
// +kubebuilder:validation:Enum=Default;None
type Capabilities string

const (
	// CapabilitiesDefault gives a program the capabilities that the container runtime gives by default.
	CapabilitiesDefault Capabilities = "Default"
	// CapabilitiesNone drops all capabilities but the one to use ports below 1024.
	CapabilitiesNone Capabilities = "None"
)
