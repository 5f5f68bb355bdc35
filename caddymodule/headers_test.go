package caddymodule

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// everyManagedName is what PRODUCT promises to remove, written out again: a
// name lost from the code's own list must not be lost here.
var everyManagedName = strings.Fields(`
	Remote-User Remote-Name Remote-Email Remote-Groups
	X-Forwarded-User X-Forwarded-Email X-Forwarded-Groups X-Forwarded-Preferred-Username
	ct-remote-user ct-web-svr-id ctln ctfn cn ctemail ctdn ctgrps rne title grade discipline
	fonctm typensi employeeNumber datenaissance civilite codecivilite codaca FrEduFonctAdm FrEduRne
	FrEduRneResp FrEduResDel FrEduGestResp FrEduUrlRetour FrEduURLretour
	Sesame-Assertion Sesame-Reference Sesame-Anything X-Eleve-Id`)

// extraName is managed only because an application is configured to get it.
const extraName = "X-Eleve-Id"

// spellings returns name as some upstream would still take it for name.
func spellings(name string) []string {
	all := []string{name, strings.ToLower(name), strings.ToUpper(name), http.CanonicalHeaderKey(name), alternate(name)}
	for _, s := range []string{"_", ".", "~", "!"} {
		all = append(all, strings.ReplaceAll(name, "-", s), strings.ToUpper(strings.Replace(name, "-", s, 1)))
	}
	return all
}

// alternate writes rEmOtE-uSeR.
func alternate(name string) string {
	b := []byte(strings.ToUpper(name))
	for i := 0; i < len(b); i += 2 {
		b[i] |= 0x20 // leaves "-" as it is
	}
	return string(b)
}

func TestNameSetHas(t *testing.T) {
	names := newNameSet(extraName)
	for _, name := range everyManagedName {
		for _, s := range spellings(name) {
			if !names.has(s) {
				t.Errorf("%q, a spelling of %s, is not managed", s, name)
			}
		}
	}
	long := "Sesame-" + strings.Repeat("x", 4*maxName)
	if !names.has(long) {
		t.Error("a long name of a family is not managed")
	}
	for _, name := range []string{
		"", "-", "Accept", "Authorization", "Cookie", "Host", "User-Agent", "X-Forwarded-For", "X-Forwarded-Proto",
		"X-Forwarded-Host", "X-Remote-User", "Remote", "Sesame", "Cn-X", "Titles", "X-Eleve", "X-Eleve-Id2",
		"Range", "Ctype", strings.Repeat("x", 4*maxName),
	} {
		if names.has(name) {
			t.Errorf("%q is managed", name)
		}
	}
}

func TestScrub(t *testing.T) {
	tests := []struct {
		name     string
		in, want http.Header
	}{
		{"clean", http.Header{"Accept": {"*/*"}, "Cookie": {"a=1", "b=2"}}, http.Header{"Accept": {"*/*"}, "Cookie": {"a=1", "b=2"}}},
		{"raw keys", http.Header{"remote-user": {"x"}, "REMOTE_USER": {"x"}, "Remote.User": {"x"}, "X": {"y"}}, http.Header{"X": {"y"}}},
		{"two lines", http.Header{"Remote-User": {"x", "y"}}, http.Header{}},
		{"connection", http.Header{"Connection": {"close, Remote-User"}}, http.Header{"Connection": {"close"}}},
		{"connection, only ours", http.Header{"Connection": {"remote_user"}}, http.Header{}},
		{"connection, several lines", http.Header{"Connection": {"keep-alive", "REMOTE-USER,\tX-Own , ct-remote-user", "Upgrade"}},
			http.Header{"Connection": {"keep-alive", "X-Own", "Upgrade"}}},
		{"connection untouched", http.Header{"Connection": {"close,  ,X-Own"}}, http.Header{"Connection": {"close,  ,X-Own"}}},
		{"raw connection", http.Header{"connection": {"remote-user, x"}}, http.Header{"connection": {"x"}}},
		{"proxy-connection", http.Header{"Proxy-Connection": {"Remote-Groups, keep-alive"}}, http.Header{"Proxy-Connection": {"keep-alive"}}},
		{"trailer announced", http.Header{"Trailer": {"X-Sum"}, "trailer": {"Remote-User"}}, http.Header{}},
		{"cookies", http.Header{"Cookie": {"__Host-sesame=t", "a=1; sesame=t; b=2"}}, http.Header{"Cookie": {"a=1; b=2"}}},
		{"raw cookie", http.Header{"cookie": {"__Host-sesame=t"}}, http.Header{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/", nil)
			r.Header, r.Trailer = tt.in, http.Header{"Remote-User": nil, "X-Sum": {"1"}}
			newNameSet().scrub(r)
			if diff := cmp.Diff(tt.want, r.Header); diff != "" {
				t.Errorf("headers differ (-want +got):\n%s", diff)
			}
			if r.Trailer != nil {
				t.Errorf("trailers left: %v", r.Trailer)
			}
		})
	}
}

// What the caller holds must not change under it: Caddy's log shares the lines.
func TestScrubLeavesSharedLinesAlone(t *testing.T) {
	lines := []string{"close", "remote-user"}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header = http.Header{"Connection": lines}
	newNameSet().scrub(r)
	if diff := cmp.Diff([]string{"close", "remote-user"}, lines); diff != "" {
		t.Errorf("the client's own slice was written to:\n%s", diff)
	}
}

func browserRequest() *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header = http.Header{
		"Accept": {"text/html"}, "Accept-Encoding": {"gzip"}, "Accept-Language": {"fr"}, "Connection": {"keep-alive, Upgrade"},
		"Cookie": {"a=1; theme=dark"}, "User-Agent": {"Mozilla/5.0"}, "Sec-Fetch-Mode": {"navigate"}, "X-Forwarded-For": {"10.0.0.1"},
	}
	return r
}

func TestScrubOfACleanRequestAllocatesNothing(t *testing.T) {
	names, r := newNameSet(extraName), browserRequest()
	if n := testing.AllocsPerRun(100, func() { names.scrub(r) }); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func BenchmarkScrub(b *testing.B) {
	names, r := newNameSet(extraName), browserRequest()
	b.ReportAllocs()
	for b.Loop() {
		names.scrub(r)
	}
}

// FuzzScrub gives one header and one Connection and Cookie line to the scrubber
// and judges the result by a second, slower definition of the same rule.
func FuzzScrub(f *testing.F) {
	f.Add("Remote-User", "close, remote_user", "a=1; __Host-sesame=t")
	f.Add("FREDU.RNE", ",,Connection,\t Ct.Remote_User ,x", `$Version=1; "__host-SESAME" = "t"; $Path=/; b`)
	f.Add("X-Plain", "keep-alive", "a=sesame, sesame=t")
	f.Add("tItLe", "Sesame-x, sesame", "; ;=;sesame")
	f.Add("FrEduGest.Resp", "fredu_url_retour, codaca", "sesame-visit=x")
	f.Add("SESAME.ASSERTION", "close, sesame_assertion", "__Host-sesame-login=x")
	names := newNameSet(extraName)
	f.Fuzz(func(t *testing.T, key, connection, cookie string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header = http.Header{"Connection": {connection}, "Cookie": {cookie}}
		reserved := map[string]bool{"connection": true, "proxy-connection": true, "cookie": true, "trailer": true}
		if reserved[strings.ToLower(key)] {
			return
		}
		r.Header[key] = []string{"v"}
		names.scrub(r)
		if _, kept := r.Header[key]; kept == isManaged(key) {
			t.Errorf("header %q kept: %v", key, kept)
		}
		for _, line := range r.Header["Connection"] {
			for option := range strings.SplitSeq(line, ",") {
				if isManaged(strings.Trim(option, " \t\r\n")) {
					t.Errorf("Connection %q became %q", connection, line)
				}
			}
		}
		checkStripped(t, cookie, r.Header["Cookie"])
	})
}

// isManaged is a second, slower definition of a managed name. The tests judge by
// it and not by the code they test.
func isManaged(name string) bool {
	name = strings.Map(func(r rune) rune {
		if strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789", r) {
			return r
		}
		return '-'
	}, asciiLower(name))
	for _, m := range everyManagedName {
		if name == strings.ToLower(m) {
			return true
		}
	}
	for _, family := range []string{"sesame-", "remote-", "ct-", "fredu"} {
		if strings.HasPrefix(name, family) {
			return true
		}
	}
	return false
}

// asciiLower lowers A to Z and nothing else.
func asciiLower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c | 0x20
		}
	}
	return string(b)
}

// checkStripped asserts that net/http's own cookie parser finds none of ours in
// what is left, that stripping again changes nothing, and that it only removed.
func checkStripped(t *testing.T, before string, after []string) {
	t.Helper()
	for _, line := range after {
		r := http.Request{Header: http.Header{"Cookie": {line}}}
		for _, c := range r.Cookies() {
			for _, own := range ownCookies {
				if strings.EqualFold(c.Name, own) {
					t.Errorf("%q is left in %q, from %q", c.Name, line, before)
				}
			}
		}
		if again := stripCookies(line); again != line {
			t.Errorf("stripping %q again gave %q", line, again)
		}
		if len(line) > len(before) {
			t.Errorf("%q grew to %q", before, line)
		}
	}
}
