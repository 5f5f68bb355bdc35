package caddymodule

import (
	"encoding/base64"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/unicode/norm"

	"github.com/sesame-gateway/sesame/authcore"
)

func TestCharsets(t *testing.T) {
	decomposed := norm.NFD.String("Éloïse")
	for _, tt := range []struct{ charset, in, want string }{
		{"utf-8", "Ève Œ €", "Ève Œ €"},
		{"latin1", "Ève Müller-Ñuñez", "\xc8ve M\xfcller-\xd1u\xf1ez"},
		{"latin1", decomposed, "\xc9lo\xefse"},
		{"ascii", "Éloïse Œuvrard-L’Hôte", "Eloise OEuvrard-L'Hote"},
		{"ascii", decomposed, "Eloise"},
		{"ascii", "Straße, Łódź, Ærø, Đặng, İstanbul ıslık, Þór", "Strasse, Lodz, AEro, Dang, Istanbul islik, Thor"},
		{"ascii", "a\u00a0b «c» – d", `a b "c" - d`},
		{"base64", "Ève", "w4h2ZQ=="},
		{"base64", "Eve", "RXZl"},
		{"rfc8187", "Ève, 3e B", "UTF-8''%C3%88ve%2C%203e%20B"},
		{"rfc8187", "€ rates", "UTF-8''%E2%82%AC%20rates"}, // RFC 8187, section 3.2.3, with its hex in upper case
	} {
		if got, err := charsets[tt.charset](tt.in); err != nil || got != tt.want {
			t.Errorf("%s of %q: %q, %v; want %q", tt.charset, tt.in, got, err, tt.want)
		}
	}
	for _, tt := range []struct {
		charset, in string
		want        error
	}{
		{"latin1", "Lœtitia", errNotLatin1}, {"latin1", "Łukasz", errNotLatin1}, {"latin1", "10 €", errNotLatin1}, {"latin1", "😀", errNotLatin1},
		{"ascii", "Ελένη", errNotFolded}, {"ascii", "Ирина", errNotFolded}, {"ascii", "李", errNotFolded}, {"ascii", "😀", errNotFolded},
	} {
		if got, err := charsets[tt.charset](tt.in); !errors.Is(err, tt.want) || got != "" {
			t.Errorf("%s of %q: %q, %v", tt.charset, tt.in, got, err)
		}
	}
}

// Whatever is known of somebody, a charset gives back what can be read again, or
// refuses; and nothing that would end a line.
func FuzzCharsets(f *testing.F) {
	for _, s := range []string{"Ève", "Œ", "a,b", "%41''", "\u0301", "é\u0301", "\u2028", "=?utf-8?q?x?=", "😀"} {
		f.Add(s)
	}
	read := map[string]func(string) (string, error){
		"utf-8":  func(s string) (string, error) { return s, nil },
		"latin1": func(s string) (string, error) { return charmap.ISO8859_1.NewDecoder().String(s) },
		"base64": func(s string) (string, error) { b, err := base64.StdEncoding.DecodeString(s); return string(b), err },
		"rfc8187": func(s string) (string, error) {
			_, p, err := mime.ParseMediaType("a/b; x*=" + s)
			return p["x"], err
		},
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !plain(s) || s == "" {
			return
		}
		for name, encode := range charsets {
			got, err := encode(s)
			if err != nil {
				continue
			}
			if strings.ContainsFunc(got, func(r rune) bool { return r < ' ' || r == 0x7f }) {
				t.Errorf("%s of %q is %q", name, s, got)
			}
			if name == "ascii" {
				if !isASCII(got) || isASCII(s) && got != s {
					t.Errorf("ascii of %q is %q", s, got)
				}
				continue
			}
			back, err := read[name](got)
			if name == "latin1" {
				s = norm.NFC.String(s)
			}
			if err != nil || back != s {
				t.Errorf("%s of %q is %q, which reads as %q, %v", name, s, got, back, err)
			}
		}
	})
}

// A charset touches what people wrote and no code, and refuses the same as ever.
func TestHeaderPlanCharset(t *testing.T) {
	for charset, want := range map[string]string{"utf-8": "Ève", "latin1": "\xc8ve", "ascii": "Eve", "base64": "w4h2ZQ==", "rfc8187": "UTF-8''%C3%88ve"} {
		p, err := (&Application{Headers: presetClearTrust, Charset: charset}).headerPlan()
		if err != nil {
			t.Fatal(err)
		}
		a, h := headOf(t), make(http.Header)
		size, err := p.of(visitor{&a, "https://p/", "otp"}).set(h, caddy.NewReplacer())
		if err != nil || size != wireSize(t, h) {
			t.Fatalf("%s: %d bytes, %v", charset, size, err)
		}
		got := []string{h.Get("Ctfn"), h.Get("Ct-Remote-User"), h.Get("Rne"), h.Get("FrEduRneResp"), h.Get("FrEduUrlRetour"), h.Get("Ctemail")}
		if diff := cmp.Diff([]string{want, "edupont", "0441550W", "X", "https://p/", "eve@ac-exemple.fr"}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", charset, diff)
		}
		for _, bad := range []string{"x\r\ny", "x\ny", "x\x00y", "x\u0085y"} {
			a.GivenName = bad
			if _, err := p.of(visitor{Account: &a}).set(make(http.Header), caddy.NewReplacer()); !errors.Is(err, errNotPlain) {
				t.Errorf("%s of %q: %v", charset, bad, err)
			}
		}
		a.GivenName, a.Email = "Eve", "ève@exemple.fr"
		if _, err := p.of(visitor{Account: &a}).set(h, caddy.NewReplacer()); err != nil || h.Get("Ctemail") == "ève@exemple.fr" && charset != "utf-8" {
			t.Errorf("%s of an address that is not ASCII: %q, %v", charset, h.Get("Ctemail"), err)
		}
	}
}

// What is too long for servers is refused, and not cut by one of them.
func TestHeaderPlanTooMuch(t *testing.T) {
	a := eve
	for range 90 {
		a.Groups = append(a.Groups, strings.Repeat("x", 180))
	}
	h := make(http.Header)
	if size, err := newHeaderPlan(presetRemoteUser, nil).of(visitor{Account: &a}).set(h, caddy.NewReplacer()); !errors.Is(err, errTooMuch) || len(h) > 0 || size <= maxIdentity {
		t.Errorf("%d bytes: %v, %v", size, err, h)
	}
}

func TestFirsts(t *testing.T) {
	var f firsts
	if !f.first("a") || f.first("a") || !f.first("b") || f.first("b") {
		t.Error("the first time is told wrongly")
	}
	for i := range 3 * maxFirsts {
		f.first(authcore.Identifier(fmt.Sprint(i)))
		if len(f.seen) > maxFirsts {
			t.Fatalf("%d are remembered", len(f.seen))
		}
	}
}
