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

// KeepChain returns what may be kept in memory of a chain's PEM text: the certificates, or what is wrong with them. A text with anything
// but certificates is wrong, so that no private key is kept with them. What it returned, it returns again.
func KeepChain(text []byte) []byte {
	if problem, ok := only(text, blockProblem); ok {
		return problem
	}
	chain, err := ParseChain(text)
	if err != nil {
		return keepProblem(err)
	}
	return chain.PEM()
}

// KeptChain reads what KeepChain returns. The error is a Problem.
func KeptChain(kept []byte) (Chain, error) {
	if err := keptProblem(kept, "There is no certificate."); err != nil {
		return nil, err
	}
	return ParseChain(kept)
}

// KeepKey returns what may be kept in memory of a private key's PEM text: its public half, which is the same for every form of the key,
// or what is wrong with it. What it returned, it returns again: that there is a public half says nothing of a private one to whoever
// can't be sure that the text had that.
func KeepKey(text []byte) []byte {
	for _, block := range []string{blockPublic, blockProblem} {
		if kept, ok := only(text, block); ok {
			return kept
		}
	}
	key, err := ParseKey(text)
	if err != nil {
		return keepProblem(err)
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return keepProblem(problem("The private key is of an unknown kind."))
	}
	return pem.EncodeToMemory(&pem.Block{Type: blockPublic, Bytes: der})
}

// KeptKey reads what KeepKey returns. The error is a Problem.
func KeptKey(kept []byte) (crypto.PublicKey, error) {
	if err := keptProblem(kept, "There is no private key."); err != nil {
		return nil, err
	}
	block, _ := pem.Decode(kept)
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, problem("The private key can't be read.")
	}
	return key, nil
}

// only returns the one block of a text, with nothing around it, if it has that block and nothing behind.
func only(text []byte, block string) ([]byte, bool) {
	b, rest := pem.Decode(text)
	if b == nil || b.Type != block || len(bytes.TrimSpace(rest)) > 0 {
		return nil, false
	}
	return pem.EncodeToMemory(&pem.Block{Type: block, Bytes: b.Bytes}), true
}

func keepProblem(err error) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: blockProblem, Bytes: []byte(err.Error())})
}

// keptProblem returns the Problem that was kept in place of something, which is the one given if nothing was kept.
func keptProblem(kept []byte, absent string) error {
	block, _ := pem.Decode(kept)
	switch {
	case block == nil:
		return problem("%s", absent)
	case block.Type == blockProblem:
		return Problem(block.Bytes)
	default:
		return nil
	}
}
