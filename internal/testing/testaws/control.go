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
	// FaultPath takes a Fault by PUT, as Server.Fail does.
	FaultPath = "/_/fault"
	// CallsPath answers GET with the calls.
	CallsPath = "/_/calls"
)

// Controlled is the server with the paths by which a test controls it. Nothing guards them.
func (s *Server) Controlled() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("PUT "+RolePath, with(s.Put))
	mux.HandleFunc("PUT "+RevokePath, with(func(role Role) { s.Revoke(role.ARN) }))
	mux.HandleFunc("PUT "+FaultPath, with(s.Fail))
	mux.HandleFunc("GET "+CallsPath, func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(s.Calls())
	})
	mux.Handle("/", s)
	return mux
}

// with does something with what a request holds.
func with[T any](do func(T)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var body T
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		do(body)
	}
}
