package ui

import "testing"

func TestTelephone(t *testing.T) {
	for number, want := range map[string]string{
		"02 40 00 00 00":         "tel:0240000000",
		"+33 2 40 00 00 00":      "tel:+33240000000",
		"":                       "",
		"poste interne":          "",
		"+":                      "",
		`1"><script>alert(2)`:    "tel:12",
		"javascript:alert(1)//0": "tel:10",
	} {
		if got := string(telephone(number)); got != want {
			t.Errorf("the address of %q is %q, not %q", number, got, want)
		}
	}
}

func TestContactIsKnownByAnyOfItsFields(t *testing.T) {
	if (Contact{}).Known() {
		t.Error("nothing is known of nobody")
	}
	for _, c := range []Contact{{Name: "x"}, {Phone: "x"}, {Email: "x"}, {Hours: "x"}, {URL: "x"}} {
		if !c.Known() {
			t.Errorf("%+v is not known", c)
		}
	}
}
