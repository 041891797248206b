package generate

// workloadValues are those of a Deployment, by the name of its command. Their presets are what the manifest says.
func workloadValues(component string) []value {
	of := func(name, doc string, s schema, preset any) value {
		return value{path: component + "." + name, doc: doc, schema: s, preset: preset}
	}
	return []value{
		of("image.repository", "The image without its tag. Empty: image.registry/"+component+".", text, ""),
		of("image.tag", "Its tag. Empty: image.tag.", text, ""),
		of("image.digest", "Its digest, such as sha256:…, which goes before a tag.", schema{"type": "string", "pattern": "^(sha256:[0-9a-f]{64})?$"}, ""),
		of("extraArgs", "Further flags, such as [--log-level=DEBUG]; `"+component+" -h` lists them.", list(word), []any{}),
		of("extraEnv", "Further variables of its environment, such as [{name: HTTPS_PROXY, value: http://proxy.example.com:3128}].", list(variable), []any{}),
		of("extraEnvFrom", "Further Secrets and ConfigMaps that are its environment, such as [{secretRef: {name: aws}}].", list(anything), []any{}),
		of("extraVolumes", "Further volumes of its Pods, such as [{name: ca, configMap: {name: ca}}].", list(named), []any{}),
		of("extraVolumeMounts", "Where its container has them, such as [{name: ca, mountPath: /ca, readOnly: true}].", list(mount), []any{}),
		of("podAnnotations", "Annotations of its Pods.", mapping, map[string]any{}),
		of("serviceAccount.annotations", "Annotations, such as eks.amazonaws.com/role-arn, which gives an AWS identity.", mapping, map[string]any{}),
	}
}
