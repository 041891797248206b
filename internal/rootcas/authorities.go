// Package rootcas has a command trust the certificate authorities that browsers trust, where the system knows none: an image of Berth
// holds one program and no file beside it. What TLS verifies by is so pinned in go.sum, is listed in the image's SBOM, and is the same in
// every image, however that was made.
//
// A system's own bundle, such as a file that a Pod mounts and SSL_CERT_FILE names, comes first: then that one alone counts. Commands
// import this package for its effect.
package rootcas

import (
	_ "golang.org/x/crypto/x509roots/fallback" // It hands its bundle to crypto/x509.
)
