package ui_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/ui"
	"github.com/sesame-gateway/sesame/ui/internal/states"
)

// What people see of the browsers that they use.
func TestDevices(t *testing.T) {
	r := renderer(t)
	for agent, want := range map[string][2]string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0":                                                          {"Firefox sur Windows", "Firefox on Windows"},
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36":                           {"Chrome sur Windows", "Chrome on Windows"},
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36 Edg/138.0.0.0":             {"Edge sur Windows", "Edge on Windows"},
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/137.0.0.0 Safari/537.36 OPR/121.0.0.0":             {"Opera sur Windows", "Opera on Windows"},
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15":                     {"Safari sur macOS", "Safari on macOS"},
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1":   {"Safari sur iPhone", "Safari on iPhone"},
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) FxiOS/140.0 Mobile/15E148 Safari/605.1.15": {"Firefox sur iPhone", "Firefox on iPhone"},
		"Mozilla/5.0 (iPad; CPU OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/138.0.7204.33 Mobile/15E148 Safari/604.1":     {"Chrome sur iPad", "Chrome on iPad"},
		"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36":       {"Samsung Internet sur Android", "Samsung Internet on Android"},
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/138.0.0.0 Safari/537.36":                             {"Chrome sur Linux", "Chrome on Linux"},
		"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36":                            {"Chrome sur ChromeOS", "Chrome on ChromeOS"},
		"Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko":                                                                     {"Internet Explorer sur Windows", "Internet Explorer on Windows"},
		"Mozilla/5.0 (X11; Linux x86_64)": {"Linux", "Linux"},
		"curl/8.14.1":                     {"Navigateur inconnu", "Unknown browser"},
		"":                                {"Navigateur inconnu", "Unknown browser"},
		"<script>alert(1)</script>":       {"Navigateur inconnu", "Unknown browser"},
	} {
		for _, l := range ui.Langs() {
			page := render(t, r, states.State{Frame: states.SignedIn()}.In(l), ui.Account{Sessions: []ui.OpenSession{{Current: true, Since: time.Unix(0, 0), Agent: agent}}})
			if !strings.Contains(page, "<h3>"+want[l]+" <span") {
				t.Errorf("%s is not called %q in %s", agent, want[l], l)
			}
		}
	}
}

// Each button that ends a session says which one.
func TestButtonsOfSessionsDiffer(t *testing.T) {
	everyPage(t, func(t *testing.T, s states.State, _ ui.Lang, page string) {
		seen := map[string]bool{}
		for _, b := range all(parse(t, page), "button") {
			if s.Page != nil && seen[words(b)] && strings.HasPrefix(s.Name, "account") {
				t.Errorf("two buttons are called %q", words(b))
			}
			seen[words(b)] = true
		}
	})
}
