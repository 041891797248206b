{{- /*
What the chart finds out of the cluster for values that are empty, computed once and kept among the values, so that all templates have the same:
.Values.found.ingressClass, .issuerName, .routerNamespaces, .routerNetworks, and .problems with what can't be found.

What the release has already goes on, so that an upgrade never moves Apps to another ingress controller or issuer. `helm template` and others who
render without the cluster find nothing.
*/}}
{{- define "berth.find" -}}
{{- if not (hasKey .Values "found") }}
{{- $release := (lookup "v1" "ConfigMap" .Release.Namespace "berth").data | default dict }}
{{- $found := dict "problems" list "asked" (not (empty (lookup "v1" "Namespace" "" "kube-system"))) "release" $release }}
{{- $_ := set .Values "found" $found }}
{{- include "berth.findValues" . }}
{{- include "berth.findIssuer" . }}
{{- include "berth.findIngressClass" . }}
{{- include "berth.findRouter" . }}
{{- include "berth.findKeys" . }}
{{- end }}
{{- end }}

{{- /* Something that was found: (list . "ingressClass"). */}}
{{- define "berth.found" -}}
{{- $root := index . 0 }}
{{- include "berth.find" $root }}
{{- $value := get $root.Values.found (index . 1) }}
{{- if kindIs "slice" $value }}{{ $value | join "," }}{{ else }}{{ $value }}{{ end }}
{{- end }}

{{- /* Adds a problem: (list . "text"). */}}
{{- define "berth.problem" -}}
{{- $found := (index . 0).Values.found }}
{{- $_ := set $found "problems" (append $found.problems (index . 1)) }}
{{- end }}

{{- /* The values that nothing can be found for. */}}
{{- define "berth.findValues" -}}
{{- if not .Values.baseDomain }}
{{- include "berth.problem" (list . "baseDomain is required: the domain below which Apps answer, such as apps.example.com") }}
{{- else if not (regexMatch "^[a-z0-9]([a-z0-9-]*[a-z0-9])?([.][a-z0-9]([a-z0-9-]*[a-z0-9])?)*$" .Values.baseDomain) }}
{{- include "berth.problem" (list . (printf "baseDomain must be a domain in lower case, such as apps.example.com, not %q" .Values.baseDomain)) }}
{{- end }}
{{- if contains "://" .Values.image.registry }}
{{- include "berth.problem" (list . (printf "image.registry must be a registry and a repository without a scheme, such as registry.example.com/berth, not %q" .Values.image.registry)) }}
{{- else if not (or .Values.image.registry (and .Values.operator.image.repository .Values.facade.image.repository)) }}
{{- include "berth.problem" (list . "image.registry is required: where the images operator and facade are, such as registry.example.com/berth") }}
{{- end }}
{{- end }}

{{- define "berth.findIssuer" -}}
{{- $found := .Values.found }}
{{- $_ := set $found "issuerName" (.Values.issuer.name | default $found.release.ISSUER_NAME) }}
{{- if and $found.asked (not (.Capabilities.APIVersions.Has "cert-manager.io/v1")) }}
{{- include "berth.problem" (list . "the cluster has no cert-manager: helm upgrade --install cert-manager --repo=https://charts.jetstack.io cert-manager --namespace=cert-manager --create-namespace --set=crds.enabled=true --wait") }}
{{- end }}
{{- if not $found.issuerName }}
{{- $names := list }}
{{- if and $found.asked (.Capabilities.APIVersions.Has "cert-manager.io/v1") }}
{{- range (lookup "cert-manager.io/v1" "ClusterIssuer" "" "").items }}{{ $names = append $names .metadata.name }}{{ end }}
{{- end }}
{{- $there := "" }}
{{- if $found.asked }}{{ $there = printf " (the cluster has %s)" ($names | sortAlpha | join ", " | default "none") }}{{ end }}
{{- include "berth.problem" (list . (printf "issuer.name is required: the cert-manager ClusterIssuer that signs the certificates of Apps, such as letsencrypt%s" $there)) }}
{{- end }}
{{- end }}

{{- /*
API keys of an earlier version that were not copied. The upgrade would delete the right of its Pods to read them, and they would stop serving before the new
ones are ready.
*/}}
{{- define "berth.findKeys" -}}
{{- if eq .Values.keysNamespace .Release.Namespace }}
{{- include "berth.problem" (list . (printf "keysNamespace must be another Namespace than that of the release, %s: nothing can run in it" .Release.Namespace)) }}
{{- else if not (dig "metadata" "annotations" "berth.dev/keys-migrated" "" (lookup "v1" "Namespace" "" .Values.keysNamespace)) }}
{{- $left := false }}
{{- range (lookup "v1" "Secret" .Release.Namespace "").items }}
{{- if eq "api-key" (dig "metadata" "labels" "berth.dev/secret" "" .) }}{{ $left = true }}{{ end }}
{{- end }}
{{- if $left }}
{{- include "berth.problem" (list . (printf "the API keys in Namespace %s have to be copied first: berthctl apikey migrate --namespace=%s --keys-namespace=%s --helm-release=%s" .Release.Namespace .Release.Namespace .Values.keysNamespace .Release.Name)) }}
{{- end }}
{{- end }}
{{- end }}

{{- /* The default IngressClass, or the only one. */}}
{{- define "berth.findIngressClass" -}}
{{- $found := .Values.found }}
{{- $name := .Values.ingressClass | default $found.release.INGRESS_CLASS }}
{{- if and $found.asked (not $name) }}
{{- $all := list }}
{{- $defaults := list }}
{{- range (lookup "networking.k8s.io/v1" "IngressClass" "" "").items }}
{{- $all = append $all .metadata.name }}
{{- if eq "true" (get (.metadata.annotations | default dict) "ingressclass.kubernetes.io/is-default-class") }}{{ $defaults = append $defaults .metadata.name }}{{ end }}
{{- end }}
{{- $candidates := ternary $defaults $all (gt (len $defaults) 0) }}
{{- if eq (len $candidates) 1 }}
{{- $name = first $candidates }}
{{- else if $all }}
{{- include "berth.problem" (list . (printf "ingressClass is required: the cluster has %s, and %s" ($all | sortAlpha | join ", ") (ternary "several are the default" "none is the default" (gt (len $defaults) 0)))) }}
{{- else }}
{{- $gateway := "" }}
{{- if .Capabilities.APIVersions.Has "gateway.networking.k8s.io/v1" }}{{ $gateway = " (the Gateway API alone is not supported yet)" }}{{ end }}
{{- include "berth.problem" (list . (printf "the cluster has no ingress controller, for it has no IngressClass%s: helm upgrade --install traefik --repo=https://traefik.github.io/charts traefik --namespace=traefik --create-namespace" $gateway)) }}
{{- end }}
{{- end }}
{{- $_ := set $found "ingressClass" ($name | default "") }}
{{- end }}

{{- /*
Where the ingress controller sends requests to Apps from. Its Namespace is that of the ServiceAccount that may write the status of Ingresses or, where
there are several, that in which Helm has installed the IngressClass. Without the cluster, those in which ingress controllers usually are.
*/}}
{{- define "berth.findRouter" -}}
{{- $found := .Values.found }}
{{- $namespaces := .Values.routerNamespaces }}
{{- $networks := .Values.routerNetworks }}
{{- if not (or $namespaces $networks) }}
{{- $namespaces = splitList "," ($found.release.ROUTER_NAMESPACE | default "") | compact }}
{{- $networks = splitList "," ($found.release.ROUTER_NETWORK | default "") | compact }}
{{- end }}
{{- if not (or $namespaces $networks) }}
{{- if not $found.asked }}
{{- $namespaces = list "traefik" "ingress-nginx" "nginx-ingress" "haproxy-controller" "projectcontour" "kong" }}
{{- else if $found.ingressClass }}
{{- $class := lookup "networking.k8s.io/v1" "IngressClass" "" $found.ingressClass }}
{{- $release := dig "metadata" "annotations" "meta.helm.sh/release-namespace" "" $class }}
{{- $candidates := include "berth.routers" . | fromJsonArray }}
{{- if eq (len $candidates) 1 }}
{{- $namespaces = $candidates }}
{{- else if and $release (or (not $candidates) (has $release $candidates)) }}
{{- $namespaces = list $release }}
{{- else if $candidates }}
{{- include "berth.problem" (list . (printf "routerNamespaces is required: the ingress controller of the IngressClass %s may be in %s" $found.ingressClass ($candidates | join ", "))) }}
{{- else }}
{{- include "berth.problem" (list . (printf "routerNamespaces is required, or routerNetworks for an ingress controller on the network of its nodes or outside of the cluster: that of the IngressClass %s was not found" $found.ingressClass)) }}
{{- end }}
{{- end }}
{{- end }}
{{- $_ := set $found "routerNamespaces" $namespaces }}
{{- $_ := set $found "routerNetworks" $networks }}
{{- end }}

{{- /* The Namespaces of ServiceAccounts that may write the status of Ingresses in the whole cluster, as JSON. Administrators' rights are about everything. */}}
{{- define "berth.routers" -}}
{{- $roles := dict }}
{{- range $role := (lookup "rbac.authorization.k8s.io/v1" "ClusterRole" "" "").items }}
{{- range $role.rules }}
{{- $writes := or (has "update" .verbs) (has "patch" .verbs) (has "*" .verbs) }}
{{- if and $writes (has "ingresses/status" .resources) (has "networking.k8s.io" .apiGroups) }}
{{- $_ := set $roles $role.metadata.name true }}
{{- end }}
{{- end }}
{{- end }}
{{- $namespaces := list }}
{{- range (lookup "rbac.authorization.k8s.io/v1" "ClusterRoleBinding" "" "").items }}
{{- if hasKey $roles .roleRef.name }}
{{- range .subjects }}
{{- if eq .kind "ServiceAccount" }}{{ $namespaces = append $namespaces .namespace }}{{ end }}
{{- end }}
{{- end }}
{{- end }}
{{- $namespaces | uniq | sortAlpha | toJson }}
{{- end }}
