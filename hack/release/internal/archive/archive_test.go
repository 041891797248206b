package archive_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/berth-dev/berth/hack/release/internal/archive"
)

// written is what an archive says of a file.
type written struct {
	archive.File
	Modified time.Time
}

var files = []archive.File{{Name: "berthctl", Mode: 0o755, Content: []byte("program")}, {Name: "LICENSE", Mode: 0o644, Content: []byte("text")}}

func at(modified time.Time) []written {
	return []written{{files[0], modified}, {files[1], modified}}
}

func TestTarGzip(t *testing.T) {
	t.Parallel()
	modified := time.Unix(1_790_000_000, 0).UTC()
	var out, again bytes.Buffer
	for _, to := range []*bytes.Buffer{&out, &again} {
		if err := archive.TarGzip(to, modified, files...); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(out.Bytes(), again.Bytes()) {
		t.Error("the same files made two different archives")
	}
	plain, err := gzip.NewReader(&out)
	if err != nil {
		t.Fatal(err)
	}
	var got []written
	for r := tar.NewReader(plain); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		file := archive.File{Name: header.Name, Mode: header.FileInfo().Mode(), Content: content}
		got = append(got, written{file, header.ModTime.UTC()})
	}
	if diff := cmp.Diff(at(modified), got); diff != "" {
		t.Errorf("TarGzip (-want +got):\n%s", diff)
	}
}

func TestZip(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ modified, want time.Time }{
		"Now":       {modified: time.Unix(1_790_000_000, 0), want: time.Unix(1_790_000_000, 0).UTC()},
		"BeforeZip": {modified: time.Unix(0, 0), want: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			if err := archive.Zip(&out, tc.modified, files...); err != nil {
				t.Fatal(err)
			}
			r, err := zip.NewReader(bytes.NewReader(out.Bytes()), int64(out.Len()))
			if err != nil {
				t.Fatal(err)
			}
			var got []written
			for _, f := range r.File {
				file, err := f.Open()
				if err != nil {
					t.Fatal(err)
				}
				content, err := io.ReadAll(file)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, written{archive.File{Name: f.Name, Mode: f.Mode(), Content: content}, f.Modified.UTC()})
			}
			if diff := cmp.Diff(at(tc.want), got); diff != "" {
				t.Errorf("Zip (-want +got):\n%s", diff)
			}
		})
	}
}
