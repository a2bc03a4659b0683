{{/* Names are fixed: the policies are cluster-wide, so there is one Scalewarden in a cluster. */}}

{{- define "scalewarden.labels" -}}
app.kubernetes.io/name: scalewarden
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end }}

{{- define "scalewarden.selector" -}}
app.kubernetes.io/name: scalewarden
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "scalewarden.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* Namespaces opt in by label; some never are guarded. */}}
{{- define "scalewarden.namespaceSelector" -}}
matchLabels:
  scalewarden.dev/guard: enabled
matchExpressions:
  - key: kubernetes.io/metadata.name
    operator: NotIn
    values: {{ append .Values.namespaces.excluded .Release.Namespace | uniq | toJson }}
{{- end }}

{{/* Writes of replica counts: PUT and PATCH are both UPDATE, and a parent's rule does not cover its scale. */}}
{{- define "scalewarden.scaleRules" -}}
{{- range concat .Values.guardedResources (.Values.extraGuardedResources | default list) }}
- apiGroups: [{{ .apiGroup | quote }}]
  apiVersions: ["*"]
  operations: ["UPDATE"]
  resources: [{{ .resource | quote }}, {{ printf "%s/scale" .resource | quote }}]
  scope: Namespaced
{{- end }}
{{- end }}

{{/* CEL: a Scale leaves zero out when it is written as JSON; everywhere else a missing count means one. */}}
{{- define "scalewarden.replicasOf" -}}
(has({{ . }}.spec.replicas) ? {{ . }}.spec.replicas : (request.subResource == "scale" ? 0 : 1))
{{- end }}

{{- define "scalewarden.isDecrease" -}}
object != null && oldObject != null && has(object.spec) && has(oldObject.spec) &&
{{ include "scalewarden.replicasOf" "object" }} < {{ include "scalewarden.replicasOf" "oldObject" }}
{{- end }}

{{/* CEL: KEDA did not make it. KEDA makes an HPA for each ScaledObject, which is judged in its place. */}}
{{- define "scalewarden.isNotOfKeda" -}}
!(has({{ . }}.metadata.ownerReferences) && {{ . }}.metadata.ownerReferences.exists(o, o.kind == "ScaledObject"))
{{- end }}

{{/* CEL: an annotation's value, empty where it is not there. */}}
{{- define "scalewarden.annotationOf" -}}
(has({{ .of }}.metadata.annotations) && {{ .key }} in {{ .of }}.metadata.annotations ? {{ .of }}.metadata.annotations[{{ .key }}] : "")
{{- end }}

{{/* CEL: the control plane clears away what belonged to something else; nobody is there to be warned. */}}
{{- define "scalewarden.isAsked" -}}
request.operation != "DELETE" || !(request.userInfo.username == "system:kube-controller-manager" ||
request.userInfo.username.startsWith("system:serviceaccount:kube-system:"))
{{- end }}

{{- define "scalewarden.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "scalewarden.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* On different nodes where that can be had. */}}
{{- define "scalewarden.antiAffinity" -}}
podAntiAffinity:
  preferredDuringSchedulingIgnoredDuringExecution:
    - weight: 100
      podAffinityTerm:
        topologyKey: kubernetes.io/hostname
        labelSelector:
          matchLabels:
            {{- include "scalewarden.selector" . | nindent 12 }}
{{- end }}

{{/* Files of a Secret, and of a ConfigMap with authorities, as flags. `of` is prometheus or scrape. */}}
{{- define "scalewarden.accessArgs" -}}
{{- $folder := printf "/etc/scalewarden/%s" .of }}
{{- $flags := dict "token" .auth.tokenKey "password" .auth.passwordKey "ca" .auth.caKey "cert" .auth.certKey "key" .auth.keyKey }}
{{- range $flag := list "token" "password" "ca" "cert" "key" }}
{{- with get $flags $flag }}
{{- if not (or $.auth.secretName (and (eq $flag "ca") $.auth.caConfigMap)) }}
{{- fail (printf "operator.%sAuth: %sKey needs secretName" $.of $flag) }}
{{- end }}
- --{{ $.of }}-{{ $flag }}-file={{ $folder }}{{ if and (eq $flag "ca") $.auth.caConfigMap }}-ca{{ end }}/{{ . }}
{{- end }}
{{- end }}
{{- with .auth.user }}
- {{ printf "--%s-user=%s" $.of . | quote }}
{{- end }}
{{- with .auth.serverName }}
- {{ printf "--%s-server-name=%s" $.of . | quote }}
{{- end }}
{{- range $header, $key := .auth.headerKeys }}
{{- if not $.auth.secretName }}
{{- fail (printf "operator.%sAuth: headerKeys needs secretName" $.of) }}
{{- end }}
- {{ printf "--%s-header-file=%s=%s/%s" $.of $header $folder $key | quote }}
{{- end }}
{{- end }}

{{- define "scalewarden.accessMount" -}}
{{- with .auth.secretName }}
- {name: {{ $.of }}, mountPath: /etc/scalewarden/{{ $.of }}, readOnly: true}
{{- end }}
{{- if and .auth.caConfigMap .auth.caKey }}
- {name: {{ .of }}-ca, mountPath: /etc/scalewarden/{{ .of }}-ca, readOnly: true}
{{- end }}
{{- end }}

{{- define "scalewarden.accessVolume" -}}
{{- with .auth.secretName }}
- name: {{ $.of }}
  secret: {secretName: {{ . }}}
{{- end }}
{{- if and .auth.caConfigMap .auth.caKey }}
- name: {{ .of }}-ca
  configMap: {name: {{ .auth.caConfigMap }}}
{{- end }}
{{- end }}
