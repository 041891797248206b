package testaws

import (
	"encoding/json"
	"net/http"
)

// Paths by which a test controls a server that is another process.
const (
	// RolePath takes a Role, which is added or replaced, by PUT.
	RolePath = "/_/role"
	// RevokePath ends all tokens of a Role, by PUT.
	RevokePath = "/_/revoke"
	// CallsPath answers GET with the calls.
	CallsPath = "/_/calls"
)

// Controlled is the server with the paths by which a test controls it. Nothing guards them.
func (s *Server) Controlled() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("PUT "+RolePath, withRole(s.Put))
	mux.HandleFunc("PUT "+RevokePath, withRole(func(role Role) { s.Revoke(role.ARN) }))
	mux.HandleFunc("GET "+CallsPath, func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(s.Calls())
	})
	mux.Handle("/", s)
	return mux
}

// withRole does something with the role that a request holds.
func withRole(do func(Role)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var role Role
		if err := json.NewDecoder(r.Body).Decode(&role); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		do(role)
	}
}
