package caddymodule

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzParseForm: a form that is read is one that a browser could have sent: written
// anew and read again it is the same.
func FuzzParseForm(f *testing.F) {
	for _, seed := range []string{"", "identifier=edupont&passcode=7294+123456&csrf=x", "a=1&a=2", "a%5B%5D=1", "a=%zz", "a;b", "=", "&&", "a=b=c", "%00=%ff", "pin=%EF%BC%91"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		read, ok := parseForm(body)
		if !ok {
			return
		}
		values := make(url.Values)
		for name, value := range read {
			values.Set(name, value)
		}
		again, ok := parseForm(values.Encode())
		if diff := cmp.Diff(read, again); !ok || diff != "" {
			t.Errorf("%q is read again as another form (-first +again):\n%s", body, diff)
		}
	})
}

// FuzzReadCookie: what is read of a cookie stands behind its name, in one pair of one
// line, and holds nothing that ends a pair.
func FuzzReadCookie(f *testing.F) {
	for _, seed := range []string{"sesame=x", "a=1; sesame=x; sesame=y", ` sesame="x"`, "sesame", "sesame=", "Sesame=x", "sesame =x", "$Version=1; sesame=x", "a=sesame=x", ";;;sesame=x;"} {
		f.Add(seed, "b=2")
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		value := readCookie([]string{first, second}, "sesame")
		if value == "" {
			return
		}
		if strings.Contains(value, ";") || !strings.Contains(first+"\n"+second, "sesame="+value) && !strings.Contains(first+"\n"+second, `sesame="`) {
			t.Errorf("%q and %q hold the cookie %q", first, second, value)
		}
	})
}
