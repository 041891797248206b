package addon

import (
	"os"
	"path/filepath"
	"testing"
)

func TestNewMailLogin(t *testing.T) {
	dir := t.TempDir()
	// Whatever an earlier start left, and whoever could read that.
	if err := os.WriteFile(filepath.Join(dir, mailPasswordFile), []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{"old": true}
	for range 2 {
		login, err := newMailLogin(dir)
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(login.PasswordFile)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("mode %o, want 600", info.Mode().Perm())
		}
		password, err := os.ReadFile(login.PasswordFile)
		if err != nil {
			t.Fatal(err)
		}
		if len(password) < 20 || seen[string(password)] || seen[login.User] {
			t.Errorf("user %q with a password of %d bytes: not new, or easily found", login.User, len(password))
		}
		seen[string(password)], seen[login.User] = true, true
	}
}
