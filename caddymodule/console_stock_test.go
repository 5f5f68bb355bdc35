package caddymodule

import (
	"encoding/csv"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/ui"
)

// No cell is calculated, whatever begins it, and each is read back as it was but
// for the apostrophe.
func TestStockCSV(t *testing.T) {
	l := stockList{Establishment: lycee, Keys: []stockKey{
		{Serial: "=1+1", Place: authcore.PlaceSafe, Holder: "@sum(a1)", Expires: adminStart, Expiring: true},
		{Serial: "-1", Place: authcore.PlaceLost, Holder: "+33"}, {Serial: "a;\"b\"\r\nc", Place: authcore.PlaceSent, Holder: "\t=1"},
	}}
	var b strings.Builder
	if err := l.writeCSV(&b); err != nil {
		t.Fatal(err)
	}
	r := csv.NewReader(strings.NewReader(b.String()))
	r.Comma = ';'
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var cells [][]string
	for _, row := range rows[1:] {
		cells = append(cells, []string{row[1], row[2], row[3], row[8], row[9]})
		for _, cell := range row {
			if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r") {
				t.Errorf("%q is calculated", cell)
			}
		}
	}
	want := [][]string{
		{"'=1+1", "safe", "'@sum(a1)", adminStart.Local().Format("2006-01-02"), "yes"}, {"'-1", "lost", "'+33", "", "no"}, {"a;\"b\"\nc", "sent", "'\t=1", "", "no"},
	}
	if diff := cmp.Diff(want, cells); diff != "" {
		t.Errorf("the cells (-want +got):\n%s", diff)
	}
}

// The stock in the console: what is expiring is said, and the file has the same keys.
func TestConsoleStock(t *testing.T) {
	s := consoleServer(t)
	s.stock("SAFE-1", lycee, true)
	s.stock("SENT-1", lycee, false)
	s.stock("OTHER-1", college, true)
	b := s.again("rlycee")
	page := b.open(s.at("portail", ui.PathConsoleStock))
	for _, want := range []string{"SAFE-1", "SENT-1", s.key("eve"), "Périmée avant la prochaine rentrée", ui.ActReceive.Path() + "?serial=SENT-1"} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Contains(page.body, "OTHER-1") || strings.Contains(page.body, s.key("marc")) {
		t.Error("another establishment's keys are shown")
	}
	file := b.open(s.at("portail", ui.PathConsoleStockCSV))
	if file.Header.Get("Content-Type") != "text/csv; charset=utf-8" || file.Header.Get("Content-Disposition") != `attachment; filename="stock-0441550W.csv"` ||
		file.Header.Get("X-Content-Type-Options") != "nosniff" || !strings.HasPrefix(file.body, "\ufeff") || !strings.Contains(file.body, "0441550W;SAFE-1;safe;") || strings.Contains(file.body, "OTHER-1") {
		t.Errorf("the file: %s %v\n%s", file.Status, file.Header, file.body)
	}
	if a := b.open(s.at("portail", ui.PathConsoleStock+"?establishment="+college)); a.StatusCode != http.StatusNotFound {
		t.Errorf("another's stock: %s", a.Status)
	}
	if a := s.again("audit").open(s.at("portail", ui.PathConsoleStock+"?establishment="+lycee)); a.StatusCode != http.StatusOK || strings.Contains(a.body, ui.ActReceive.Path()) {
		t.Errorf("the auditor: %s", a.Status)
	}
}

// Whatever is typed is stored and shown as it is, or refused with a sentence; nothing
// of it becomes markup, a header or a line of the log.
func TestConsoleTexts(t *testing.T) {
	s := consoleServer(t)
	b := s.again("rlycee")
	to := s.targets("eve")[ui.ActDelegate.Path()]
	page := s.at("portail", ui.ActDelegate.Path()+"?"+to.query.Encode())
	until := to.extra[3]
	for name, c := range map[string]struct {
		reason string
		status int
	}{
		"CRLF":     {"a\r\nSet-Cookie: x=1", http.StatusUnprocessableEntity},
		"NUL":      {"a\x00b", http.StatusUnprocessableEntity},
		"too long": {strings.Repeat("é", 101), http.StatusUnprocessableEntity},
		"100 kB":   {strings.Repeat("x", 100<<10), http.StatusRequestEntityTooLarge},
		"empty":    {"  ", http.StatusUnprocessableEntity},
		"HTML":     {`<script>alert(1)</script>"'&`, http.StatusOK},
		"RTL":      {"motif \u202egnp.exe", http.StatusOK},
		"emoji":    {"vacances 🏖️", http.StatusOK},
	} {
		a := b.submit(b.open(page), ui.FieldReason, c.reason, ui.FieldUntil, until)
		if a.StatusCode != c.status || a.Header.Get("Set-Cookie") != "" {
			t.Errorf("%s: %s", name, a.Status)
		}
		if strings.Contains(a.body, "<script>alert") {
			t.Errorf("%s became markup", name)
		}
		account, err := s.gate().Account(t.Context(), "eve")
		s.must(err)
		kept := len(account.Delegations) == 1 && account.Delegations[0].Reason == c.reason
		if kept != (c.status == http.StatusOK) {
			t.Errorf("%s: kept %v", name, account.Delegations)
		}
	}
	for _, q := range []string{"a\r\nb", "<b>x</b>", "\u202e", strings.Repeat("y", 8000), "%00", "🔑"} {
		a := b.do(b.request("GET", s.at("portail", ui.PathConsole+"?"+of(q).Encode()), "Accept", "text/html"))
		a2 := b.do(b.request("GET", s.at("portail", ui.PathConsole+"?q="+strings.ReplaceAll(of(q).Encode(), "id=", "")), "Accept", "text/html"))
		if a.StatusCode != http.StatusOK || a2.StatusCode != http.StatusOK || strings.Contains(a2.body, "<b>x") {
			t.Errorf("searching %.20q: %s, %s", q, a.Status, a2.Status)
		}
	}
}

// A referent finds people of their own establishments, and nobody else.
func TestConsoleSearch(t *testing.T) {
	s := consoleServer(t)
	for who, want := range map[string]bool{"rlycee": true, "oper": true, "audit": true, "rnord": false} {
		b := s.again(who)
		page := b.open(s.at("portail", ui.PathConsole+"?q=eve"))
		if got := strings.Contains(page.body, ui.PathConsolePerson+"?id=eve"); got != want {
			t.Errorf("%s finds her: %v", who, got)
		}
		person := b.open(s.at("portail", ui.PathConsolePerson+"?id=eve"))
		if acts := strings.Contains(person.body, ui.ActClearPIN.Path()); acts != (want && who != "audit") {
			t.Errorf("%s is offered acts: %v", who, acts)
		}
		if want && !strings.Contains(person.body, "code PIN défini") {
			t.Errorf("%s is not told where her key stands", who)
		}
	}
}
