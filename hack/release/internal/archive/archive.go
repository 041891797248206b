// Package archive writes archives whose bytes follow from what they hold alone: no owner, one time, and the order that the caller gives.
package archive

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"io"
	"io/fs"
	"time"
)

// File is one file of an archive.
type File struct {
	// Name is its path in the archive, with slashes.
	Name string
	// Mode are its permissions, such as 0o755.
	Mode fs.FileMode
	// Content is what it holds.
	Content []byte
}

// Tar writes files, modified at a time, as a tar archive.
func Tar(to io.Writer, modified time.Time, files ...File) error {
	w := tar.NewWriter(to)
	for _, f := range files {
		header := &tar.Header{Typeflag: tar.TypeReg, Name: f.Name, Mode: int64(f.Mode), Size: int64(len(f.Content)), ModTime: modified}
		if err := w.WriteHeader(header); err != nil {
			return err
		}
		if _, err := w.Write(f.Content); err != nil {
			return err
		}
	}
	return w.Close()
}

// TarGzip writes files as Tar does, compressed.
func TarGzip(to io.Writer, modified time.Time, files ...File) error {
	w, err := gzip.NewWriterLevel(to, gzip.BestCompression)
	if err != nil {
		return err
	}
	if err := Tar(w, modified, files...); err != nil {
		return err
	}
	return w.Close()
}

// firstZip is the first time that zip knows.
var firstZip = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// Zip writes files, modified at a time, or at the first time that zip knows if that is later, as a zip archive.
func Zip(to io.Writer, modified time.Time, files ...File) error {
	if modified.Before(firstZip) {
		modified = firstZip
	}
	w := zip.NewWriter(to)
	for _, f := range files {
		header := &zip.FileHeader{Name: f.Name, Method: zip.Deflate, Modified: modified.UTC()}
		header.SetMode(f.Mode)
		file, err := w.CreateHeader(header)
		if err != nil {
			return err
		}
		if _, err := file.Write(f.Content); err != nil {
			return err
		}
	}
	return w.Close()
}
