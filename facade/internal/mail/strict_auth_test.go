package mail

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/md5"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
)

// authenticate answers AUTH, and reports whether the connection goes on.
func (d *talk) authenticate(line string) bool {
	fields := strings.Fields(line)
	offered := strings.Fields(strings.ReplaceAll(strings.Join(d.dialogue.auth, " "), "AUTH=", "AUTH "))
	if len(fields) < 2 || len(fields) > 3 || !slices.Contains(offered, fields[1]) || d.message.user != "" {
		d.violated("%q, where %q is offered", fields[:2], d.dialogue.auth)
		return true
	}
	d.server.mu.Lock()
	d.server.logins = append(d.server.logins, fields[1])
	d.server.mu.Unlock()
	works, goesOn := d.check(fields[1], fields[2:])
	switch {
	case !goesOn:
		return false
	case works && slices.Contains(d.dialogue.accepts, fields[1]):
		d.message.user = "ann"
		d.say("235 2.7.0 Welcome")
		return true
	}
	if !d.dialogue.silently {
		reply := d.dialogue.authReply
		if reply == "" {
			reply = "535 5.7.8 Authentication failed"
		}
		d.say(reply)
	}
	return !d.dialogue.closes && !d.dialogue.silently
}

// check reports whether what a mechanism proves is right, and whether the connection goes on.
func (d *talk) check(mechanism string, initial []string) (works, goesOn bool) {
	switch mechanism {
	case "PLAIN":
		given := d.first(initial)
		return given == "\x00ann\x00"+password, true
	case "LOGIN":
		user := d.ask("Username:")
		return d.ask("Password:") == password && user == "ann", true
	case "CRAM-MD5":
		const challenge = "<1.2@mail.example.com>"
		digest := hmac.New(md5.New, []byte(password))
		digest.Write([]byte(challenge))
		return d.ask(challenge) == fmt.Sprintf("ann %x", digest.Sum(nil)), true
	case "SCRAM-SHA-256":
		return d.scram()
	default:
		return false, true
	}
}

// first is the initial response, which has to be there for PLAIN: who sends none is asked for it.
func (d *talk) first(initial []string) string {
	if len(initial) == 0 {
		return d.ask("")
	}
	decoded, err := base64.StdEncoding.DecodeString(initial[0])
	if err != nil {
		d.violated("an initial response that isn't base64")
	}
	return string(decoded)
}

// ask sends a challenge and returns the response.
func (d *talk) ask(challenge string) string {
	d.say("334 " + base64.StdEncoding.EncodeToString([]byte(challenge)))
	line, ok := d.line()
	if !ok {
		return ""
	}
	response, err := base64.StdEncoding.DecodeString(line)
	if err != nil {
		if line != "*" {
			d.violated("a response that isn't base64")
		}
		return "*"
	}
	return string(response)
}

// scram is the server's side of RFC 7677.
func (d *talk) scram() (works, goesOn bool) {
	first, found := strings.CutPrefix(d.ask(""), "n,,")
	if !found {
		return false, true
	}
	_, nonce, _ := strings.Cut(first, ",r=")
	nonce += "server"
	salt := []byte("salt")
	iterations := cmp.Or(d.dialogue.iterations, 4096)
	challenge := fmt.Sprintf("r=%s,s=%s,i=%d", nonce, base64.StdEncoding.EncodeToString(salt), iterations)
	final := d.ask(challenge)
	if final == "*" {
		return false, true
	}
	proofless, proof, _ := strings.Cut(final, ",p=")
	salted, err := pbkdf2.Key(sha256.New, password, salt, iterations, sha256.Size)
	if err != nil {
		return false, true
	}
	sign := func(key []byte, text string) []byte {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(text))
		return mac.Sum(nil)
	}
	message := first + "," + challenge + "," + proofless
	clientKey := sign(salted, "Client Key")
	stored := sha256.Sum256(clientKey)
	signature := sign(stored[:], message)
	want := make([]byte, len(clientKey))
	for i := range want {
		want[i] = clientKey[i] ^ signature[i]
	}
	given, err := base64.StdEncoding.DecodeString(proof)
	if err != nil || !bytes.Equal(given, want) || !slices.Contains(d.dialogue.accepts, "SCRAM-SHA-256") {
		return false, true
	}
	return d.ask("v="+base64.StdEncoding.EncodeToString(sign(sign(salted, "Server Key"), message))) == "", true
}
