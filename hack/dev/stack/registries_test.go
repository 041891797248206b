package stack

import "testing"

func TestRegistryMirrors(t *testing.T) {
	t.Parallel()
	const registry = "127.0.0.1:5000"
	cases := map[string]struct {
		amazon bool
		want   string
	}{
		"existing":      {},
		"control-plane": {want: registry + "=http://" + registry},
		"node": {
			amazon: true,
			want:   registry + "=http://10.200.0.1:5000," + ECRHost + "=http://10.200.0.1:30567," + UsersHost + "=http://10.200.0.1:30568",
		},
	}
	for mode, tc := range cases {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			s := &Stack{opts: Options{Amazon: tc.amazon, Existing: anExisting()}}
			s.Env.Mode, s.Env.Registry = mode, registry
			if got := s.internalRegistries(); got != registry {
				t.Errorf("internal registries %q, want %q", got, registry)
			}
			if got := s.registryMirrors(); got != tc.want {
				t.Errorf("mirrors %q, want %q", got, tc.want)
			}
		})
	}
}
