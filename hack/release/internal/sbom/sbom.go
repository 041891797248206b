// Package sbom lists what a Go program is made of, as an SPDX document: the modules that the linker noted in the program itself, Go's standard
// library and the program. The same program and description make the same bytes.
package sbom

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx"
	"github.com/spdx/tools-golang/spdx/v2/common"
)

// MediaType is that of the documents.
const MediaType = "application/spdx+json"

// unknown is how SPDX says that nothing is claimed.
const unknown = "NOASSERTION"

// Description is what a program does not know of itself.
type Description struct {
	// Name is what the document is called, such as operator_v1.2.3_linux_amd64.
	Name string
	// Version is that of the release.
	Version string
	// License is that of the program's own source, such as Apache-2.0.
	License string
	// Source is the URL of the repository.
	Source string
	// Created is when the document says that it was made.
	Created time.Time
}

// Of returns the document of a program, in JSON.
func Of(program string, d Description) ([]byte, error) {
	content, err := os.ReadFile(program) //nolint:gosec // The caller's choice.
	if err != nil {
		return nil, err
	}
	info, err := buildinfo.Read(bytes.NewReader(content))
	if err != nil {
		return nil, fmt.Errorf("read what %s is made of: %w", program, err)
	}
	sum := sha256.Sum256(content)
	digest := hex.EncodeToString(sum[:])
	packages := []*spdx.Package{main(info, digest, d), standardLibrary(info.GoVersion)}
	for _, module := range info.Deps {
		p, err := dependency(module)
		if err != nil {
			return nil, err
		}
		packages = append(packages, p)
	}
	document := &spdx.Document{
		SPDXVersion:    spdx.Version,
		DataLicense:    spdx.DataLicense,
		SPDXIdentifier: "DOCUMENT",
		DocumentName:   d.Name,
		// It has to be unlike that of any other document, and is no address: the program's digest does it.
		DocumentNamespace: d.Source + "/spdx/" + d.Name + "-" + digest,
		CreationInfo: &spdx.CreationInfo{
			Creators: []common.Creator{{CreatorType: "Tool", Creator: "berth-release-" + d.Version}},
			Created:  d.Created.UTC().Format(time.RFC3339),
		},
		Packages:      packages,
		Relationships: relate(packages),
	}
	var out bytes.Buffer
	err = json.Write(document, &out, json.Indent("  "))
	return out.Bytes(), err
}

// main is the program itself.
func main(info *debug.BuildInfo, digest string, d Description) *spdx.Package {
	p := newPackage(info.Path, d.Version)
	p.PackageDownloadLocation = "git+" + d.Source + "@" + d.Version
	p.PackageLicenseConcluded, p.PackageLicenseDeclared = d.License, d.License
	p.PackageChecksums = []common.Checksum{{Algorithm: common.SHA256, Value: digest}}
	p.PrimaryPackagePurpose = "APPLICATION"
	p.PackageExternalReferences = locate(info.Main.Path, d.Version, "#"+strings.TrimPrefix(info.Path, info.Main.Path+"/"))
	return p
}

// standardLibrary is listed because it has vulnerabilities like any other module; scanners know it by this name.
func standardLibrary(version string) *spdx.Package {
	version, _, _ = strings.Cut(strings.TrimPrefix(version, "go"), " ") // Experiments follow.
	p := newPackage("stdlib", version)
	p.PackageLicenseDeclared = "BSD-3-Clause"
	p.PackageExternalReferences = locate("stdlib", version, "")
	return p
}

// dependency is a module, or the one that replaces it.
func dependency(m *debug.Module) (*spdx.Package, error) {
	if m.Replace != nil {
		m = m.Replace
	}
	p := newPackage(m.Path, m.Version)
	p.PackageExternalReferences = locate(m.Path, m.Version, "")
	// go.sum's checksum is the SHA-256 of a list of the module's files, which is what other tools give here as well.
	sum, ok := strings.CutPrefix(m.Sum, "h1:")
	if !ok {
		return nil, fmt.Errorf("module %s has the checksum %q, which doesn't begin with h1", m.Path, m.Sum)
	}
	digest, err := base64.StdEncoding.DecodeString(sum)
	if err != nil {
		return nil, fmt.Errorf("checksum of module %s: %w", m.Path, err)
	}
	p.PackageChecksums = []common.Checksum{{Algorithm: common.SHA256, Value: hex.EncodeToString(digest)}}
	return p, nil
}

func newPackage(name, version string) *spdx.Package {
	return &spdx.Package{
		PackageName:             name,
		PackageVersion:          version,
		PackageDownloadLocation: unknown,
		PackageLicenseConcluded: unknown,
		PackageLicenseDeclared:  unknown,
		PackageCopyrightText:    unknown,
		PrimaryPackagePurpose:   "LIBRARY",
	}
}

// locate says where a module is from, by a package URL, in which a plus sign, as in +incompatible, would be a space.
func locate(path, version, subpath string) []*spdx.PackageExternalReference {
	purl := "pkg:golang/" + path + "@" + strings.ReplaceAll(version, "+", "%2B") + subpath
	return []*spdx.PackageExternalReference{{Category: common.CategoryPackageManager, RefType: common.TypePackageManagerPURL, Locator: purl}}
}

// relate numbers the packages, and says that the document is about the first of them, which depends on the others.
func relate(packages []*spdx.Package) []*spdx.Relationship {
	relationships := make([]*spdx.Relationship, len(packages))
	for i, p := range packages {
		p.PackageSPDXIdentifier = common.ElementID(fmt.Sprintf("Package-%d", i))
		relationships[i] = &spdx.Relationship{
			RefA:         common.MakeDocElementID("", "Package-0"),
			RefB:         common.MakeDocElementID("", string(p.PackageSPDXIdentifier)),
			Relationship: common.TypeRelationshipDependsOn,
		}
	}
	relationships[0].RefA, relationships[0].Relationship = common.MakeDocElementID("", "DOCUMENT"), common.TypeRelationshipDescribe
	return relationships
}
