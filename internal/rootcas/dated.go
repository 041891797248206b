package rootcas

import (
	"runtime/debug"
	"time"

	"golang.org/x/mod/module"
)

// roots is the module that has the list of authorities.
const roots = "golang.org/x/crypto/x509roots/fallback"

// Dated returns when the list of authorities was made that this program has, as the version of its module says. The zero time means that the program does
// not know.
func Dated() time.Time {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return time.Time{}
	}
	return dated(info)
}

func dated(info *debug.BuildInfo) time.Time {
	for _, dependency := range info.Deps {
		if dependency.Path != roots {
			continue
		}
		if dependency.Replace != nil {
			dependency = dependency.Replace
		}
		if at, err := module.PseudoVersionTime(dependency.Version); err == nil {
			return at
		}
	}
	return time.Time{}
}
