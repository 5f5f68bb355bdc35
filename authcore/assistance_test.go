package authcore

import (
	"maps"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// requestFor is a request that may be sent.
func requestFor(id Identifier) Request {
	return Request{
		Surname: "Dupont", GivenName: "Jeanne", Email: "jeanne.dupont@ac-example.fr", Subject: "PASSCODE refusé",
		Description: "« Connexion refusée » depuis ce matin", Accounts: string(id),
	}
}

func TestRequestProblems(t *testing.T) {
	type problems = map[RequestField]RequestProblem
	for name, c := range map[string]struct {
		change func(*Request)
		want   problems
	}{
		"nothing is wrong":       {func(*Request) {}, problems{}},
		"no name":                {func(r *Request) { r.Surname, r.GivenName = "", " \u00a0\u202e\r\n" }, problems{RequestSurname: RequestMissing, RequestGivenName: RequestMissing}},
		"no subject and no text": {func(r *Request) { r.Subject, r.Description = "", "\t" }, problems{RequestSubject: RequestMissing, RequestDescription: RequestMissing}},
		"nowhere to answer":      {func(r *Request) { r.Email = "" }, problems{RequestEmail: RequestMissing, RequestPhone: RequestMissing}},
		"a telephone alone":      {func(r *Request) { r.Email, r.Phone = "", "02 40 00 00 00" }, problems{}},
		"no address":             {func(r *Request) { r.Email = "jeanne.dupont" }, problems{RequestEmail: RequestMalformed}},
		"200 letters":            {func(r *Request) { r.Function = strings.Repeat("é", 200) }, problems{}},
		"201 letters":            {func(r *Request) { r.Function = strings.Repeat("é", 201) }, problems{RequestFunction: RequestTooLong}},
		"128 KiB":                {func(r *Request) { r.Description = strings.Repeat("x", MaxDescription) }, problems{}},
		"a byte more":            {func(r *Request) { r.Description = strings.Repeat("x", MaxDescription+1) }, problems{RequestDescription: RequestTooLong}},
		"100 kB of emoji":        {func(r *Request) { r.Description = strings.Repeat("🔑", 25_000) }, problems{}},
		"no text":                {func(r *Request) { r.Hours = "\xff" }, problems{RequestHours: RequestNoText}},
		"marks, lines, markup": {func(r *Request) {
			r.Subject, r.Description = "a\r\nBcc: x@y", "<script>\u202e\u2066\x00</script>\r\n.\r\n"
		}, problems{}},
	} {
		t.Run(name, func(t *testing.T) {
			r := requestFor("jdupont")
			c.change(&r)
			if got := r.Problems(); !maps.Equal(got, c.want) {
				t.Errorf("%v, want %v", got, c.want)
			}
			if err := r.complete(); (err == nil) != (len(c.want) == 0) {
				t.Errorf("complete: %v", err)
			}
		})
	}
}

// Each field has its text, its own one.
func TestRequestFields(t *testing.T) {
	var r Request
	for _, f := range RequestFields() {
		*r.Text(f) = f.String()
	}
	for _, f := range RequestFields() {
		if got := *r.Text(f); got != f.String() {
			t.Errorf("%s holds %q", f, got)
		}
	}
}

func TestReplyAddress(t *testing.T) {
	for _, good := range []string{"a@b.fr", "jeanne.dupont@ac-example.fr", "o'brien+cle@ac.gouv.fr", "x_y-z@1.example"} {
		if !ReplyAddress(good) {
			t.Errorf("%q is none", good)
		}
	}
	for _, bad := range []string{
		"", "a", "@b.fr", "a@", "a@b", "a@b.", "a@.fr", ".a@b.fr", "a.@b.fr", "a..b@c.fr", "a@b..fr", "a b@c.fr", "a@b.fr ", " a@b.fr", "a@b@c.fr", "a@b.fr,c@d.fr", "a@b.fr;c@d.fr",
		"a@b.fr\r\nBcc: c@d.fr", "a@b.fr\n", "a@b.fr\x00", "\"a b\"@c.fr", "A <a@b.fr>", "a(b)@c.fr", "é@b.fr", "a@é.fr", "a%0aTo:@b .fr", "a\u2028@b.fr", "a@[127.0.0.1]", "a@b_c.fr",
		strings.Repeat("a", 65) + "@b.fr", "a@" + strings.Repeat("b.", 130) + "fr",
	} {
		if ReplyAddress(bad) {
			t.Errorf("%q is one", bad)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-z.@ \r\n<>,"]{0,20}`)).Draw(t, "text")
		if ReplyAddress(text) && (strings.ContainsAny(text, " \r\n\t<>,;:\"()[]\\") || strings.Count(text, "@") != 1 || strings.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf || r < ' ' })) {
			t.Fatalf("%q is one", text)
		}
	})
}

func TestTypedUAI(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "0441550W": "0441550W", "Collège Jules-Verne (0441550w), Nantes": "0441550W", "0441550X": "", "044 1550W": "", "x0441550W": "", "0441550W 0693045K": "0441550W",
	} {
		if got := typedUAI(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
