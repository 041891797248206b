package mail

// Settings say which mail server takes messages, and whom they come from.
type Settings struct {
	// Host is the server's name or IP address.
	Host string
	// Port of the server: on 465 TLS comes first, on others STARTTLS is asked for.
	Port int
	// User and Password are the login there; an empty User doesn't log in.
	User, Password string
	// From is the address that messages come from.
	From string
	// Platform says that the server is the platform's own, which may be anywhere.
	Platform bool
}
