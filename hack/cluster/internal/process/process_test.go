package process

import (
	"os"
	"os/exec"
	"testing"
)

func TestIdentity(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	id, err := Of(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if !id.Alive() {
		t.Errorf("%+v: not alive, want alive", id)
	}
	later := id
	later.Start++
	if later.Alive() {
		t.Errorf("%+v: alive, want that another process with the same id is not taken for it", later)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	if id.Alive() {
		t.Errorf("%+v: alive after its end", id)
	}
}

func TestNamespace(t *testing.T) {
	got, err := Namespace()
	if err != nil {
		t.Fatal(err)
	}
	link, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		t.Fatal(err)
	}
	if want := "pid:[" + got + "]"; link != want {
		t.Errorf("Namespace() = %q, so %q; want %q", got, want, link)
	}
}
