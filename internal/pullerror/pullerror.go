// Package pullerror tells why a node could not pull an image, in words of Berth's own. A node connects to any address that the name of an image leads
// to, from its own network. What it says of that must not tell a tenant what answers there: a closed port, one that is filtered and one at which
// something else than a registry listens are one to the tenant.
package pullerror

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/berth-dev/berth/internal/registry"
)

// Class says what kind of failure it is.
type Class int

const (
	// Unreachable is a registry that cannot be reached, fails, or does not answer as a registry does.
	Unreachable Class = iota
	// Denied is a registry that requires credentials, or refuses those that it got.
	Denied
	// NotFound is an image that the registry does not have.
	NotFound
	// WrongPlatform is an image for other processors than the node's.
	WrongPlatform
	// Throttled is a registry that has answered too many requests.
	Throttled
	// NoSpace is a node without room for the image.
	NoSpace
	// InvalidName is a name that is not one of an image.
	InvalidName
	// NeverPulled is an image that the node does not have and must not pull.
	NeverPulled
	// InvalidSignature is an image that is not signed as the node requires.
	InvalidSignature
	// Unknown is a failure of which the kubelet does not say why, or that has nothing to do with the registry.
	Unknown
)

// Error is why an image could not be pulled.
type Error struct {
	Class Class
	// Status is the HTTP status that the image's registry itself has answered with; 0 if it is not known, or would tell what else answers.
	Status int
}

var words = map[Class]string{
	Unreachable:      "The registry cannot be reached, or does not answer as a registry",
	Denied:           "The registry denied access",
	NotFound:         "The registry does not have the image",
	WrongPlatform:    "The image is not made for the processors of the nodes",
	Throttled:        "The registry accepts no more requests for now",
	NoSpace:          "The node has no space left for the image",
	InvalidName:      "The name of the image is not valid",
	NeverPulled:      "The node does not have the image and must not pull it",
	Unknown:          "The image cannot be pulled",
	InvalidSignature: "The image is not signed as the node requires",
}

// Error says it in a sentence, which holds nothing that the registry or the container runtime said but the status.
func (e Error) Error() string {
	if e.Status == 0 {
		return words[e.Class] + "."
	}
	return fmt.Sprintf("%s (HTTP status %d).", words[e.Class], e.Status)
}

const (
	reasonBackOff     = "ImagePullBackOff"
	reasonInspect     = "ImageInspectError"
	reasonInvalidName = "InvalidImageName"
	reasonNever       = "ErrImageNeverPull"
	reasonSignature   = "SignatureValidationFailed"
)

// cause is what precedes the cause in the message of a kubelet that waits before it tries again.
const cause = "ErrImagePull"

var reasons = []string{
	cause, reasonBackOff, reasonInspect, "RegistryUnavailable", reasonInvalidName, reasonNever, reasonSignature,
}

// IsReason reports whether a kubelet gives a reason for a container that waits for its image.
func IsReason(reason string) bool { return slices.Contains(reasons, reason) }

// A container runtime says in words alone why an image can't be pulled. The answers are those of containerd, CRI-O and cri-dockerd, in lower case, and
// what the registries say which they quote.
var phrases = []struct {
	class Class
	said  []string
}{
	{WrongPlatform, []string{
		"no match for platform", "no matching manifest for", "no image found in image index for architecture", "no image found in manifest list",
	}},
	{Denied, []string{
		"401 unauthorized", "403 forbidden", "no basic auth credentials", "authorization failed", "pull access denied", "insufficient_scope",
		"unauthorized:", "denied:", "access to the resource is denied", "authentication required", "authorization token has expired",
	}},
	{NotFound, []string{": not found", "manifest unknown", "name unknown", "name_unknown", "manifest_unknown", "404 not found"}},
	{Throttled, []string{"429 too many requests", "toomanyrequests", "too many requests"}},
	{NoSpace, []string{"no space left on device"}},
	{Unknown, []string{"failed to extract layer", "unexpected commit digest"}},
}

// statuses are the classes of the HTTP statuses that registries answer with.
var statuses = map[int]Class{
	http.StatusUnauthorized: Denied, http.StatusForbidden: Denied, http.StatusNotFound: NotFound, http.StatusTooManyRequests: Throttled,
}

// requestURL is the pattern of the URL of a request.
const requestURL = `https?://[^\s"]*`

var (
	// named matches what a tenant has chosen in a message: names of images, and addresses with them.
	named     = regexp.MustCompile(`"[^"]*"|` + requestURL)
	requested = regexp.MustCompile(requestURL)
	// answered matches the status of an answer: "unexpected status from HEAD request to  403 Forbidden", "StatusCode: 404".
	answered = regexp.MustCompile(`(?i)status[^0-9]{0,48}\b([1-5][0-9]{2})\b`)
)

// Parse reads the reason and the message of a container that waits for its image, as a kubelet gives them.
//
// A registry can lead a node to any other server, by a redirect or as the one that issues tokens, and over plain HTTP at that. Of the answers of others,
// only a denial is told, without its status: of a token over HTTPS, or of what a mirror of the registry is asked for.
func Parse(image, reason, message string) Error {
	switch reason {
	case reasonInvalidName:
		return Error{Class: InvalidName}
	case reasonNever:
		return Error{Class: NeverPulled}
	case reasonSignature:
		return Error{Class: InvalidSignature}
	case reasonInspect:
		return Error{Class: Unknown}
	}
	_, after, found := strings.Cut(message, cause+": ")
	if found {
		message = after
	}
	said := strings.ToLower(named.ReplaceAllString(message, ""))
	failed := classify(said, statusIn(said), reason == reasonBackOff && !found)
	if others := ofOthers(image, message); len(others) > 0 {
		failed.Status = 0
		if failed.Class != Denied || !slices.ContainsFunc(others, func(u string) bool { return mayDeny(image, u, said) }) {
			failed.Class = Unreachable
		}
	}
	return failed
}

// classify reads what was said, without names, and the status in it.
func classify(said string, status int, silent bool) Error {
	for _, p := range phrases {
		if !slices.ContainsFunc(p.said, func(phrase string) bool { return strings.Contains(said, phrase) }) {
			continue
		}
		if statuses[status] != p.class {
			status = 0
		}
		return Error{Class: p.class, Status: status}
	}
	if class, ok := statuses[status]; ok {
		return Error{Class: class, Status: status}
	}
	if status >= http.StatusInternalServerError {
		return Error{Class: Unreachable, Status: status}
	}
	if silent {
		return Error{Class: Unknown}
	}
	return Error{Class: Unreachable}
}

// mayDeny reports whether a denial that comes from the URL of another server is told.
func mayDeny(image, text, said string) bool {
	u, err := url.Parse(text)
	if err != nil {
		return false
	}
	repository := strings.TrimPrefix(registry.Repository(image), registry.Of(image)+"/")
	isMirror := strings.HasPrefix(u.Path, "/v2/"+repository+"/") || strings.HasPrefix(u.Path, "/v2/library/"+repository+"/")
	return isMirror || u.Scheme == "https" && strings.Contains(said, "token")
}

// ofOthers returns the URLs in a message that are of another server than the image's registry.
func ofOthers(image, message string) []string {
	own := registry.Of(image)
	return slices.DeleteFunc(requested.FindAllString(message, -1), func(text string) bool {
		u, err := url.Parse(text)
		isHub := err == nil && own == registry.DockerHub && strings.HasSuffix(u.Host, "."+registry.DockerHub) && u.Scheme == "https"
		return err == nil && (u.Host == own || isHub)
	})
}

func statusIn(said string) int {
	m := answered.FindStringSubmatch(said)
	if m == nil {
		return 0
	}
	status, _ := strconv.Atoi(m[1]) // The pattern has three digits.
	return status
}
