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
{{- range .Values.guardedResources }}
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

{{/* CEL: what an autoscaler reads or scales has changed, no annotation silences it, and KEDA did not make it. */}}
{{- define "scalewarden.isNewAutoscaling" -}}
object != null &&
!(has(object.metadata.annotations) && "scalewarden.dev/ignore" in object.metadata.annotations) &&
!(has(object.metadata.ownerReferences) && object.metadata.ownerReferences.exists(o, o.kind == "ScaledObject"))
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
