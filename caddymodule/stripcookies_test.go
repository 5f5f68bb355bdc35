package caddymodule

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestStripCookies(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"nothing of ours", "a=1; b=2", "a=1; b=2"},
		{"odd spacing is kept", "a=1;b=2 ;  c=3;;d", "a=1;b=2 ;  c=3;;d"},
		{"ours is a value", "a=sesame; b=__Host-sesame", "a=sesame; b=__Host-sesame"},
		{"ours is part of a name", "xsesame=1; sesamex=2; __Host-sesame-x=3", "xsesame=1; sesamex=2; __Host-sesame-x=3"},
		{"in the middle, twice", "a=1; __Host-sesame=tok; b=2; __Host-sesame=dup", "a=1; b=2"},
		{"first", "__Host-sesame=tok; a=1; b=2", "a=1; b=2"},
		{"last", "a=1; __Host-sesame=tok", "a=1"},
		{"alone", "__Host-sesame=tok", ""},
		{"every one of ours", "__Host-sesame=1; __Host-sesame-login=2; __Host-sesame-visit=3; sesame=4; sesame-login=5; sesame-visit=6; z=7", "z=7"},
		{"another case", "a=1; __host-SESAME=tok; SeSaMe=tok", "a=1"},
		{"spaces around", "a=1;  \t __Host-sesame \t =  tok ; b=2", "a=1; b=2"},
		{"no space", "a=1;__Host-sesame=tok;b=2", "a=1;b=2"},
		{"quoted name", `a=1; "__Host-sesame"=tok; b=2`, "a=1; b=2"},
		{"quoted value", `a=1; __Host-sesame="tok"; b=2`, "a=1; b=2"},
		{"no value", "a=1; __Host-sesame; sesame=; b=2", "a=1; b=2"},
		{"value holds equals signs", "__Host-sesame=a=b=c; b=2", "b=2"},
		{"RFC 2965 version", `$Version=1; __Host-sesame=tok; b=2`, `$Version=1; b=2`},
		{"RFC 2965 attributes of ours", `$Version="1"; __Host-sesame="tok"; $Path="/"; $Domain="x"; b=2; $Path="/b"`, `$Version="1"; b=2; $Path="/b"`},
		{"RFC 2965 comma", "a=1, __Host-sesame=tok; b=2", "a=1; b=2"},
		{"RFC 2965 version and comma", `$Version="1", __Host-sesame=tok`, `$Version="1`},
		{"behind a space", "a=1 __Host-sesame=tok; b=2", "a=1; b=2"},
		{"inside another's quotes", `a="x; __Host-sesame=tok"; b=2`, `a="x; b=2`},
		{"a word in another's value", `a="pain au sesame"; b=2`, `a="pain au sesame"; b=2`},
		{"bytes above ASCII", "a=é; __Host-sesame=tok; b=\xff", "a=é; b=\xff"},
		{"empty", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := stripCookies(tt.in); got != tt.want {
				t.Errorf("stripCookies(%q)\n got %q\nwant %q", tt.in, got, tt.want)
			}
		})
	}
}

// Whatever stands around them, foreign cookies come out as they went in, in
// order, and ours do not come out.
func TestStripCookiesKeepsOthers(t *testing.T) {
	foreign := rapid.StringMatching(`[ac-z][a-z0-9_]{0,5}=[A-Za-z0-9_.%/+"=]{0,8}`)
	rapid.Check(t, func(t *rapid.T) {
		var all, want []string
		for range rapid.IntRange(0, 6).Draw(t, "pairs") {
			if rapid.Bool().Draw(t, "own") {
				name := rapid.SampledFrom(ownCookies).Draw(t, "name")
				all = append(all, rapid.SampledFrom([]string{name, strings.ToUpper(name)}).Draw(t, "case")+"=tok")
				continue
			}
			pair := foreign.Draw(t, "pair")
			all, want = append(all, pair), append(want, pair)
		}
		got := stripCookies(strings.Join(all, "; "))
		if got != strings.Join(want, "; ") {
			t.Fatalf("stripCookies(%q) = %q", all, got)
		}
	})
}
