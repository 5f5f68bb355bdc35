package ui_test

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sesame-gateway/sesame/ui"
	"github.com/sesame-gateway/sesame/ui/internal/states"
)

var update = flag.Bool("update", false, "rewrite the golden pages in testdata/golden")

// shared is made once: parsing the templates takes longer than showing a page.
var shared = sync.OnceValues(ui.New)

func renderer(t testing.TB) *ui.Renderer {
	t.Helper()
	r, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func render(t testing.TB, r *ui.Renderer, f ui.Frame, p ui.Page) string {
	t.Helper()
	var html bytes.Buffer
	if err := r.Render(&html, f, p); err != nil {
		t.Fatalf("%T: %v", p, err)
	}
	return html.String()
}

// everyPage calls check with every state in every language.
func everyPage(t *testing.T, check func(t *testing.T, s states.State, l ui.Lang, html string)) {
	t.Helper()
	r := renderer(t)
	for _, s := range states.All() {
		for _, l := range ui.Langs() {
			t.Run(s.Name+"/"+l.String(), func(t *testing.T) {
				check(t, s, l, render(t, r, s.In(l), s.Page))
			})
		}
	}
}

// digest stands for the digest in the name of a static file: a new style sheet
// does not change what the pages say.
var digest = regexp.MustCompile(`(sesame|passkey)\.[0-9a-f]{12}\.(css|js|svg)`)

func TestGoldenPages(t *testing.T) {
	expected := make(map[string]bool)
	everyPage(t, func(t *testing.T, s states.State, l ui.Lang, html string) {
		path := filepath.Join("testdata", "golden", s.Name+"."+l.String()+".html")
		expected[path] = true
		got := digest.ReplaceAllString(html, "$1.DIGEST.$2")
		if *update {
			writeGolden(t, path, got)
			return
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatalf("%v (go test ./ui -run TestGoldenPages -update writes it)", err)
		}
		if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
			t.Errorf("the page is not the golden one (-want +got):\n%s", diff)
		}
	})
	files, err := filepath.Glob(filepath.Join("testdata", "golden", "*"))
	if err != nil || len(files) != len(expected) {
		t.Errorf("testdata/golden holds %d files for %d pages (%v): remove those of no page", len(files), len(expected), err)
	}
}

func writeGolden(t *testing.T, path, html string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(html), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Whatever a template can show, some state or sheet shows: what the states are put
// through, the browser and its checker included, leaves no part of a page out. A new
// page, a new part of one or a new kind of problem makes this fail until it has a
// state.
func TestTheStatesShowAllThatThereIs(t *testing.T) {
	shown := make(map[string]bool)
	r, branches, err := ui.NewMarked(func(branch string) { shown[branch] = true })
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range states.All() {
		render(t, r, s.In(ui.French), s.Page)
	}
	for _, s := range states.Sheets() {
		renderSheet(t, r, s.In(ui.French))
	}
	if len(branches) < 100 {
		t.Errorf("the templates have only %d branches", len(branches))
	}
	for branch := range branches {
		if !shown[branch] {
			t.Errorf("no state shows %s", branch)
		}
	}
	for _, k := range ui.Kinds() {
		if !slices.ContainsFunc(states.All(), func(s states.State) bool { p, ok := s.Page.(ui.Problem); return ok && p.Kind == k }) {
			t.Errorf("no state shows the problem %v", k)
		}
	}
}

func TestRenderRefusesWhatIsNoPage(t *testing.T) {
	r := renderer(t)
	for name, c := range map[string]struct {
		frame ui.Frame
		page  ui.Page
	}{
		"no page":              {page: nil},
		"no kind of problem":   {page: ui.Problem{}},
		"unknown kind":         {page: ui.Problem{Kind: 200}},
		"unknown notice":       {page: ui.Login{Notice: 200}},
		"unknown language":     {frame: ui.Frame{Lang: 7}, page: ui.Logout{}},
		"kind just too large":  {page: ui.Problem{Kind: ui.ProblemConsole + 1}},
		"kept, nowhere to go":  {page: ui.Kept{}},
		"kept, a script":       {page: ui.Kept{Action: "javascript:alert(1)"}},
		"kept, no scheme":      {page: ui.Kept{Action: "//evil.example/"}},
		"kept, a space":        {page: ui.Kept{Action: "https://a.example/ b"}},
		"kept, a line break":   {page: ui.Kept{Action: "https://a.example/\nb"}},
		"notice just too much": {page: ui.Login{Notice: ui.NoticeActivationWrong + 1}},
	} {
		t.Run(name, func(t *testing.T) {
			var html bytes.Buffer
			if err := r.Render(&html, c.frame, c.page); err == nil {
				t.Error("no error")
			}
			if html.Len() > 0 {
				t.Errorf("%d bytes were written all the same", html.Len())
			}
			if title, err := r.Title(c.frame.Lang, c.page); err == nil {
				t.Errorf("the title is %q instead of an error", title)
			}
			if heading, text, err := r.NoticeText(c.frame.Lang, c.page); err == nil {
				t.Errorf("the notice is %q, %q instead of an error", heading, text)
			}
		})
	}
}

// full is a disk that is.
type fullDisk struct{ err error }

func (d fullDisk) Write([]byte) (int, error) { return 0, d.err }

func TestRenderReportsAFailedWrite(t *testing.T) {
	broken := errors.New("connection reset")
	if err := renderer(t).Render(fullDisk{broken}, ui.Frame{}, ui.Logout{}); !errors.Is(err, broken) {
		t.Errorf("Render returned %v, not the writer's error", err)
	}
}

func TestRendererMayBeShared(t *testing.T) {
	r := renderer(t)
	want := render(t, r, states.Plain, ui.Login{})
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			var html bytes.Buffer
			if err := r.Render(&html, states.Plain, ui.Login{}); err != nil || html.String() != want {
				t.Errorf("another page than when alone (%v)", err)
			}
		})
	}
	group.Wait()
}

// A notice may be put on any page that has one, even where no journey leads.
func TestEveryNoticeOnEveryPage(t *testing.T) {
	r := renderer(t)
	for _, n := range ui.Notices() {
		pages := []ui.Page{ui.NewPIN{Min: 4, Max: 8, Notice: n}}
		if n < ui.NoticePINMissing {
			pages = append(pages, ui.Login{Notice: n}, ui.Synchronise{Notice: n}, ui.NextCode{Notice: n}, ui.Portal{Notice: n}, ui.Assistance{Notice: n}, ui.Passkeys{Notice: n}, ui.PasskeyAdd{Notice: n}, ui.PasskeyRename{Notice: n}, ui.PasskeyRemove{Notice: n})
		}
		for _, p := range pages {
			for _, l := range ui.Langs() {
				heading, text, err := r.NoticeText(l, p)
				if err != nil || heading == "" || text == "" {
					t.Errorf("%T, %v, %v: notice %q, %q, %v", p, n, l, heading, text, err)
				}
				if html := render(t, r, ui.Frame{Lang: l}, p); strings.Contains(html+heading+text, "{") {
					t.Errorf("%T, %v, %v: a placeholder is left in the page", p, n, l)
				}
			}
		}
	}
}

// The refusal of a login says the same whatever was wrong: it has no room for
// anything else.
func TestTheRefusalIsTheOneText(t *testing.T) {
	heading, text, err := renderer(t).NoticeText(ui.French, ui.Login{Notice: ui.NoticeRefused})
	if err != nil {
		t.Fatal(err)
	}
	const want = "Identifiant ou PASSCODE incorrect. Attendez que le code affiché sur votre clé change avant de réessayer."
	if got := heading + ". " + text; got != want {
		t.Errorf("the refusal is\n%q, not\n%q", got, want)
	}
}

func TestNamesOfTheEnumerations(t *testing.T) {
	seen := map[string]bool{ui.NoticeNone.String(): true, ui.Notice(200).String(): true, ui.Kind(0).String(): true}
	if !seen["none"] || !seen["invalid"] {
		t.Errorf("the names of no notice and of an unknown one are %v", seen)
	}
	for _, n := range ui.Notices() {
		if n.String() == "" || seen[n.String()] {
			t.Errorf("notice %d has the name %q, which is empty or another's", n, n)
		}
		seen[n.String()] = true
	}
	for _, k := range ui.Kinds() {
		if k.String() == "" || seen[k.String()] {
			t.Errorf("problem %d has the name %q, which is empty or another's", k, k)
		}
		seen[k.String()] = true
	}
}
