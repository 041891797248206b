// Package apikey is the format of API keys and of the Secrets that stand for them.
//
// A key is shown once, when it is made. What stays is a Secret in Berth's own namespace with the key's SHA-256 and whose it is:
// whoever reads it learns nothing to call the API with. A plain hash is enough, since a key has 238 random bits.
package apikey

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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
	dataRole          = "role"
	dataOrganizations = "organizations"
)

const (
	base62      = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	lowercase   = "0123456789abcdefghijklmnopqrstuvwxyz"
	tokenLength = 40
	idLength    = 8
)

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

// Key is what is kept of an API key.
type Key struct {
	// ID names the key, in listings and audit logs. It is no secret.
	ID string
	// Hash is the lower-case hexadecimal SHA-256 of the token.
	Hash string
	// Owner is the e-mail address of the person or team that holds the key; may be empty.
	Owner string
	// Role is what the key may do.
	Role Role
	// Organizations are those that the role holds in. Empty for RoleHost, which holds everywhere, and never empty otherwise.
	Organizations []string
	// Created is when the key was made; zero before its Secret is written.
	Created metav1.Time
}

// New makes a key with a new random id and returns it with its token, which is kept nowhere. The error wraps ErrInvalid if role and
// organizations don't go together.
func New(owner string, role Role, organizations ...string) (Key, string, error) {
	id, err := random(lowercase, idLength)
	if err != nil {
		return Key{}, "", err
	}
	secret, err := random(base62, tokenLength)
	if err != nil {
		return Key{}, "", err
	}
	token := Prefix + secret
	key := Key{ID: id, Hash: Hash(token), Owner: owner, Role: role, Organizations: slices.Clone(organizations)}
	return key, token, key.validate()
}

// Hash returns the lower-case hexadecimal SHA-256 of a token.
func Hash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// SecretName is the name of the Secret that stands for the key with this id.
func SecretName(id string) string { return namePrefix + id }

// Secret returns the Secret that stands for a key, to be created in Berth's own namespace. It is immutable: a key with other rights is
// another key.
func (k Key) Secret(namespace string) *corev1.Secret {
	immutable := true
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Name:      SecretName(k.ID),
			Namespace: namespace,
			Labels:    map[string]string{v1alpha1.LabelSecret: v1alpha1.SecretAPIKey},
		},
		Immutable: &immutable,
		Type:      corev1.SecretTypeOpaque,
		Data: map[string][]byte{
			dataHash:          []byte(k.Hash),
			dataOwner:         []byte(k.Owner),
			dataRole:          []byte(k.Role),
			dataOrganizations: []byte(strings.Join(k.Organizations, ",")),
		},
	}
}

// FromSecret reads a key back from its Secret. The error wraps ErrInvalid and never tells the Secret's content.
func FromSecret(secret *corev1.Secret) (Key, error) {
	id, found := strings.CutPrefix(secret.Name, namePrefix)
	if !found || secret.Labels[v1alpha1.LabelSecret] != v1alpha1.SecretAPIKey {
		return Key{}, fmt.Errorf("%w: Secret %s is not one", ErrInvalid, secret.Name)
	}
	key := Key{
		ID:      id,
		Hash:    string(secret.Data[dataHash]),
		Owner:   string(secret.Data[dataOwner]),
		Role:    Role(secret.Data[dataRole]),
		Created: secret.CreationTimestamp,
	}
	if names := string(secret.Data[dataOrganizations]); names != "" {
		key.Organizations = strings.Split(names, ",")
	}
	return key, key.validate()
}

func (k Key) validate() error {
	if len(k.Hash) != hex.EncodedLen(sha256.Size) {
		return fmt.Errorf("%w %s: no SHA-256", ErrInvalid, k.ID)
	}
	if slices.ContainsFunc(k.Organizations, func(name string) bool { return name == "" || strings.Contains(name, ",") }) {
		return fmt.Errorf("%w %s: an organization's name is empty or has a comma", ErrInvalid, k.ID)
	}
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
