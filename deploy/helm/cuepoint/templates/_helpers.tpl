{{- define "cuepoint.labels" -}}
app.kubernetes.io/name: cuepoint
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "cuepoint.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* The pod of one process. Arguments: root, component, command, resources, volume (a claim's name, or empty). */}}
{{- define "cuepoint.pod" -}}
{{- $values := .root.Values -}}
{{- $user := printf "%s-%s" $values.settings.topic_prefix .component -}}
metadata:
  labels:
    {{- include "cuepoint.labels" (dict "root" .root "component" .component) | nindent 4 }}
  annotations:
    checksum/settings: {{ $values.settings | toJson | sha256sum }}
spec:
  terminationGracePeriodSeconds: {{ $values.terminationGracePeriodSeconds }}
  automountServiceAccountToken: false
  securityContext:
    runAsNonRoot: true
    runAsUser: 10001
    runAsGroup: 10001
    fsGroup: 10001
    seccompProfile: {type: RuntimeDefault}
  {{- with $values.imagePullSecrets }}
  imagePullSecrets: {{ toJson . }}
  {{- end }}
  {{- with $values.nodeSelector }}
  nodeSelector: {{ toJson . }}
  {{- end }}
  {{- with $values.tolerations }}
  tolerations: {{ toJson . }}
  {{- end }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "cuepoint.labels" (dict "root" .root "component" .component) | nindent 10 }}
  containers:
    - name: {{ .component }}
      image: {{ include "cuepoint.image" .root | quote }}
      imagePullPolicy: {{ $values.image.pullPolicy }}
      args: {{ toJson .command }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: {drop: [ALL]}
      envFrom:
        - configMapRef: {name: {{ .root.Release.Name }}-settings}
      env:
        - name: CUEPOINT_INSTANCE_ID
          valueFrom: {fieldRef: {fieldPath: metadata.name}}
        - {name: CUEPOINT_HASH_KEY_FILE, value: /run/secrets/cuepoint/hash-key/hash-key}
        {{- if eq $values.kafka.authentication "scram-sha-512" }}
        - {name: CUEPOINT_SECURITY_PROTOCOL, value: {{ ternary "SASL_SSL" "SASL_PLAINTEXT" $values.kafka.tls }}}
        - {name: CUEPOINT_SASL_USERNAME, value: {{ $user | quote }}}
        - {name: CUEPOINT_SASL_PASSWORD_FILE, value: /run/secrets/cuepoint/user/password}
        {{- else if eq $values.kafka.authentication "tls" }}
        - {name: CUEPOINT_SECURITY_PROTOCOL, value: SSL}
        - {name: CUEPOINT_SSL_CERTIFICATE_FILE, value: /run/secrets/cuepoint/user/user.crt}
        - {name: CUEPOINT_SSL_KEY_FILE, value: /run/secrets/cuepoint/user/user.key}
        {{- end }}
        {{- if $values.kafka.authoritySecretName }}
        - {name: CUEPOINT_SSL_CA_FILE, value: /run/secrets/cuepoint/authority/ca.crt}
        {{- end }}
      ports:
        - {name: web, containerPort: 8080}
      startupProbe:
        httpGet: {path: /healthz, port: web}
        periodSeconds: 5
        failureThreshold: 60
      livenessProbe:
        httpGet: {path: /healthz, port: web}
        periodSeconds: 10
        timeoutSeconds: 5
      readinessProbe:
        httpGet: {path: /readyz, port: web}
        periodSeconds: 5
        timeoutSeconds: 5
      resources: {{ toJson .resources }}
      volumeMounts:
        - {name: state, mountPath: /var/lib/cuepoint}
        - {name: tmp, mountPath: /tmp}
        - {name: hash-key, mountPath: /run/secrets/cuepoint/hash-key, readOnly: true}
        {{- if ne $values.kafka.authentication "none" }}
        - {name: user, mountPath: /run/secrets/cuepoint/user, readOnly: true}
        {{- end }}
        {{- if $values.kafka.authoritySecretName }}
        - {name: authority, mountPath: /run/secrets/cuepoint/authority, readOnly: true}
        {{- end }}
  volumes:
    - {name: tmp, emptyDir: {}}
    {{- if not .volume }}
    - {name: state, emptyDir: {}}
    {{- end }}
    - name: hash-key
      secret: {secretName: {{ $values.hashKey.secretName }}, defaultMode: 288}
    {{- if ne $values.kafka.authentication "none" }}
    - name: user
      secret: {secretName: {{ $user }}, defaultMode: 288}
    {{- end }}
    {{- if $values.kafka.authoritySecretName }}
    - name: authority
      secret: {secretName: {{ $values.kafka.authoritySecretName }}, defaultMode: 288}
    {{- end }}
{{- end }}

{{/* A volume claim. Arguments: storage, storageClassName. */}}
{{- define "cuepoint.claim" -}}
- metadata: {name: state}
  spec:
    accessModes: [ReadWriteOnce]
    {{- with .storageClassName }}
    storageClassName: {{ . }}
    {{- end }}
    resources: {requests: {storage: {{ .storage }}}}
{{- end }}
