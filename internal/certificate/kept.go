package certificate

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
)

// Blocks that only what is kept has.
const (
	// blockPublic is no block that another program writes, so that a public key is not taken for what was kept of a private one.
	blockPublic = "PUBLIC HALF"
	// blockProblem holds a Problem in place of what can't be read.
	blockProblem = "PROBLEM"
)

// Keep returns what may be kept in memory of a PEM text: its certificates and the public half of its private key, which is the same for every
// form of the key, or what is wrong with it; nothing of an empty text. What it returned, it returns again: that there is a public half says
// nothing of a private one to whoever can't be sure that the text had that.
func Keep(text []byte) []byte {
	if len(bytes.TrimSpace(text)) == 0 {
		return nil
	}
	if len(text) <= 2*maxText {
		if p, err := Kept(text); bytes.Equal(keep(p, err), text) {
			return text
		}
	}
	return keep(Parse(text))
}

func keep(p Parts, err error) []byte {
	if err != nil {
		return pem.EncodeToMemory(&pem.Block{Type: blockProblem, Bytes: []byte(err.Error())})
	}
	kept := p.Certificates.PEM()
	if p.Public != nil {
		kept = append(kept, KeepKey(p.Public)...)
	}
	return kept
}

// KeepKey returns what Keep does of a text with a private key alone, by its public half.
func KeepKey(public crypto.PublicKey) []byte {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return keep(Parts{}, problem("The private key is of an unknown kind."))
	}
	return pem.EncodeToMemory(&pem.Block{Type: blockPublic, Bytes: der})
}

// Kept reads what Keep returns. The error is a Problem.
func Kept(kept []byte) (Parts, error) {
	var p Parts
	for block, rest := pem.Decode(kept); block != nil; block, rest = pem.Decode(rest) {
		var err error
		switch block.Type {
		case blockProblem:
			return Parts{}, Problem(block.Bytes)
		case blockPublic:
			p.Public, err = x509.ParsePKIXPublicKey(block.Bytes)
		default:
			var c *x509.Certificate
			c, err = x509.ParseCertificate(block.Bytes)
			p.Certificates = append(p.Certificates, c)
		}
		if err != nil {
			return Parts{}, problem("What was kept of it can't be read.")
		}
	}
	return p, nil
}
