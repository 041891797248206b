package envport_test

import (
	"testing"

	"github.com/berth-dev/berth/internal/envport"
)

func TestParse(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		text string
		want int32
	}{
		"Lowest":       {text: "1", want: 1},
		"Usual":        {text: "3000", want: 3000},
		"Highest":      {text: "65535", want: 65535},
		"LeadingZero":  {text: "08080", want: 8080},
		"Zero":         {text: "0"},
		"TooHigh":      {text: "65536"},
		"FarTooHigh":   {text: "18446744073709551616"},
		"Negative":     {text: "-1"},
		"Sign":         {text: "+80"},
		"Empty":        {text: ""},
		"Word":         {text: "abc"},
		"Unit":         {text: "80/tcp"},
		"Address":      {text: ":80"},
		"BlankInFront": {text: " 80"},
		"LineBreak":    {text: "80\n"},
		"Hexadecimal":  {text: "0x50"},
		"Underscore":   {text: "8_080"},
		"Decimal":      {text: "80.0"},
		"Exponent":     {text: "8e3"},
		"OtherDigits":  {text: "８０"},
		"Expansion":    {text: "$(OTHER)"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, ok := envport.Parse(tc.text)
			if got != tc.want || ok != (tc.want != 0) {
				t.Errorf("Parse(%q) = %d, %t; want %d", tc.text, got, ok, tc.want)
			}
		})
	}
}
