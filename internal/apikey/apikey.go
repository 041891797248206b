// Package apikey is the format of API keys and of the Secrets that stand for them.
//
// A key is shown once, when it is made. What stays is a Secret in the Namespace of the API keys with the key's SHA-256 and whose it
// is: whoever reads it learns nothing to call the API with. A plain hash is enough, since a key has 238 random bits.
//
// What a key is made with is in the Secret's data, which is immutable. What changes later is in its annotations: when the key was used last,
// and an earlier end that a rotation gives it. When the key expires is in an annotation as well, for an admission policy, and the earlier time counts.
package apikey

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// Prefix is what every key begins with, so that scanners for leaked credentials can tell one.
const Prefix = "berth_"

// namePrefix is what the name of a key's Secret begins with; the key's id follows.
const namePrefix = "apikey-"

// Keys of the Secret's data.
const (
	dataHash          = "sha256"
	dataOwner         = "owner"
	dataIssuer        = "owner-issuer"
	dataSubject       = "owner-subject"
	dataRole          = "role"
	dataOrganizations = "organizations"
	dataDescription   = "description"
	dataExpires       = "expires"
	dataReplaces      = "replaces"
)

const (
	base62      = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	lowercase   = "0123456789abcdefghijklmnopqrstuvwxyz"
	tokenLength = 40
	idLength    = 8
	// maxDescription is the most characters that a description may have.
	maxDescription = 200
)

// sane is what an id may look like that somebody else chooses: it is part of the name of a Secret and of that of a user.
var sane = regexp.MustCompile(`^[0-9a-z]{8,40}$`)

// Role is what the holder of a key may do.
type Role string

const (
	// RoleManager may read and change everything in its organizations.
	RoleManager Role = "manager"
	// RoleContributor may read everything in its organizations.
	RoleContributor Role = "contributor"
	// RoleHost is for the staff of the platform: it may read and change everything in every organization.
	RoleHost Role = "host"
)

// ErrInvalid is what every error about a malformed key wraps.
var ErrInvalid = errors.New("invalid API key")

// Spec is what a key is made with, and stays as it is.
type Spec struct {
	// ID names the key, in listings and audit logs. It is no secret. New chooses one if it is empty; whoever chooses it, by 8 to 40
	// lower-case letters and digits, can make the key once only.
	ID string
	// Owner is the e-mail address of the person or team that holds the key; may be empty.
	Owner string
	// Account is that of the person who has made the key after signing in. Without it, whoever has the address is the owner.
	Account Account
	// Description says what the key is for, in at most 200 characters on one line; may be empty.
	Description string
	// Role is what the key may do.
	Role Role
	// Organizations are those that the role holds in. Empty for RoleHost, which holds everywhere, and never empty otherwise.
	Organizations []string
	// Expires is when the key stops working, to the second; zero for never. Nothing can move it.
	Expires time.Time
	// Replaces is the id of the key that this one was made from by a rotation; empty for none.
	Replaces string
}

// Key is what is kept of an API key.
type Key struct {
	Spec
	// Hash is the lower-case hexadecimal SHA-256 of the token.
	Hash string
	// Created is when the key was made; zero before its Secret is written.
	Created metav1.Time
	// UID is that of the key's Secret; empty before it is written.
	UID types.UID
	// Retires is when the key stops working since another one has replaced it; zero for never. It can't be later than Expires to have an effect.
	Retires time.Time
	// EndUnreadable says that an annotation of the Secret which ends the key can't be read as a time. The key does not work.
	EndUnreadable bool
	// LastUsed is when the key was used last, to the hour; zero for never.
	LastUsed time.Time
	// OwnerSeen is when the person was last known to have signed in whose account made the key, to the day; zero if that is not known.
	OwnerSeen time.Time
}

// New makes a key and returns it with its token, which is kept nowhere. The error wraps ErrInvalid if the spec doesn't make sense.
func New(spec Spec) (Key, string, error) {
	if spec.ID == "" {
		id, err := random(lowercase, idLength)
		if err != nil {
			return Key{}, "", err
		}
		spec.ID = id
	}
	if !sane.MatchString(spec.ID) {
		return Key{}, "", fmt.Errorf("%w: an id has 8 to 40 lower-case letters and digits", ErrInvalid)
	}
	secret, err := random(base62, tokenLength)
	if err != nil {
		return Key{}, "", err
	}
	token := Prefix + secret
	spec.Organizations, spec.Expires = slices.Clone(spec.Organizations), toSecond(spec.Expires)
	key := Key{Spec: spec, Hash: Hash(token)}
	return key, token, key.validate()
}

// Hash returns the lower-case hexadecimal SHA-256 of a token.
func Hash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// SecretName is the name of the Secret that stands for the key with this id.
func SecretName(id string) string { return namePrefix + id }

// Secret returns the Secret that stands for a key, to be created in the Namespace of the API keys. It is immutable: a key with other rights is
// another key.
func (k Key) Secret(namespace string) *corev1.Secret {
	immutable := true
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Name:        SecretName(k.ID),
			Namespace:   namespace,
			Labels:      map[string]string{v1alpha1.LabelSecret: v1alpha1.SecretAPIKey},
			Annotations: k.annotations(),
		},
		Immutable: &immutable,
		Type:      corev1.SecretTypeOpaque,
		Data: map[string][]byte{
			dataHash:          []byte(k.Hash),
			dataOwner:         []byte(k.Owner),
			dataIssuer:        []byte(k.Account.Issuer),
			dataSubject:       []byte(k.Account.Subject),
			dataRole:          []byte(k.Role),
			dataOrganizations: []byte(strings.Join(k.Organizations, ",")),
			dataDescription:   []byte(k.Description),
			dataExpires:       []byte(format(k.Expires)),
			dataReplaces:      []byte(k.Replaces),
		},
	}
}

// annotations are those that the Secret of a new key has.
func (k Key) annotations() map[string]string {
	var annotations map[string]string
	for name, at := range map[string]time.Time{annotationExpiresAt: k.Expires, annotationOwnerSeen: k.OwnerSeen.Truncate(SeenPrecision)} {
		if at.IsZero() {
			continue
		}
		if annotations == nil {
			annotations = map[string]string{}
		}
		annotations[name] = format(at)
	}
	return annotations
}

// FromSecret reads a key back from its Secret. The error wraps ErrInvalid and never tells the Secret's content.
func FromSecret(secret *corev1.Secret) (Key, error) {
	id, found := strings.CutPrefix(secret.Name, namePrefix)
	if !found || secret.Labels[v1alpha1.LabelSecret] != v1alpha1.SecretAPIKey {
		return Key{}, fmt.Errorf("%w: Secret %s is not one", ErrInvalid, secret.Name)
	}
	expires, err := parse(string(secret.Data[dataExpires]))
	if err != nil {
		return Key{}, fmt.Errorf("%w %s: when it expires is no time", ErrInvalid, id)
	}
	key := Key{
		Spec: Spec{
			ID:          id,
			Owner:       string(secret.Data[dataOwner]),
			Account:     Account{Issuer: string(secret.Data[dataIssuer]), Subject: string(secret.Data[dataSubject])},
			Description: string(secret.Data[dataDescription]),
			Role:        Role(secret.Data[dataRole]),
			Expires:     expires,
			Replaces:    string(secret.Data[dataReplaces]),
		},
		Hash:    string(secret.Data[dataHash]),
		Created: secret.CreationTimestamp,
		UID:     secret.UID,
	}
	if names := string(secret.Data[dataOrganizations]); names != "" {
		key.Organizations = strings.Split(names, ",")
	}
	key = key.withEnds(secret.Annotations)
	key.LastUsed, key.OwnerSeen = lastUsed(secret.Annotations), ownerSeen(secret.Annotations)
	return key, key.validate()
}

func (k Key) validate() error {
	if len(k.Hash) != hex.EncodedLen(sha256.Size) {
		return fmt.Errorf("%w %s: no SHA-256", ErrInvalid, k.ID)
	}
	if slices.ContainsFunc(k.Organizations, func(name string) bool { return name == "" || strings.Contains(name, ",") }) {
		return fmt.Errorf("%w %s: an organization's name is empty or has a comma", ErrInvalid, k.ID)
	}
	if utf8.RuneCountInString(k.Description) > maxDescription || strings.ContainsFunc(k.Description, unprintable) {
		return fmt.Errorf("%w %s: a description is one line of at most %d characters", ErrInvalid, k.ID, maxDescription)
	}
	if (k.Account.Issuer == "") != (k.Account.Subject == "") {
		return fmt.Errorf("%w %s: an account has an issuer and a subject", ErrInvalid, k.ID)
	}
	return k.validateRole()
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

func (k Key) validateRole() error {
	switch k.Role {
	case RoleHost:
		if len(k.Organizations) > 0 {
			return fmt.Errorf("%w %s: the role %s holds in every organization and names none", ErrInvalid, k.ID, k.Role)
		}
	case RoleManager, RoleContributor:
		if len(k.Organizations) == 0 {
			return fmt.Errorf("%w %s: the role %s wants an organization", ErrInvalid, k.ID, k.Role)
		}
	default:
		return fmt.Errorf("%w %s: the role is none of %s, %s, %s", ErrInvalid, k.ID, RoleManager, RoleContributor, RoleHost)
	}
	return nil
}

// random returns length characters of alphabet, each equally likely.
func random(alphabet string, length int) (string, error) {
	text := make([]byte, length)
	for i := range text {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(alphabet))))
		if err != nil {
			return "", fmt.Errorf("make a random key: %w", err)
		}
		text[i] = alphabet[n.Int64()]
	}
	return string(text), nil
}
