{{- /* The labels of all objects, beside those that the manifests give them. */}}
{{- define "berth.labels" -}}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | quote }}
{{- end }}

{{- /* The image of a command: (list . "operator"). */}}
{{- define "berth.image" -}}
{{- $root := index . 0 }}
{{- $component := index . 1 }}
{{- $image := (index $root.Values $component).image }}
{{- $repository := $image.repository }}
{{- if not $repository }}
{{- $repository = printf "%s/%s" $root.Values.image.registry $component }}
{{- end }}
{{- $tag := $image.tag | default $root.Values.image.tag }}
{{- $released := index $root.Chart.Annotations (printf "berth.dev/%s-digest" $component) }}
{{- if $image.digest }}
{{- printf "%s@%s" $repository $image.digest | quote }}
{{- else if and $released (not $tag) }}
{{- printf "%s:%s@%s" $repository $root.Chart.AppVersion $released | quote }}
{{- else }}
{{- printf "%s:%s" $repository ($tag | default $root.Chart.AppVersion) | quote }}
{{- end }}
{{- end }}

{{- /* A field of the issuer of the facade's certificate: (list . "name"). It is another issuer than that of Apps if it has a name. */}}
{{- define "berth.facadeIssuer" -}}
{{- $root := index . 0 }}
{{- $own := $root.Values.facade.certificate.issuer }}
{{- $apps := merge (dict "name" (include "berth.found" (list $root "issuerName"))) $root.Values.issuer }}
{{- get (ternary $own $apps (ne $own.name "")) (index . 1) | quote }}
{{- end }}

{{- /*
A Secret that a value names now and that the release made before, as it is: (list . "berth-mail" .Values.mail.existingSecret). Helm deletes what
a release no longer has, and with it what the value means.
*/}}
{{- define "berth.madeSecret" -}}
{{- $root := index . 0 }}
{{- $name := index . 1 }}
{{- if eq $name (index . 2) }}
{{- $there := lookup "v1" "Secret" $root.Release.Namespace $name }}
{{- if eq $root.Release.Name (dig "metadata" "annotations" "meta.helm.sh/release-name" "" $there) }}
{{- include "berth.secret" (list $root $name $there.data) }}
{{- end }}
{{- end }}
{{- end }}

{{- /* A Secret of the chart's own, with what it holds in base64: (list . "berth-mail" (dict "password" "cGFzc3dvcmQ=")). */}}
{{- define "berth.secret" -}}
{{- $root := index . 0 -}}
---
apiVersion: v1
kind: Secret
metadata:
  name: {{ index . 1 }}
  namespace: {{ $root.Release.Namespace }}
  labels:
    app.kubernetes.io/part-of: berth
    {{- include "berth.labels" $root | nindent 4 }}
data:
  {{- toYaml (index . 2) | nindent 2 }}
{{ end }}

{{- /*
The key that sessions are sealed with, in base64: the one that the release has already, or a new one. It is kept among the values, so that all
templates have the same. Empty if the key is somebody else's, in a Secret that can't be read now.
*/}}
{{- define "berth.sessionKey" -}}
{{- if not (hasKey .Values "sessionKey") }}
{{- $name := .Values.oidc.sessionSecret | default "berth-session" }}
{{- $key := dig "data" "key" "" (lookup "v1" "Secret" .Release.Namespace $name) }}
{{- if not (or $key .Values.oidc.sessionSecret) }}
{{- $key = randBytes 32 }}
{{- end }}
{{- $_ := set .Values "sessionKey" $key }}
{{- end }}
{{- .Values.sessionKey }}
{{- end }}

{{- /*
Something that changes with what the chart puts into Secrets, which the facade reads once; empty if that is nothing. It is no plain checksum, by
which passwords could be guessed: whoever does not know the session key can't make it.
*/}}
{{- define "berth.secretsChecksum" -}}
{{- with .Values }}
{{- $secrets := list .mail.password .mail.ca .oidc.clientSecret .oidc.ca | toJson }}
{{- $given := or .mail.password .mail.ca .oidc.clientSecret .oidc.ca }}
{{- $key := include "berth.sessionKey" $ }}
{{- if and $given $key }}
{{- printf "%s%s" $key $secrets | sha256sum }}
{{- end }}
{{- end }}
{{- end }}
