package testaws

import (
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// ecrTarget is what ECR's requests call its operations by.
const ecrTarget = "AmazonEC2ContainerRegistry_V20150921."

// stsVersion is the version of STS' API.
const stsVersion = "2011-06-15"

var stsActions = []string{AssumeRole, AssumeRoleWithWebIdentity, GetCallerIdentity}

// sessionName is what AWS takes as the name of a session.
var sessionName = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)

// answer is what a call is answered with: a result, or a code with a message.
type answer struct {
	status        int
	code, message string
	result        any
}

func refuse(status int, code, message string) answer {
	return answer{status: status, code: code, message: message}
}

type callerIdentityResult struct {
	XMLName xml.Name `xml:"GetCallerIdentityResult"`
	Arn     string
	UserID  string `xml:"UserId"`
	Account string
}

type assumeRoleResult struct {
	XMLName         xml.Name
	Arn             string `xml:"AssumedRoleUser>Arn"`
	AssumedRoleID   string `xml:"AssumedRoleUser>AssumedRoleId"`
	AccessKeyID     string `xml:"Credentials>AccessKeyId"`
	SecretAccessKey string `xml:"Credentials>SecretAccessKey"`
	SessionToken    string `xml:"Credentials>SessionToken"`
	Expiration      string `xml:"Credentials>Expiration"`
}

type authorizationData struct {
	AuthorizationToken string  `json:"authorizationToken"`
	ExpiresAt          float64 `json:"expiresAt"`
	ProxyEndpoint      string  `json:"proxyEndpoint"`
}

// parse returns the action that a request asks for and, of a form, its values.
func parse(r *http.Request, body []byte, form bool) (string, url.Values, *answer) {
	if !form {
		action, ours := strings.CutPrefix(r.Header.Get("X-Amz-Target"), ecrTarget)
		if !ours || action != GetAuthorizationToken || r.Header.Get("Content-Type") != "application/x-amz-json-1.1" {
			return "", nil, new(refuse(http.StatusBadRequest, "UnknownOperationException", "There is no such operation."))
		}
		return action, nil, nil
	}
	values, err := url.ParseQuery(string(body))
	action := values.Get("Action")
	if err != nil || values.Get("Version") != stsVersion || !slices.Contains(stsActions, action) {
		return "", nil, new(refuse(http.StatusBadRequest, "InvalidAction", "There is no such action."))
	}
	return action, values, nil
}

func (s *Server) assumeRole(c Call) answer {
	if !sessionName.MatchString(c.Session) {
		return refuse(http.StatusBadRequest, "ValidationError", "1 validation error detected: Value at 'roleSessionName' failed to satisfy constraint.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	role, ok := s.role(c.Role)
	if !ok || role.ExternalID != c.ExternalID {
		// The same for a role that isn't there, so that nobody learns which ones are.
		return refuse(http.StatusForbidden, "AccessDenied",
			fmt.Sprintf("User: %s is not authorized to perform: sts:AssumeRole on resource: %s", CallerARN, c.Role))
	}
	return s.open(c)
}

// webIdentity lets the platform have a role of its own by what says who its ServiceAccount is. Nobody signs that.
func (s *Server) webIdentity(values url.Values) answer {
	c := Call{Action: AssumeRoleWithWebIdentity, Role: values.Get("RoleArn"), Session: values.Get("RoleSessionName")}
	if fault := s.record(c); fault.Status != 0 {
		return refuse(fault.Status, fault.Code, "This is what the test asks for.")
	}
	if c.Role != PlatformRole || values.Get("WebIdentityToken") != WebIdentityToken {
		return refuse(http.StatusForbidden, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open(c)
}

// open opens the session that a call asks for. The caller holds the lock.
func (s *Server) open(c Call) answer {
	id := random("ASIA")
	given := session{role: c.Role, name: c.Session, secret: random(""), token: random(""), ends: s.now().Add(sessionLifetime)}
	s.sessions[id] = given
	return answer{status: http.StatusOK, result: assumeRoleResult{
		XMLName: xml.Name{Local: c.Action + "Result"},
		Arn:     assumed(given), AssumedRoleID: id + ":" + c.Session, AccessKeyID: id, SecretAccessKey: given.secret,
		SessionToken: given.token, Expiration: given.ends.UTC().Format(time.RFC3339),
	}}
}

// assumed returns the ARN of a role's session.
func assumed(s session) string {
	arn := strings.Replace(s.role, ":iam::", ":sts::", 1)
	return strings.Replace(arn, ":role/", ":assumed-role/", 1) + "/" + s.name
}

func identity(by session) answer {
	if by.role != "" {
		return answer{status: http.StatusOK, result: callerIdentityResult{Arn: assumed(by), UserID: by.name, Account: strings.Split(by.role, ":")[4]}}
	}
	return answer{status: http.StatusOK, result: callerIdentityResult{Arn: CallerARN, UserID: AccessKeyID, Account: Account}}
}

func (s *Server) authorizationToken(by session) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	role, ok := s.role(by.role)
	if !ok || role.NoToken {
		return refuse(http.StatusBadRequest, "AccessDeniedException",
			fmt.Sprintf("User: %s is not authorized to perform: ecr:GetAuthorizationToken on resource: *", assumed(by)))
	}
	lifetime := defaultLifetime
	if role.Lifetime > 0 {
		lifetime = time.Duration(role.Lifetime) * time.Second
	}
	password, ends := random(""), s.now().Add(lifetime)
	s.tokens[password] = token{role: by.role, session: assumed(by), ends: ends}
	data := authorizationData{
		AuthorizationToken: base64.StdEncoding.EncodeToString([]byte("AWS:" + password)),
		ExpiresAt:          float64(ends.UnixMilli()) / 1000,
		ProxyEndpoint:      "https://" + strings.Split(by.role, ":")[4] + ".dkr.ecr.amazonaws.com",
	}
	return answer{status: http.StatusOK, result: map[string]any{"authorizationData": []authorizationData{data}}}
}

func (a answer) writeXML(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(a.status)
	const namespace = `xmlns="https://sts.amazonaws.com/doc/` + stsVersion + `/"`
	id := "<RequestId>" + random("") + "</RequestId>"
	if a.result == nil {
		var message strings.Builder
		_ = xml.EscapeText(&message, []byte(a.message))
		fmt.Fprintf(w, `<ErrorResponse %s><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error>%s</ErrorResponse>`,
			namespace, a.code, message.String(), id)
		return
	}
	result, err := xml.Marshal(a.result)
	if err != nil {
		panic(err) // The types above can be marshaled.
	}
	fmt.Fprintf(w, `<Response %s>%s<ResponseMetadata>%s</ResponseMetadata></Response>`, namespace, result, id)
}

func (a answer) writeJSON(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Header().Set("X-Amzn-Requestid", random(""))
	w.WriteHeader(a.status)
	result := a.result
	if result == nil {
		result = map[string]string{"__type": a.code, "message": a.message}
	}
	text, err := json.Marshal(result)
	if err != nil {
		panic(err) // As above.
	}
	_, _ = w.Write(text)
}
