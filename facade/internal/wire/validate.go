package wire

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/mailbox"
	"github.com/berth-dev/berth/internal/policy"
)

// What an App and a Domain can hold. The custom resources' own rules say the same and have the last word; to know it here lets bad input be
// refused before anything is written, in words that name the client's field.
const (
	maxSlug     = 25
	maxLocation = 1024
	maxRoleName = 2048
	maxUser     = 255
	maxToken    = 16 << 10
	maxEnv      = 256
	maxEnvName  = 253
	maxEnvValue = 128 << 10 // Linux passes no longer string to a program, name and "=" included.
	maxEnvTotal = policy.MaxEnvironment
)

var (
	slugPattern    = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)
	imagePattern   = regexp.MustCompile(`^([a-zA-Z0-9]([-a-zA-Z0-9.]*[a-zA-Z0-9])?(:[0-9]{1,5})?/)?[a-z0-9]+(([._]|__|[-]+)[a-z0-9]+)*(/[a-z0-9]+(([._]|__|[-]+)[a-z0-9]+)*)*(:[A-Za-z0-9_][-A-Za-z0-9_.]{0,127})?(@[A-Za-z][A-Za-z0-9]*([-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?$`)
	roleARNPattern = regexp.MustCompile(`^arn:aws[-a-z]*:iam::[0-9]*:[-A-Za-z0-9_+=,.@/]+$`)
	envNamePattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

	// datasets are the choices of dataset; the first is the default.
	datasets = []string{"production", "testing"}
)

// What the fields want.
const (
	messageSlug     = "Enter a slug of 1 to 25 lowercase letters (a to z), digits and hyphens that begins and ends with a letter or digit, such as shop."
	messageLocation = "Enter an image reference, [https://][HOST[:PORT]/]REPOSITORY[:TAG][@DIGEST], with the repository in lower case. " +
		"http:// is also accepted and means the same; leave out any other scheme."
	messageRoleName = "A role name is the ARN of an AWS IAM role, such as arn:aws:iam::123456789012:role/shop-pull, or a user name without a colon."
	messageEnvSize  = "All variables together have at most 1000 KiB."
	messageEmail    = "Enter a valid email address, such as support@example.com or Support <support@example.com>."
)

// schemePrefix matches what may precede a location. It does not say how the image is pulled.
var schemePrefix = regexp.MustCompile(`^(?i:https?://)`)

// SplitLocation parts a location into what may stand in front of an image reference and the reference.
func SplitLocation(location string) (prefix, image string) {
	prefix = schemePrefix.FindString(location)
	return prefix, location[len(prefix):]
}

func (b *AppBody) validate(errors apierr.Fields) {
	check(errors, FieldSlug, b.Slug, validSlug, messageSlug)
	check(errors, "location", b.Location, validLocation, messageLocation)
	check(errors, FieldRole, b.RoleName, validRoleName, messageRoleName)
	check(errors, FieldExternalID, b.ExternalID, validToken, "A password or token has at most 16 KiB.")
	check(errors, FieldFrom, b.FromEmail, validFromEmail, messageEmail)
	if b.Dataset != nil && !slices.Contains(datasets, *b.Dataset) {
		errors.Add("dataset", fmt.Sprintf("%q is not a valid choice.", *b.Dataset))
	}
	if b.Env != nil {
		validateEnv(errors, *b.Env)
	}
}

func check(errors apierr.Fields, name string, value *string, valid func(string) bool, message string) {
	if value != nil && !valid(*value) {
		errors.Add(name, message)
	}
}

func validSlug(slug string) bool { return len(slug) <= maxSlug && slugPattern.MatchString(slug) }

func validLocation(location string) bool {
	_, image := SplitLocation(location)
	return len(image) <= maxLocation && imagePattern.MatchString(image)
}

// IsRole tells whether a role name is the ARN of an AWS role, and not a user name.
func IsRole(name string) bool { return len(name) <= maxRoleName && roleARNPattern.MatchString(name) }

// validRoleName takes no user name with a colon, which parts it from its password wherever one logs in by HTTP: an ARN with a mistake isn't
// taken for one.
func validRoleName(name string) bool {
	return IsRole(name) || len(name) <= maxUser && !strings.Contains(name, ":") && !controlPattern.MatchString(name)
}

func validToken(token string) bool { return len(token) <= maxToken }

func validFromEmail(address string) bool {
	_, err := mailbox.Parse(address)
	return address == "" || err == nil
}

func validateEnv(errors apierr.Fields, env []EnvVar) {
	if len(env) > maxEnv {
		errors.Add(FieldEnv, fmt.Sprintf("At most %d variables can be set.", maxEnv))
		return
	}
	seen, total := make(map[string]bool, len(env)), 0
	for i, variable := range env {
		total += len(variable.Name) + len(variable.Value)
		switch {
		case len(variable.Name) > maxEnvName || !envNamePattern.MatchString(variable.Name):
			errors.Add(FieldEnv, fmt.Sprintf("env[%d].name: A name is letters, digits and underscores, not beginning with a digit.", i))
		case seen[variable.Name]:
			errors.Add(FieldEnv, fmt.Sprintf("env[%d].name: %s is there twice.", i, variable.Name))
		case len(variable.Name)+1+len(variable.Value) >= maxEnvValue:
			errors.Add(FieldEnv, fmt.Sprintf("env[%d].value: At most 128 KiB, the name included.", i))
		}
		seen[variable.Name] = true
	}
	if total > maxEnvTotal {
		errors.Add(FieldEnv, messageEnvSize)
	}
}

// CheckEnvSize returns the 400 about an environment whose names and values together have more bytes than an App can take.
func CheckEnvSize(size int) error {
	if size > maxEnvTotal {
		return apierr.Field(FieldEnv, messageEnvSize)
	}
	return nil
}
