package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/berth-dev/berth/internal/apikey"
)

// TestPresentAccount says that -o json shows whose a key is by the account, if the key names one.
func TestPresentAccount(t *testing.T) {
	for name, tc := range map[string]struct {
		account apikey.Account
		want    string
	}{
		"Person": {account: apikey.Account{Issuer: "https://id.example.com", Subject: "1"}, want: `"account":{"issuer":"https://id.example.com","subject":"1"}`},
		"None":   {want: ""},
	} {
		encoded, err := json.Marshal(present(apikey.Key{Spec: apikey.Spec{Owner: "ann@example.com", Account: tc.account}}))
		if err != nil {
			t.Fatal(err)
		}
		if got := string(encoded); !strings.Contains(got, tc.want) || tc.want == "" && strings.Contains(got, "account") {
			t.Errorf("%s: got %s", name, got)
		}
	}
}
