package testaws

import (
	"crypto/rand"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Actions that the server knows, as calls and faults name them.
const (
	AssumeRole                = "AssumeRole"
	AssumeRoleWithWebIdentity = "AssumeRoleWithWebIdentity"
	GetCallerIdentity         = "GetCallerIdentity"
	GetAuthorizationToken     = "GetAuthorizationToken"
)

// The identity of the platform, whose requests the server takes.
const (
	Account         = "111111111111"
	CallerARN       = "arn:aws:iam::" + Account + ":user/platform"
	AccessKeyID     = "AKIATESTPLATFORM"
	SecretAccessKey = "secret-of-the-platform"

	// PlatformRole is the one that the platform gets, instead of the key, for what Kubernetes says of its ServiceAccount.
	PlatformRole     = "arn:aws:iam::" + Account + ":role/berth"
	WebIdentityToken = "token-of-the-service-account"
)

// defaultLifetime is for how long ECR's tokens hold.
const defaultLifetime = 12 * time.Hour

// sessionLifetime is for how long the credentials of an assumed role hold.
const sessionLifetime = time.Hour

// Role is an IAM role.
type Role struct {
	// ARN of the role.
	ARN string `json:"arn"`
	// ExternalID is what its trust policy demands; without it, nobody is let in.
	ExternalID string `json:"externalID"`
	// NoToken means that the role may not call GetAuthorizationToken.
	NoToken bool `json:"noToken,omitempty"`
	// Repositories that the role may pull from.
	Repositories []string `json:"repositories,omitempty"`
	// Lifetime of its tokens in seconds. Default: 12 hours.
	Lifetime int `json:"lifetime,omitempty"`
}

// Fault is an answer that replaces the right one.
type Fault struct {
	// Action that it replaces the answer of.
	Action string `json:"action"`
	// Role whose calls meet it. Empty: all.
	Role string `json:"role,omitempty"`
	// Times is how often.
	Times int `json:"times"`
	// Status and Code of the answer. Without a status, the answer is the right one, only late.
	Status int    `json:"status,omitempty"`
	Code   string `json:"code,omitempty"`
	// Delay in milliseconds before the answer.
	Delay int `json:"delay,omitempty"`
}

// Settings are what the server goes by.
type Settings struct {
	Roles  []Role  `json:"roles,omitempty"`
	Faults []Fault `json:"faults,omitempty"`
}

// Call is a request that was signed rightly, or need not be.
type Call struct {
	Action string `json:"action"`
	// Region and Service that it was signed for.
	Region  string `json:"region"`
	Service string `json:"service"`
	// Role, Session and ExternalID of AssumeRole; the role and the session that called, otherwise.
	Role       string `json:"role,omitempty"`
	Session    string `json:"session,omitempty"`
	ExternalID string `json:"externalID,omitempty"`
}

// Server is the AWS. It is an http.Handler.
type Server struct {
	now func() time.Time

	mu       sync.Mutex
	settings Settings
	calls    []Call
	sessions map[string]session
	tokens   map[string]token
}

// session is what AssumeRole gave.
type session struct {
	role, name, secret, token string
	ends                      time.Time
}

// token is what GetAuthorizationToken gave.
type token struct {
	role, session string
	ends          time.Time
}

// New returns a server that reads the time from now and knows no role.
func New(now func() time.Time) *Server {
	return &Server{now: now, sessions: map[string]session{}, tokens: map[string]token{}}
}

// Set replaces the settings. What was given before stays as it is.
func (s *Server) Set(to Settings) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settings = Settings{Roles: slices.Clone(to.Roles), Faults: slices.Clone(to.Faults)}
}

// Put adds a role, or replaces the one with its ARN.
func (s *Server) Put(role Role) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settings.Roles = append(slices.DeleteFunc(s.settings.Roles, func(r Role) bool { return r.ARN == role.ARN }), role)
}

// Fail adds a fault, or replaces the one of its action and role. One that comes no times ends the other.
func (s *Server) Fail(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settings.Faults = append(slices.DeleteFunc(s.settings.Faults, func(o Fault) bool { return o.Action == f.Action && o.Role == f.Role }), f)
}

// Calls returns the calls so far whose signature was right, or that need none, including those that were refused or met a fault.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// Revoke ends all tokens that a role was given until now.
func (s *Server) Revoke(role string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.tokens, func(_ string, t token) bool { return t.role == role })
}

// ServeHTTP answers as STS and ECR do.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	form := r.Header.Get("X-Amz-Target") == ""
	answer := s.answer(r, body, form)
	if form {
		answer.writeXML(w)
		return
	}
	answer.writeJSON(w)
}

// answer returns the answer to a request, after the delay that a fault demands.
func (s *Server) answer(r *http.Request, body []byte, form bool) answer {
	action, values, problem := parse(r, body, form)
	if problem != nil {
		return *problem
	}
	if action == AssumeRoleWithWebIdentity {
		return s.webIdentity(values)
	}
	signed, problem := s.verify(r, body)
	if problem != nil {
		return *problem
	}
	call := Call{
		Action: action, Region: signed.region, Service: signed.service, Role: signed.session.role, Session: signed.session.name,
	}
	if action == AssumeRole {
		call.Role, call.Session, call.ExternalID = values.Get("RoleArn"), values.Get("RoleSessionName"), values.Get("ExternalId")
	}
	fault := s.record(call)
	select {
	case <-time.After(time.Duration(fault.Delay) * time.Millisecond):
	case <-r.Context().Done():
	}
	if fault.Status != 0 {
		return refuse(fault.Status, fault.Code, "This is what the test asks for.")
	}
	switch action {
	case AssumeRole:
		return s.assumeRole(call)
	case GetCallerIdentity:
		return identity(signed.session)
	default:
		return s.authorizationToken(signed.session)
	}
}

// record keeps a call and returns the fault that awaits it, if any.
func (s *Server) record(c Call) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, c)
	for i := range s.settings.Faults {
		if f := &s.settings.Faults[i]; f.Action == c.Action && (f.Role == "" || f.Role == c.Role) && f.Times > 0 {
			f.Times--
			return *f
		}
	}
	return Fault{}
}

// role returns a role by its ARN. The caller holds the lock.
func (s *Server) role(arn string) (Role, bool) {
	i := slices.IndexFunc(s.settings.Roles, func(r Role) bool { return r.ARN == arn })
	if i < 0 {
		return Role{}, false
	}
	return s.settings.Roles[i], true
}

// random returns a text that nobody guesses.
func random(prefix string) string {
	return prefix + strings.ToUpper(rand.Text())
}
