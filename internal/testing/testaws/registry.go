package testaws

import (
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// Registry lets only those through to a registry who have a token of the server's that holds, of a role that may read the repository. It
// refuses as ECR does.
func (s *Server) Registry(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, ok := r.BasicAuth()
		if !ok {
			w.Header().Set("Www-Authenticate", `Basic realm="https://`+r.Host+`/",service="ecr.amazonaws.com"`)
			http.Error(w, "Not Authorized", http.StatusUnauthorized)
			return
		}
		if problem := s.admits(user, password, r.URL.Path); problem != "" {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusForbidden)
			denied := map[string]string{"code": "DENIED", "message": problem}
			_ = json.NewEncoder(w).Encode(map[string]any{"errors": []any{denied}})
			return
		}
		r.Header.Del("Authorization")
		next.ServeHTTP(w, r)
	})
}

// The user of a registry that has users, and the password.
const (
	RegistryUser     = "robot$shop"
	RegistryPassword = "password-of-the-robot"
)

// RegistryOfUsers lets only its user through to a registry, and refuses as registries do that aren't ECR.
func RegistryOfUsers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if user != RegistryUser || subtle.ConstantTimeCompare([]byte(password), []byte(RegistryPassword)) != 1 {
			w.Header().Set("Www-Authenticate", `Basic realm="registry"`)
			http.Error(w, `{"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]}`, http.StatusUnauthorized)
			return
		}
		r.Header.Del("Authorization")
		next.ServeHTTP(w, r)
	})
}

// admits returns why a token opens nothing at a path, or "".
func (s *Server) admits(user, password, path string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.tokens[password]
	switch {
	case user != "AWS" || !ok:
		return "Your authorization token is invalid."
	case !s.now().Before(t.ends):
		return "Your authorization token has expired. Reauthenticate and try again."
	}
	repository, asks := repositoryOf(path)
	role, _ := s.role(t.role)
	if asks && !slices.Contains(role.Repositories, repository) {
		return "User: " + t.session + " is not authorized to perform: ecr:BatchGetImage on resource: " + repository
	}
	return ""
}

// repositoryOf returns the repository that a path of a registry's API is about, if it is about one.
func repositoryOf(path string) (string, bool) {
	path = strings.TrimPrefix(path, "/v2/")
	for _, part := range []string{"/manifests/", "/blobs/", "/tags/"} {
		if repository, _, found := strings.Cut(path, part); found {
			return repository, true
		}
	}
	return "", false
}
