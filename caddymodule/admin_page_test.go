package caddymodule

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sesame-gateway/sesame/authcore"
)

// listPaths are the lists that come in pages, with how a name is found in one.
var listPaths = map[string]*regexp.Regexp{
	"/sesame/users":              regexp.MustCompile(`"id":"([^"]+)"`),
	"/sesame/keys":               regexp.MustCompile(`"serial":"([^"]+)"`),
	"/sesame/keys?state=active":  regexp.MustCompile(`"serial":"([^"]+)"`),
	"/sesame/sessions":           regexp.MustCompile(`"id":"([^"]+)"`),
	"/sesame/sessions?user=p001": regexp.MustCompile(`"id":"([^"]+)"`),
}

func names(form *regexp.Regexp, body string) (all []string) {
	for _, m := range form.FindAllStringSubmatch(body, -1) {
		all = append(all, m[1])
	}
	return all
}

// newCrowdedBench has five people who are logged in, and five keys in stock.
func newCrowdedBench(t *testing.T) *adminBench {
	t.Helper()
	b := newAdminBench(t)
	for i := range 5 {
		id, serial := fmt.Sprintf("p%03d", i), fmt.Sprintf("A-%d", i)
		b.person(authcore.Account{Identifier: authcore.Identifier(id)}, serial)
		b.firstLogin(id, serial, "7294")
		b.must(b.gate.ImportKey(t.Context(), castActor, authcore.NewKey{Serial: authcore.Serial(fmt.Sprintf("B-%d", i)), Generator: castKey(fmt.Sprint("B", i))}))
	}
	return b
}

// Who follows Link has the whole list, in pages of any size, with the filters of
// the first question.
func TestAdminPages(t *testing.T) {
	b := newCrowdedBench(t)
	for path, form := range listPaths {
		whole := b.ask(http.MethodGet, path, "")
		b.want(whole, http.StatusOK, nil)
		all := names(form, whole.body.String())
		if link := whole.header.Get("Link"); link != "" || len(all) == 0 {
			t.Errorf("%s: %d entries in one page, and more behind %q", path, len(all), link)
		}
		for size := 1; size <= len(all); size++ {
			next := path + map[bool]string{true: "&", false: "?"}[strings.Contains(path, "?")] + "limit=" + strconv.Itoa(size)
			var joined []string
			for next != "" {
				page := b.ask(http.MethodGet, next, "")
				b.want(page, http.StatusOK, nil)
				got := names(form, page.body.String())
				if len(got) == 0 || len(got) > size {
					t.Fatalf("%s: a page of %d entries", next, len(got))
				}
				joined, next = append(joined, got...), ""
				if link := page.header.Get("Link"); link != "" {
					next = regexp.MustCompile(`^<(.*)>; rel="next"$`).FindStringSubmatch(link)[1]
				}
			}
			if !slices.Equal(joined, all) {
				t.Errorf("%s in pages of %d: %q, want %q", path, size, joined, all)
			}
		}
	}
}

// A page goes on behind an entry that is no longer there, and no page is larger
// than the server's own bound.
func TestAdminPagesGoOn(t *testing.T) {
	b := newCrowdedBench(t)
	var users userList
	b.want(b.ask(http.MethodGet, "/sesame/users?after=p002x&limit=1", ""), http.StatusOK, &users)
	if len(users.Users) != 1 || users.Users[0].ID != "p003" {
		t.Errorf("behind p002x come %v", users.Users)
	}
	for range defaultPage {
		serial := string(authcore.NewReference())
		b.must(b.gate.ImportKey(t.Context(), castActor, authcore.NewKey{Serial: authcore.Serial(serial), Generator: castKey(serial)}))
	}
	var keys keyList
	a := b.ask(http.MethodGet, "/sesame/keys", "")
	b.want(a, http.StatusOK, &keys)
	if len(keys.Keys) != defaultPage || a.header.Get("Link") == "" {
		t.Errorf("a page of %d keys, and more behind %q", len(keys.Keys), a.header.Get("Link"))
	}
	var rest keyList
	b.want(b.ask(http.MethodGet, "/sesame/keys?after="+string(keys.Keys[defaultPage-1].Serial), ""), http.StatusOK, &rest)
	if len(rest.Keys) != 10 {
		t.Errorf("%d keys behind the first page, want 10", len(rest.Keys))
	}
}

func TestAdminPagesRefuse(t *testing.T) {
	b := newAdminBench(t)
	for query, says := range map[string]string{
		"/sesame/users?limit=0":         "1 to 10000",
		"/sesame/keys?limit=10001":      "1 to 10000",
		"/sesame/sessions?limit=ten":    "1 to 10000",
		"/sesame/users?after=1234567":   "identifier: ",
		"/sesame/keys?after=a%20b":      "serial number: ",
		"/sesame/sessions?after=FT1":    "the ID of a session",
		"/sesame/users?limit=1&limit=2": "given twice",
	} {
		if a := b.ask(http.MethodGet, query, ""); a.status != http.StatusBadRequest || !strings.Contains(a.error(), says) {
			t.Errorf("%s: %d %s, want …%s…", query, a.status, &a.body, says)
		}
	}
}

// Commands list everything, asking page after page, or as many as is asked for.
func TestCommandsFollowPages(t *testing.T) {
	b := newCrowdedBench(t)
	for range defaultPage {
		serial := string(authcore.NewReference())
		b.must(b.gate.ImportKey(t.Context(), castActor, authcore.NewKey{Serial: authcore.Serial(serial), Generator: castKey(serial)}))
	}
	address := b.listen()
	lines := func(args ...string) int {
		t.Helper()
		out, err := runCommand(nil, append(args, "--address", address)...)
		b.must(err)
		return strings.Count(out, "\n") - 1 // the header
	}
	for _, c := range []struct {
		args []string
		want int
	}{
		{[]string{"key", "list"}, defaultPage + 10},
		{[]string{"key", "list", "--limit", "1003"}, 1003},
		{[]string{"key", "list", "--limit", "3", "--state", "active"}, 3},
		{[]string{"key", "list", "--limit", "30000"}, defaultPage + 10},
		{[]string{"user", "list", "--limit", "2"}, 2},
		{[]string{"user", "list"}, 5},
		{[]string{"session", "list", "--limit", "4"}, 4},
		{[]string{"session", "list"}, 5},
	} {
		if n := lines(c.args...); n != c.want {
			t.Errorf("%q lists %d, want %d", c.args, n, c.want)
		}
	}
	out, err := runCommand(nil, "key", "list", "--json", "--address", address)
	b.must(err)
	if n := strings.Count(out, `"serial": `); n != defaultPage+10 || strings.Count(out, `"keys": `) != 1 {
		t.Errorf("%d keys in JSON in %d lists", n, strings.Count(out, `"keys": `))
	}
	if _, err := runCommand(nil, "key", "list", "--limit", "-1", "--address", address); err == nil {
		t.Error("a limit below 0 is taken")
	}
}
