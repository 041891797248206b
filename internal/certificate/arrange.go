package certificate

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"fmt"
	"slices"
	"time"
)

// member is a certificate of a text.
type member struct {
	*x509.Certificate
	// number is its position in the text, from 1.
	number int
}

// String returns what a message names it by, within a sentence.
func (m member) String() string {
	return fmt.Sprintf("certificate %d (%s)", m.number, name(m.Certificate))
}

// title returns what a message names it by, at the beginning of a sentence.
func (m member) title() string { return "C" + m.String()[1:] }

// arrangement is how the certificates of a text are put in order.
type arrangement struct {
	// members are the certificates, each once, in the order of the text.
	members []member
	host    string
	// key is that of the leaf; nil if it is not known.
	key crypto.PublicKey
	// now is zero if it does not matter what has expired.
	now time.Time
	// byName puts together what fits by names and key identifiers, without verifying signatures.
	byName bool
}

func newArrangement(c Chain, host string, key crypto.PublicKey, now time.Time) arrangement {
	a := arrangement{host: host, key: key, now: now}
	for i, certificate := range c {
		if !slices.ContainsFunc(a.members, func(m member) bool { return m.Equal(certificate) }) {
			a.members = append(a.members, member{Certificate: certificate, number: i + 1})
		}
	}
	return a
}

// Arrange returns the chain that a server is to send for a host, of certificates in any order: the one for the host and the key, which may be nil if
// it is not known, followed by its issuers, each once. What has expired is left out if clients ignore it: any certificate but the leaf and its issuer,
// and roots, of which clients have their own. A certificate that does not belong to the chain is an error. The error is a Problem.
//
// Who signed the last certificate is not asked: it may be an authority that only the host's own visitors trust.
func (c Chain) Arrange(host string, key crypto.PublicKey, now time.Time) (Chain, error) {
	a := newArrangement(c, host, key, now)
	// The keys come first: to verify a signature by one that is far too large would take long.
	if err := a.checkStrength(); err != nil {
		return nil, err
	}
	leaf, err := a.leaf()
	if err != nil {
		return nil, err
	}
	if err := a.checkLeaf(leaf); err != nil {
		return nil, err
	}
	ordered, err := a.order(leaf)
	if err != nil {
		return nil, err
	}
	sent, err := a.current(ordered)
	if err != nil {
		return nil, err
	}
	for _, m := range sent {
		if err := checkSignature(m); err != nil {
			return nil, err
		}
	}
	return toChain(sent), nil
}

// Sorted returns the certificates in the order in which Arrange sends them, or as they are if they do not make up a chain. It goes by their names and
// key identifiers: it is for showing a chain, and to verify signatures each time would be expensive.
func (c Chain) Sorted(host string) Chain {
	a := newArrangement(c, host, nil, time.Time{})
	a.byName = true
	if len(c) == 0 {
		return c
	}
	leaf, err := a.leaf()
	if err != nil {
		return c
	}
	ordered, err := a.order(leaf)
	if err != nil {
		return c
	}
	return toChain(ordered)
}

func toChain(members []member) Chain {
	chain := make(Chain, 0, len(members))
	for _, m := range members {
		chain = append(chain, m.Certificate)
	}
	return chain
}

func (a *arrangement) checkStrength() error {
	for _, m := range a.members {
		if err := checkStrength(m.PublicKey); err != nil {
			return problem("%s: %s", m.title(), err)
		}
	}
	return nil
}

// leaf returns the certificate that is the host's.
func (a *arrangement) leaf() (member, error) {
	candidates := a.members
	if a.key != nil {
		candidates = filter(candidates, func(m member) bool { return EqualKeys(m.PublicKey, a.key) })
	}
	if len(candidates) == 0 {
		return member{}, problem("No certificate is for the private key.")
	}
	for _, better := range []func(member) bool{a.signsNone, a.covers, a.isCurrent} {
		if some := filter(candidates, better); len(some) > 0 {
			candidates = some
		}
	}
	first := candidates[0]
	if len(candidates) == 1 || !a.covers(first) {
		return first, nil
	}
	return member{}, problem("%s and %s are both for %s. Send one of them, with its issuers.", first.title(), candidates[1], a.host)
}

func filter(members []member, is func(member) bool) []member {
	return slices.DeleteFunc(slices.Clone(members), func(m member) bool { return !is(m) })
}

func (a *arrangement) covers(m member) bool { return m.VerifyHostname(a.host) == nil }

func (a *arrangement) isCurrent(m member) bool {
	return a.now.IsZero() || !a.now.After(m.NotAfter) && !a.now.Before(m.NotBefore)
}

func (a *arrangement) signsNone(m member) bool {
	return !slices.ContainsFunc(a.members, func(other member) bool {
		linked, err := a.link(other, m)
		return other.number != m.number && (linked || err != nil)
	})
}

// order returns the leaf, its issuer, the issuer of that and so on, followed by what else has signed one of them.
func (a *arrangement) order(leaf member) ([]member, error) {
	ordered := []member{leaf}
	for last := leaf; !a.isRoot(last); last = ordered[len(ordered)-1] {
		issuers, err := a.issuers(last, ordered)
		if err != nil {
			return nil, err
		}
		if len(issuers) == 0 {
			break
		}
		if current := filter(issuers, a.isCurrent); len(current) > 0 {
			issuers = current
		}
		ordered = append(ordered, issuers[0])
	}
	path := len(ordered)
	for i := 0; i < len(ordered); i++ {
		issuers, err := a.issuers(ordered[i], ordered)
		if err != nil {
			return nil, err
		}
		ordered = append(ordered, issuers...)
	}
	for _, m := range a.members {
		if !contains(ordered, m) {
			return nil, stray(m, ordered[:path])
		}
	}
	return ordered, nil
}

// issuers returns the members that have signed one, but for some.
func (a *arrangement) issuers(of member, but []member) ([]member, error) {
	var issuers []member
	for _, m := range a.members {
		if m.number == of.number || contains(but, m) {
			continue
		}
		linked, err := a.link(of, m)
		if err != nil {
			return nil, err
		}
		if linked {
			issuers = append(issuers, m)
		}
	}
	return issuers, nil
}

func contains(members []member, m member) bool {
	return slices.ContainsFunc(members, func(other member) bool { return other.number == m.number })
}

// stray says what is wrong with a certificate that has signed none of a path.
func stray(m member, path []member) error {
	for _, other := range path {
		if bytes.Equal(other.RawIssuer, m.RawSubject) {
			return problem("%s has the name of the issuer of %s, but did not sign it: its key is another one. Send the issuer's certificate, or none.", m.title(), other)
		}
	}
	if last := path[len(path)-1]; !isRoot(last.Certificate) {
		return problem("%s does not belong to the chain of %s. %s is signed by %s, whose certificate is missing: send it too, or leave certificate %d out.",
			m.title(), path[0], last.title(), nameOf(last.Issuer.String()), m.number)
	}
	return problem("%s does not belong to the chain of %s. Leave it out.", m.title(), path[0])
}

// current returns the members that are valid now and that clients can reach from the leaf, which is the first one, by others that are.
func (a *arrangement) current(ordered []member) ([]member, error) {
	leaf := ordered[0]
	issuers, err := a.issuers(leaf, nil)
	if err != nil {
		return nil, err
	}
	if len(issuers) > 0 && !a.isRoot(leaf) && len(filter(issuers, a.isCurrent)) == 0 {
		if first := issuers[0]; !slices.ContainsFunc(issuers, a.isRoot) {
			return nil, outdated(first, a.now)
		}
	}
	sent := []member{leaf}
	for _, m := range ordered[1:] {
		reached := slices.ContainsFunc(sent, func(other member) bool {
			linked, err := a.link(other, m)
			return err == nil && linked
		})
		if reached && a.isCurrent(m) {
			sent = append(sent, m)
		}
	}
	return sent, nil
}

// link reports whether one certificate has signed another. It returns a Problem if it has, but clients don't take it for an authority's.
func (a *arrangement) link(signed, signer member) (bool, error) {
	sameName := bytes.Equal(signed.RawIssuer, signer.RawSubject) || signed.Issuer.String() == signer.Subject.String()
	if !sameName || !a.hasSigned(signer.Certificate, signed.Certificate) {
		return false, nil
	}
	var lack string
	switch {
	case signer.Version == 3 && !signer.BasicConstraintsValid, signer.BasicConstraintsValid && !signer.IsCA:
		lack = "its basic constraints lack CA:TRUE"
	case signer.KeyUsage != 0 && signer.KeyUsage&x509.KeyUsageCertSign == 0:
		lack = "its key usage lacks keyCertSign"
	default:
		return true, nil
	}
	return false, problem("%s has signed %s, but is not a CA certificate: %s. Clients refuse it; have it issued again as that of a CA.",
		signer.title(), signed, lack)
}

// hasSigned reports whether a certificate is signed by the key of another one, as far as the arrangement asks.
func (a *arrangement) hasSigned(signer, signed *x509.Certificate) bool {
	if a.byName {
		return fitKeys(signer, signed)
	}
	return hasSigned(signer, signed)
}

func (a *arrangement) isRoot(m member) bool {
	return bytes.Equal(m.RawIssuer, m.RawSubject) && a.hasSigned(m.Certificate, m.Certificate)
}
