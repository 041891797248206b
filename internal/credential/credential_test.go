package credential

import "testing"

func TestTrimLineBreak(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ text, want string }{
		"Nothing":       {text: "", want: ""},
		"None":          {text: "s3cret", want: "s3cret"},
		"LF":            {text: "s3cret\n", want: "s3cret"},
		"CRLF":          {text: "s3cret\r\n", want: "s3cret"},
		"OneOfTwo":      {text: "s3cret\n\n", want: "s3cret\n"},
		"OneOfTwoCRLF":  {text: "s3cret\r\n\r\n", want: "s3cret\r\n"},
		"CR":            {text: "s3cret\r", want: "s3cret\r"},
		"First":         {text: "\ns3cret", want: "\ns3cret"},
		"Inner":         {text: "{\n}", want: "{\n}"},
		"Space":         {text: " s3cret \n", want: " s3cret "},
		"OnlyLineBreak": {text: "\r\n", want: ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := TrimLineBreak(tc.text); got != tc.want {
				t.Errorf("TrimLineBreak(%q): got %q, want %q", tc.text, got, tc.want)
			}
		})
	}
}
