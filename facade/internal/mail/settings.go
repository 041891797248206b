package mail

// Settings say which mail server takes messages, and whom they come from.
type Settings struct {
	// Host is the server's name or IP address. A name may be internationalized.
	Host string
	// Port of the server. Whether TLS comes first there or STARTTLS is offered is found out.
	Port int
	// User and Password are the login there; an empty User doesn't log in.
	User, Password string
	// From is the address that messages come from, with or without a display name.
	From string
	// ReplyTo is the address that replies go to; empty for From.
	ReplyTo string
	// Platform says that the server is the platform's own, which may be anywhere.
	Platform bool
}
