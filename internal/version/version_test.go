package version

import (
	"runtime"
	"testing"
)

func TestLine(t *testing.T) {
	platform := runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH
	cases := map[string]struct{ stamp, want string }{
		"Released": {stamp: "v1.2.3", want: "facade v1.2.3 " + platform},
		"Checkout": {want: "facade (devel) " + platform},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			defer func(before string) { stamp = before }(stamp)
			stamp = tc.stamp
			if got := Line("facade"); got != tc.want {
				t.Errorf("Line(facade) = %q, want %q", got, tc.want)
			}
		})
	}
}
