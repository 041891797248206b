package generate

// schema is a JSON schema.
type schema map[string]any

// Schemas of values.
var (
	text     = schema{"type": "string"}
	word     = schema{"type": "string", "minLength": 1}
	address  = schema{"type": "string", "pattern": `^(https://[^/]+/?)?$`}
	duration = schema{"type": "string", "pattern": `^(0|([0-9]+(\.[0-9]+)?(ms|s|m|h))+)$`}
	domain   = schema{"type": "string", "pattern": `^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`}
	mapped   = schema{"type": "string", "pattern": `^[^;]+=(host|[a-z0-9]([a-z0-9-]*[a-z0-9])?:(manager|contributor))$`}
	boolean  = schema{"type": "boolean"}
	count    = schema{"type": "integer", "minimum": 0}
	number   = schema{"type": "number", "minimum": 0}
	port     = schema{"type": "integer", "minimum": 0, "maximum": 65535}
	realPort = schema{"type": "integer", "minimum": 1, "maximum": 65535}
	anything = schema{"type": "object"}
	named    = schema{"type": "object", "required": []string{"name"}, "properties": schema{"name": word}}
	variable = schema{"type": "object", "required": []string{"name"}, "properties": schema{"name": word, "value": text}}
	mount    = schema{"type": "object", "required": []string{"name", "mountPath"}, "properties": schema{"name": word, "mountPath": word}}
	mapping  = schema{"type": "object", "additionalProperties": text}
)

func list(of schema) schema { return schema{"type": "array", "items": of} }

func oneOf(words ...string) schema { return schema{"enum": words} }
