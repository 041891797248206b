package generate

// limits are the values that bound what callers use of the facade.
var limits = []value{
	{
		path: "limits.failedLogins", schema: count, setting: "FAILED_LOGINS",
		doc: "How many requests a minute without a valid API key an address may send.",
	},
	{path: "limits.keyRate", schema: number, setting: "KEY_RATE", doc: "How many requests a second an API key may make in the long run."},
	{path: "limits.keyBurst", schema: count, setting: "KEY_BURST", doc: "How many requests an API key may make at once."},
	{
		path: "limits.keyLife", schema: duration, setting: "MAX_KEY_LIFE",
		doc: "How long an API key lives at most that is made on the profile page: a duration in hours, such as 8760h. 0s: any time.",
	},
	{
		path: "limits.keyOwnerSeen", schema: duration, setting: "KEY_OWNER_SEEN",
		doc: "Within which time the person who has made an API key on the profile page has to have signed in for the key to work: a duration in hours, " +
			"such as 2160h. 0s: any time.",
	},
	{
		path: "limits.keysPerOwner", schema: count, setting: "MAX_KEYS_PER_OWNER",
		doc: "How many API keys that work a person may have, to be made on the profile page. 0: any number.",
	},
	{
		path: "limits.keysPerOrganization", schema: count, setting: "MAX_KEYS_PER_ORGANIZATION",
		doc: "How many API keys that work an organization may have, to be made on the profile page. 0: any number.",
	},
	{path: "limits.connections", schema: count, setting: "MAX_CONNECTIONS", doc: "How many connections to the facade may be open."},
	{
		path: "limits.connectionsPerAddress", schema: count, setting: "MAX_CONNECTIONS_PER_ADDRESS",
		doc: "How many connections to the facade one address may have open; those of facade.trustedProxies are not counted.",
	},
	{
		path: "limits.requests", schema: count, setting: "MAX_REQUESTS",
		doc: "How many requests may be under way at the facade until their answers are sent, a third of them for one address. 0: any number.",
	},
	{
		path: "limits.anonymousLogRate", schema: number, setting: "ANONYMOUS_LOG_RATE",
		doc: "How many lines a second the facade's log may have about requests without a valid API key.",
	},
}
