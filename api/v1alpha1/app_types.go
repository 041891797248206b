package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// App is one container image that runs as a service, at https://NAME.BASE-DOMAIN and at the hosts of the Domains that name it.
//
// Its name is also the first label of its default host, so it is a DNS label of at most 25 characters and unique on the whole platform:
// of two Apps with the same name in two organizations, the one whose organization has the HostClaim of the host is served there.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=apps,singular=app,categories=berth
// +kubebuilder:subresource:status
// +kubebuilder:subresource:scale:specpath=.spec.replicas,statuspath=.status.replicas,selectorpath=.status.selector
// +kubebuilder:printcolumn:name="Ready",type="string",JSONPath=".status.conditions[?(@.type=='Ready')].status",description="Whether the App runs as its spec asks for and answers at its URL"
// +kubebuilder:printcolumn:name="Reason",type="string",JSONPath=".status.conditions[?(@.type=='Ready')].reason",description="Why it is ready, or why not"
// +kubebuilder:printcolumn:name="Pods",type="integer",JSONPath=".status.readyReplicas",description="How many Pods are ready"
// +kubebuilder:printcolumn:name="Image",type="string",JSONPath=".spec.image",description="The image that the spec asks for"
// +kubebuilder:printcolumn:name="URL",type="string",JSONPath=".status.url",description="Where it answers"
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=".metadata.creationTimestamp"
// +kubebuilder:printcolumn:name="Message",type="string",priority=1,JSONPath=".status.conditions[?(@.type=='Ready')].message",description="The Ready condition in words"
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$') && self.metadata.name.size() <= 25",message="metadata.name must be a DNS label of at most 25 characters: a to z, 0 to 9 and hyphens, beginning and ending with a letter or digit"
type App struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object's metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty,omitzero"`

	// spec is what the App shall be.
	// +required
	Spec AppSpec `json:"spec,omitzero"`

	// status is what was last seen of it. Berth writes it; nobody else has to.
	// +kubebuilder:default={"observedGeneration":-1}
	// +optional
	Status AppStatus `json:"status,omitempty,omitzero"`
}

// AppList is a list of Apps.
//
// +kubebuilder:object:root=true
type AppList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []App `json:"items"`
}

// AppSpec is what an App shall be.
//
// +kubebuilder:validation:XValidation:rule="(has(self.env) ? self.env.map(e, has(e.value) ? e.value.size() : 0).sum() : 0) + (has(self.command) ? self.command.map(c, c.size()).sum() : 0) + (has(self.args) ? self.args.map(a, a.size()).sum() : 0) <= 65536 || oldSelf.hasValue() && (has(self.env) ? self.env.map(e, has(e.value) ? e.value.size() : 0).sum() : 0) + (has(self.command) ? self.command.map(c, c.size()).sum() : 0) + (has(self.args) ? self.args.map(a, a.size()).sum() : 0) <= (has(oldSelf.value().env) ? oldSelf.value().env.map(e, has(e.value) ? e.value.size() : 0).sum() : 0) + (has(oldSelf.value().command) ? oldSelf.value().command.map(c, c.size()).sum() : 0) + (has(oldSelf.value().args) ? oldSelf.value().args.map(a, a.size()).sum() : 0)",optionalOldSelf=true,fieldPath=".env",message="the values in env, command and args may have 65536 characters together; keep long values in a Secret or ConfigMap and name it in env.valueFrom"
// +kubebuilder:validation:XValidation:rule="!has(self.env) || self.env.all(e, !has(e.value) || !has(e.valueFrom))",fieldPath=".env",message="an entry of env has value or valueFrom, not both"
type AppSpec struct {
	// image is the reference of the container image, as `docker pull` takes it: a registry host with an optional port, a repository,
	// and a tag or a digest. Without either, the tag is "latest". A tag is pulled again whenever a Pod starts, so a restart runs what
	// the tag then means; a digest never changes. Example: "registry.example.com/shop/web:v3".
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="!self.contains('://')",message="image is a reference without a scheme, such as registry.example.com/shop/web:v3"
	// +kubebuilder:validation:XValidation:rule="self.contains('://') || self.matches('^([a-zA-Z0-9]([-a-zA-Z0-9.]*[a-zA-Z0-9])?(:[0-9]{1,5})?/)?[a-z0-9]+(([._]|__|[-]+)[a-z0-9]+)*(/[a-z0-9]+(([._]|__|[-]+)[a-z0-9]+)*)*(:[A-Za-z0-9_][-A-Za-z0-9_.]{0,127})?(@[A-Za-z][A-Za-z0-9]*([-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?$')",message="image must be an image reference: [HOST[:PORT]/]REPOSITORY[:TAG][@DIGEST], the repository in lower case"
	// +required
	Image string `json:"image,omitempty"`

	// env is the environment of the container, in this order. Names are unique. The values that REST clients give are kept in Secrets,
	// which the entries then name by valueFrom; a literal value is readable by everybody who may read the App. Literal values, command and
	// args may have 65536 characters together; an App that had more before this limit keeps them, and cannot grow.
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=256
	// +optional
	Env []EnvVar `json:"env,omitempty"`

	// dataset says which data the App works on, for accounts and billing. It restarts nothing. Default: production.
	// +kubebuilder:default=production
	// +optional
	Dataset Dataset `json:"dataset,omitempty"`

	// replicas is how many Pods run. 0 stops the App and keeps everything else. `kubectl scale` and a HorizontalPodAutoscaler write it;
	// with an autoscaler, leave it out of your manifests. Default: 1.
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	// +optional
	Replicas *int32 `json:"replicas,omitempty"`

	// port is the TCP port that the container serves HTTP on. Routes, the Service, the default readiness probe and the environment variable
	// PORT follow it; a variable PORT in env keeps its value. Without it, the port is the number in the variable PORT of env, else the only
	// TCP port that the image exposes (EXPOSE in a Dockerfile), else 80. Example: 8080.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	// +optional
	Port int32 `json:"port,omitempty"`

	// resources are the CPU and memory that each Pod asks for and may use, as in a Pod's container. Without them the Namespace's
	// LimitRange decides.
	// +optional
	Resources *corev1.ResourceRequirements `json:"resources,omitempty"`

	// command replaces the entrypoint of the image, as in a Pod's container: it is not run in a shell, and without args no arguments of
	// the image are passed to it. $(VAR) is expanded to the variable VAR of env. Default: the entrypoint of the image.
	// Example: ["/bin/sh", "-c"].
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MaxLength=131072
	// +optional
	Command []string `json:"command,omitempty"`

	// args are the arguments of the entrypoint or of command, as in a Pod's container. $(VAR) is expanded to the variable VAR of env.
	// Default: the arguments of the image, unless command is set. Example: ["serve", "--verbose"].
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MaxLength=131072
	// +optional
	Args []string `json:"args,omitempty"`

	// readinessProbe says when a Pod may get requests, as in a Pod's container. Its host cannot be set, and none of its numbers exceeds 3600.
	// Default: the port accepts TCP connections, checked every 10 seconds; a Pod gets no requests after 2 failures.
	// +kubebuilder:validation:XValidation:rule="!has(self.httpGet) || !has(self.httpGet.host)",fieldPath=".httpGet.host",message="host must not be set: a probe asks the App's own Pods"
	// +kubebuilder:validation:XValidation:rule="!has(self.tcpSocket) || !has(self.tcpSocket.host)",fieldPath=".tcpSocket.host",message="host must not be set: a probe asks the App's own Pods"
	// +kubebuilder:validation:XValidation:rule="!has(self.httpGet) || !has(self.httpGet.path) || self.httpGet.path.size() <= 2048",fieldPath=".httpGet.path",message="path must not exceed 2048 characters"
	// +kubebuilder:validation:XValidation:rule="!has(self.httpGet) || !has(self.httpGet.httpHeaders) || self.httpGet.httpHeaders.size() <= 32 && self.httpGet.httpHeaders.map(h, h.name.size() + h.value.size()).sum() <= 4096",fieldPath=".httpGet.httpHeaders",message="httpHeaders must not exceed 32 entries, and 4096 characters together"
	// +kubebuilder:validation:XValidation:rule="!has(self.exec) || !has(self.exec.command) || self.exec.command.size() <= 16 && self.exec.command.all(c, c.size() <= 1024)",fieldPath=".exec.command",message="command must not exceed 16 entries of 1024 characters; call a script of the image"
	// +kubebuilder:validation:XValidation:rule="!has(self.httpGet) || !has(self.httpGet.scheme) || self.httpGet.scheme in ['HTTP', 'HTTPS']",fieldPath=".httpGet.scheme",message="scheme must be HTTP or HTTPS"
	// +kubebuilder:validation:XValidation:rule="!has(self.httpGet) || string(self.httpGet.port).size() <= 15",fieldPath=".httpGet.port",message="port must be a number, or a name of at most 15 characters"
	// +kubebuilder:validation:XValidation:rule="!has(self.tcpSocket) || string(self.tcpSocket.port).size() <= 15",fieldPath=".tcpSocket.port",message="port must be a number, or a name of at most 15 characters"
	// +kubebuilder:validation:XValidation:rule="!has(self.grpc) || !has(self.grpc.service) || self.grpc.service.size() <= 256",fieldPath=".grpc.service",message="service must not exceed 256 characters"
	// +kubebuilder:validation:XValidation:rule="(!has(self.initialDelaySeconds) || self.initialDelaySeconds <= 3600) && (!has(self.timeoutSeconds) || self.timeoutSeconds <= 3600) && (!has(self.periodSeconds) || self.periodSeconds <= 3600) && (!has(self.successThreshold) || self.successThreshold <= 3600) && (!has(self.failureThreshold) || self.failureThreshold <= 3600) && (!has(self.terminationGracePeriodSeconds) || self.terminationGracePeriodSeconds <= 3600)",message="initialDelaySeconds, timeoutSeconds, periodSeconds, successThreshold, failureThreshold and terminationGracePeriodSeconds must not exceed 3600"
	// +optional
	ReadinessProbe *corev1.Probe `json:"readinessProbe,omitempty"`

	// livenessProbe says when a container has to be restarted, as in a Pod's container. Its host cannot be set, and none of its numbers
	// exceeds 3600. Default: none; a container is restarted only when its program ends.
	// +kubebuilder:validation:XValidation:rule="!has(self.httpGet) || !has(self.httpGet.host)",fieldPath=".httpGet.host",message="host must not be set: a probe asks the App's own Pods"
	// +kubebuilder:validation:XValidation:rule="!has(self.tcpSocket) || !has(self.tcpSocket.host)",fieldPath=".tcpSocket.host",message="host must not be set: a probe asks the App's own Pods"
	// +kubebuilder:validation:XValidation:rule="!has(self.httpGet) || !has(self.httpGet.path) || self.httpGet.path.size() <= 2048",fieldPath=".httpGet.path",message="path must not exceed 2048 characters"
	// +kubebuilder:validation:XValidation:rule="!has(self.httpGet) || !has(self.httpGet.httpHeaders) || self.httpGet.httpHeaders.size() <= 32 && self.httpGet.httpHeaders.map(h, h.name.size() + h.value.size()).sum() <= 4096",fieldPath=".httpGet.httpHeaders",message="httpHeaders must not exceed 32 entries, and 4096 characters together"
	// +kubebuilder:validation:XValidation:rule="!has(self.exec) || !has(self.exec.command) || self.exec.command.size() <= 16 && self.exec.command.all(c, c.size() <= 1024)",fieldPath=".exec.command",message="command must not exceed 16 entries of 1024 characters; call a script of the image"
	// +kubebuilder:validation:XValidation:rule="!has(self.httpGet) || !has(self.httpGet.scheme) || self.httpGet.scheme in ['HTTP', 'HTTPS']",fieldPath=".httpGet.scheme",message="scheme must be HTTP or HTTPS"
	// +kubebuilder:validation:XValidation:rule="!has(self.httpGet) || string(self.httpGet.port).size() <= 15",fieldPath=".httpGet.port",message="port must be a number, or a name of at most 15 characters"
	// +kubebuilder:validation:XValidation:rule="!has(self.tcpSocket) || string(self.tcpSocket.port).size() <= 15",fieldPath=".tcpSocket.port",message="port must be a number, or a name of at most 15 characters"
	// +kubebuilder:validation:XValidation:rule="!has(self.grpc) || !has(self.grpc.service) || self.grpc.service.size() <= 256",fieldPath=".grpc.service",message="service must not exceed 256 characters"
	// +kubebuilder:validation:XValidation:rule="(!has(self.initialDelaySeconds) || self.initialDelaySeconds <= 3600) && (!has(self.timeoutSeconds) || self.timeoutSeconds <= 3600) && (!has(self.periodSeconds) || self.periodSeconds <= 3600) && (!has(self.successThreshold) || self.successThreshold <= 3600) && (!has(self.failureThreshold) || self.failureThreshold <= 3600) && (!has(self.terminationGracePeriodSeconds) || self.terminationGracePeriodSeconds <= 3600)",message="initialDelaySeconds, timeoutSeconds, periodSeconds, successThreshold, failureThreshold and terminationGracePeriodSeconds must not exceed 3600"
	// +optional
	LivenessProbe *corev1.Probe `json:"livenessProbe,omitempty"`

	// startupProbe says when a program has started, as in a Pod's container: the other probes begin then, and a container that fails it is
	// restarted. Its host cannot be set, and none of its numbers exceeds 3600. Default: without a readinessProbe, the port accepts TCP
	// connections, checked every second for as long as it takes; with one, none.
	// +kubebuilder:validation:XValidation:rule="!has(self.httpGet) || !has(self.httpGet.host)",fieldPath=".httpGet.host",message="host must not be set: a probe asks the App's own Pods"
	// +kubebuilder:validation:XValidation:rule="!has(self.tcpSocket) || !has(self.tcpSocket.host)",fieldPath=".tcpSocket.host",message="host must not be set: a probe asks the App's own Pods"
	// +kubebuilder:validation:XValidation:rule="!has(self.httpGet) || !has(self.httpGet.path) || self.httpGet.path.size() <= 2048",fieldPath=".httpGet.path",message="path must not exceed 2048 characters"
	// +kubebuilder:validation:XValidation:rule="!has(self.httpGet) || !has(self.httpGet.httpHeaders) || self.httpGet.httpHeaders.size() <= 32 && self.httpGet.httpHeaders.map(h, h.name.size() + h.value.size()).sum() <= 4096",fieldPath=".httpGet.httpHeaders",message="httpHeaders must not exceed 32 entries, and 4096 characters together"
	// +kubebuilder:validation:XValidation:rule="!has(self.exec) || !has(self.exec.command) || self.exec.command.size() <= 16 && self.exec.command.all(c, c.size() <= 1024)",fieldPath=".exec.command",message="command must not exceed 16 entries of 1024 characters; call a script of the image"
	// +kubebuilder:validation:XValidation:rule="!has(self.httpGet) || !has(self.httpGet.scheme) || self.httpGet.scheme in ['HTTP', 'HTTPS']",fieldPath=".httpGet.scheme",message="scheme must be HTTP or HTTPS"
	// +kubebuilder:validation:XValidation:rule="!has(self.httpGet) || string(self.httpGet.port).size() <= 15",fieldPath=".httpGet.port",message="port must be a number, or a name of at most 15 characters"
	// +kubebuilder:validation:XValidation:rule="!has(self.tcpSocket) || string(self.tcpSocket.port).size() <= 15",fieldPath=".tcpSocket.port",message="port must be a number, or a name of at most 15 characters"
	// +kubebuilder:validation:XValidation:rule="!has(self.grpc) || !has(self.grpc.service) || self.grpc.service.size() <= 256",fieldPath=".grpc.service",message="service must not exceed 256 characters"
	// +kubebuilder:validation:XValidation:rule="(!has(self.initialDelaySeconds) || self.initialDelaySeconds <= 3600) && (!has(self.timeoutSeconds) || self.timeoutSeconds <= 3600) && (!has(self.periodSeconds) || self.periodSeconds <= 3600) && (!has(self.successThreshold) || self.successThreshold <= 3600) && (!has(self.failureThreshold) || self.failureThreshold <= 3600) && (!has(self.terminationGracePeriodSeconds) || self.terminationGracePeriodSeconds <= 3600)",message="initialDelaySeconds, timeoutSeconds, periodSeconds, successThreshold, failureThreshold and terminationGracePeriodSeconds must not exceed 3600"
	// +optional
	StartupProbe *corev1.Probe `json:"startupProbe,omitempty"`

	// minReadySeconds is for how many seconds a new Pod must have been ready, without its container ending, before it replaces one of the
	// previous version. An App whose program ends sooner stays at the previous version. It delays neither the first version of an App nor
	// the requests to new Pods. Default: 10.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=3600
	// +optional
	MinReadySeconds *int32 `json:"minReadySeconds,omitempty"`

	// security bounds what the program may do in its container.
	// +optional
	Security *AppSecurity `json:"security,omitempty"`

	// imagePullSecrets name Secrets of the type kubernetes.io/dockerconfigjson in the same Namespace, with which the image is pulled.
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	// +optional
	ImagePullSecrets []ImagePullSecret `json:"imagePullSecrets,omitempty"`

	// registry says how Berth gets credentials for the registry of the image by itself.
	// +optional
	Registry *RegistryAccess `json:"registry,omitempty"`
}

// Dataset says which data an App works on.
//
// +kubebuilder:validation:Enum=production;testing
type Dataset string

const (
	// DatasetProduction is the data that customers are billed by.
	DatasetProduction Dataset = "production"
	// DatasetTesting is data to try things with.
	DatasetTesting Dataset = "testing"
)

// ImagePullSecret names a Secret with registry credentials.
type ImagePullSecret struct {
	// name of a Secret of the type kubernetes.io/dockerconfigjson in the App's Namespace.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +required
	Name string `json:"name,omitempty"`
}

// RegistryAccess says how Berth gets credentials for the registry of the image: exactly one of its fields is set. From either Berth makes
// the Secret NAME-pull, which the Pods pull with beside imagePullSecrets. New credentials never replace a Pod.
//
// +kubebuilder:validation:ExactlyOneOf=roleARN;credentialsSecretRef
type RegistryAccess struct {
	// roleARN is the AWS IAM role that may read the image's Amazon ECR repository. Its trust policy has to name the organization's
	// external id. The image has to be one of Amazon ECR's. Example: "arn:aws:iam::123456789012:role/shop-pull".
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="self.matches('^arn:aws[-a-z]*:iam::[0-9]*:[-A-Za-z0-9_+=,.@/]+$')",message="roleARN must be the ARN of an AWS IAM role, such as arn:aws:iam::123456789012:role/shop-pull"
	// +optional
	RoleARN string `json:"roleARN,omitempty"`

	// credentialsSecretRef names a Secret in the App's Namespace with the user name and the password, or token, for any registry, under
	// the keys username and password, as the type kubernetes.io/basic-auth has them. One line break at the end of either is ignored. The
	// Secret must have the label berth.dev/secret=registry; Berth reads no other. A change of the Secret is followed.
	// +optional
	CredentialsSecretRef *SecretRef `json:"credentialsSecretRef,omitempty"`
}

// AppStatus is what was last seen of an App.
type AppStatus struct {
	// conditions say how the App is doing: Ready, Reconciling and Stalled as kstatus defines them, and ReferencesResolved, Available,
	// CertificateReady and RouteReady for its parts.
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=32
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the metadata.generation that the rest of the status speaks of. It is -1 until Berth has seen the App.
	// +kubebuilder:validation:Minimum=-1
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"` //nolint:kubeapilinter // optionalfields: 0 is nothing's generation.

	// url is where the App answers by default: https:// and its default host. Unset while another App or Domain has that host.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=261
	// +optional
	URL string `json:"url,omitempty"`

	// image is the reference with the digest that the newest ready Pod runs; unset when none does.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +optional
	Image string `json:"image,omitempty"`

	// replicas is how many Pods there are, ready or not. Unset until they were counted.
	// +kubebuilder:validation:Minimum=0
	// +optional
	Replicas *int32 `json:"replicas,omitempty"`

	// readyReplicas is how many Pods are ready. Unset until they were counted.
	// +kubebuilder:validation:Minimum=0
	// +optional
	ReadyReplicas *int32 `json:"readyReplicas,omitempty"`

	// selector is the label selector of the Pods, as the scale subresource wants it.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +optional
	Selector string `json:"selector,omitempty"`
}

// GetConditions returns the conditions, for code that works on any kind.
func (a *App) GetConditions() []metav1.Condition { return a.Status.Conditions }
