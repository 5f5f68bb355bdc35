package caddymodule

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode"
)

// TestLogLines: whatever is typed, asked for or said of oneself, each line of the log
// is one JSON object, and nothing in it moves a terminal's cursor or begins a line
// (CVE-2026-42507).
func TestLogLines(t *testing.T) {
	s := startGate(t, "", "")
	s.loggedIn("edupont")
	odd := []string{"a\nb", "a\r\nb", "\x1b[2J", "\u009b2J", "a\u2028b", "a\u2029b", "\u202e", `","level":"x","a":"`, "\x00", "\x7f", "\xff\xfe", strings.Repeat("a", 8<<10)}
	for _, text := range odd {
		b, a := s.fresh()
		req := b.post(a, "identifier", text, "passcode", text, "target", text)
		header := strings.Map(func(r rune) rune { // what net/http lets a client say
			if r < ' ' || r == 0x7f {
				return -1
			}
			return r
		}, text)
		req.Header.Set("User-Agent", header)
		b.once(req)
		for _, path := range []string{"/" + url.PathEscape(text), "/?x=" + url.QueryEscape(text), "/.sesame/nothing/" + url.PathEscape(text)} {
			req := b.page(s.at("notes", path))
			req.Header.Set("User-Agent", header)
			req.Header.Set("Referer", header)
			req.Header.Set("Cookie", "sesame="+strings.ReplaceAll(header, `"`, ""))
			b.once(req)
		}
		// As the agent of somebody who is really slowed down, and written down.
		b, a = s.fresh()
		req = b.post(a, "identifier", "edupont", "passcode", testPIN+"000000")
		req.Header.Set("User-Agent", header)
		b.once(req)
	}
	lines := bufio.NewScanner(strings.NewReader(s.log()))
	lines.Buffer(nil, 1<<20)
	count, ours, longest := 0, 0, 0
	for lines.Scan() {
		count++
		var entry map[string]any
		if err := json.Unmarshal(lines.Bytes(), &entry); err != nil {
			t.Errorf("a line is no JSON: %v: %q", err, lines.Text())
		}
		if entry["level"] == "x" {
			t.Errorf("a client wrote a field: %q", lines.Text())
		}
		logger, _ := entry["logger"].(string)
		if !strings.HasPrefix(logger, "sesame") {
			continue // Caddy's own, which has what was asked for
		}
		ours, longest = ours+1, max(longest, len(lines.Bytes()))
		for _, r := range lines.Text() {
			if unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Cf) {
				t.Errorf("a line holds %U: %q", r, lines.Text())
			}
		}
	}
	t.Logf("%d lines, %d of ours, the longest of %d bytes", count, ours, longest)
	if err := lines.Err(); err != nil || ours < 2*len(odd) || longest > 2048 {
		t.Errorf("%d lines of ours, the longest of %d bytes, %v", ours, longest, err)
	}
}

// TestVisitsLeaveNothing: ten thousand visits of nobody, to every kind of page, write
// nothing; and what they are called makes no more metrics.
func TestVisitsLeaveNothing(t *testing.T) {
	s := startGate(t, "", "")
	s.teacher("edupont")
	b := newBrowser(t)
	b.client.Jar = nil // a new visitor each time
	visit := func(i int) {
		paths := []string{s.at("portail", "/"), s.at("portail", "/.sesame/login?target="), s.at("notes", "/"), s.at("notes", "/public/"), s.at("portail", "/.sesame/assistance?x="), s.at("notes", "/.sesame/ticket?ticket="), s.at("autre", "/.sesame/session?"), s.at("portail", "/.sesame/nothing/")}
		req := b.request(http.MethodGet, paths[i%len(paths)]+fmt.Sprint(i), "Accept", "text/html", "User-Agent", fmt.Sprint("visitor ", i), "Cookie", fmt.Sprintf("sesame=%043d", i))
		if a := b.once(req); a.StatusCode >= 500 {
			t.Fatalf("%s: %s", req.URL, a.Status)
		}
	}
	for i := range 16 {
		visit(i)
	}
	before, series := s.dump(), len(gathered(t))
	for i := range 10_000 {
		visit(i)
	}
	if s.dump() != before {
		t.Error("something was written")
	}
	if got := len(gathered(t)); got != series {
		t.Errorf("there were %d metrics, and are %d", series, got)
	}
	sessions, err := s.gate().Sessions(t.Context(), "", "", 10)
	if err != nil || len(sessions) != 0 {
		t.Errorf("%d sessions, %v", len(sessions), err)
	}
}
