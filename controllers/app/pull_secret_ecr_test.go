package app

import (
	"testing"
)

func TestPrincipal(t *testing.T) {
	t.Parallel()
	for caller, want := range map[string]string{
		"":                                     "the platform's account",
		"arn:aws:iam::111122223333:user/berth": "the account 111122223333 (arn:aws:iam::111122223333:user/berth)",
		"arn:aws-cn:sts::111122223333:assumed-role/berth/botocore:1:2": "the role berth of the account 111122223333",
	} {
		if got := principal(caller); got != want {
			t.Errorf("principal(%q) = %q, want %q", caller, got, want)
		}
	}
}
