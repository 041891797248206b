package main

import "github.com/emersion/go-sasl"

// loginServer is the server's side of AUTH LOGIN: it asks for the user's name, unless the client began with
// it, and then for the password.
type loginServer struct {
	logIn func(user, password string) error
	// user is the name once it is known.
	user *string
	done bool
}

func (l *loginServer) Next(response []byte) (challenge []byte, done bool, err error) {
	switch {
	case l.done:
		return nil, false, sasl.ErrUnexpectedClientResponse
	case response == nil:
		return []byte("Username:"), false, nil
	case l.user == nil:
		l.user = new(string(response))
		return []byte("Password:"), false, nil
	}
	l.done = true
	return nil, true, l.logIn(*l.user, string(response))
}
