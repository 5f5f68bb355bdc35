package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/sesame-gateway/sesame/authcore/otp"
	"github.com/sesame-gateway/sesame/authcore/porttest"
)

// demo is "sesame demo" as a newcomer starts it.
type demo struct {
	port string
	keys map[string]demoKey
	last map[string]otp.Step
}

type demoKey struct {
	Holder string   `json:"holder"`
	Seed   []byte   `json:"seed"`
	Off    otp.Step `json:"off"`
}

func startDemo(t *testing.T) *demo {
	t.Helper()
	dir, address := t.TempDir(), porttest.Address(t, "127.0.0.1")
	cmd := exec.Command(binary, "sesame", "demo", "--dir", dir, "--listen", address)
	cmd.Env = append(os.Environ(), "HOME="+dir)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr lockedBuffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the demonstration ended with %v\n%s", err, stderr.String())
		}
	})
	lines := bufio.NewReader(stdout)
	var said strings.Builder
	for !strings.Contains(said.String(), "lbernard") {
		line, err := lines.ReadString('\n')
		said.WriteString(line)
		if err != nil {
			t.Fatalf("the demonstration said %q and then %v\n%s", said.String(), err, stderr.String())
		}
	}
	go io.Copy(io.Discard, lines)
	for _, want := range []string{"http://notes.localhost:" + portOf(address), "http://cles.localhost:" + portOf(address), "Ouvrez une application", "Open an application", "Choisissez un code PIN"} {
		if !contains(said.String(), want) {
			t.Errorf("the demonstration does not say %q:\n%s", want, said.String())
		}
	}
	return &demo{portOf(address), readDemoKeys(t, dir), map[string]otp.Step{}}
}

func readDemoKeys(t *testing.T, dir string) map[string]demoKey {
	t.Helper()
	file, err := os.ReadFile(filepath.Join(dir, "keys.json"))
	if err != nil {
		t.Fatal(err)
	}
	var list []demoKey
	if err := json.Unmarshal(file, &list); err != nil {
		t.Fatal(err)
	}
	keys := map[string]demoKey{}
	for _, k := range list {
		keys[k.Holder] = k
	}
	return keys
}

// next is the code that somebody's key shows now; then, for who has no minute to
// wait, the one after it.
func (d *demo) next(id string) string {
	k := d.keys[id]
	g := otp.Generator{Kind: otp.TOTP, Hash: otp.SHA1, Digits: 6, Period: time.Minute, Seed: k.Seed}
	d.last[id] = max(d.last[id]+1, g.StepAt(time.Now())+k.Off)
	return g.Code(d.last[id])
}

func (d *demo) url(host, path string) string { return "http://" + host + ".localhost:" + d.port + path }

// chrome starts Debian's chromium; the run fails without it.
func chrome(t *testing.T) context.Context {
	t.Helper()
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true), chromedp.Flag("accept-lang", "fr-FR,fr"),
		chromedp.Flag("disable-quic", true), chromedp.WindowSize(1280, 900))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), opts...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatalf("chromium does not start (on Debian: apt-get install chromium): %v", err)
	}
	return ctx
}

// steps runs actions, and shows the page where one fails.
func steps(t *testing.T, ctx context.Context, what string, actions ...action) {
	t.Helper()
	step, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := chromedp.Do(step, actions...); err != nil {
		at, _ := chromedp.Run(ctx, chromedp.Location())
		text, _ := chromedp.Run(ctx, chromedp.Text(css("body")))
		t.Fatalf("%s: %v\nat %s:\n%s", what, err, at, text)
	}
}

// css selects as a style sheet does.
type css = chromedp.CSS

type action = chromedp.Action[chromedp.Void]

func TestTheDemonstrationInABrowser(t *testing.T) {
	for _, c := range []struct {
		name    string
		scripts bool
	}{{"with JavaScript", true}, {"without JavaScript", false}} {
		t.Run(c.name, func(t *testing.T) {
			d := startDemo(t)
			ctx := chrome(t)
			if !c.scripts {
				off := emulation.SetScriptExecutionDisabledParams{Value: true}
				if _, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, off); err != nil {
					t.Fatal(err)
				}
			}
			playJourney(t, ctx, d, c.scripts)
		})
	}
}

// loaded waits until the page that an action leads to has loaded.
func loaded(a action) action {
	return func(ctx context.Context, tab *chromedp.Target) (chromedp.Void, error) {
		_, err := chromedp.WaitEvent(cdppage.LoadEventFired, func(cdppage.EventLoadEventFired) bool { return true }, a)(ctx, tab)
		return chromedp.Void{}, err
	}
}

// text reads the page without running any script of its own.
func text(t *testing.T, ctx context.Context) (title, body string) {
	t.Helper()
	steps(t, ctx, "waiting for the page", chromedp.WaitReady(css("body")))
	title, err := chromedp.Run(ctx, chromedp.Title())
	if err == nil {
		body, err = chromedp.Run(ctx, chromedp.Text(css("body")))
	}
	if err != nil {
		t.Fatalf("reading the page: %v", err)
	}
	return title, strings.Join(strings.Fields(strings.NewReplacer("\u00a0", " ", "\u202f", " ").Replace(body)), " ")
}

func expect(t *testing.T, ctx context.Context, want ...string) {
	t.Helper()
	title, body := text(t, ctx)
	for _, w := range want {
		if !contains(body, w) {
			t.Fatalf("the page %q does not say %q:\n%s", title, w, body)
		}
	}
}

func playJourney(t *testing.T, ctx context.Context, d *demo, scripts bool) {
	submit := loaded(chromedp.Submit(css("form[method=post]")))
	if scripts {
		submit = loaded(chromedp.Click(css("form[method=post] button[type=submit]")))
	}
	steps(t, ctx, "opening the application", chromedp.Navigate(d.url("notes", "/classe?devoir=12")), chromedp.WaitVisible(css("[name=passcode]")))
	expect(t, ctx, "Identifiant", "émonstration")

	steps(t, ctx, "typing identifier and code",
		chromedp.SendKeys(css("[name=identifier]"), "cnouvel"), chromedp.SendKeys(css("[name=passcode]"), d.next("cnouvel")),
		submit, chromedp.WaitVisible(css("[name=pin_again]")))
	expect(t, ctx, "code PIN")

	steps(t, ctx, "defining a weak PIN", chromedp.SendKeys(css("[name=pin]"), "1234"), chromedp.SendKeys(css("[name=pin_again]"), "1234"), submit,
		chromedp.WaitVisible(css("[aria-invalid=true]")))
	title, _ := text(t, ctx)
	if !contains(title, "Erreur") {
		t.Errorf("the title of a refusal is %q", title)
	}
	steps(t, ctx, "defining the PIN", chromedp.SendKeys(css("[name=pin]"), pin), chromedp.SendKeys(css("[name=pin_again]"), pin), submit,
		chromedp.WaitVisible(css("[name=passcode]")))
	expect(t, ctx, "PASSCODE")

	steps(t, ctx, "typing the PASSCODE", chromedp.SendKeys(css("[name=passcode]"), pin+d.next("cnouvel")), submit, chromedp.WaitVisible(css(".who")))
	expect(t, ctx, "Bonjour Camille Nouvel", "/classe?devoir=12", "cnouvel")

	steps(t, ctx, "opening the portal", chromedp.Navigate(d.url("portail", "/")), chromedp.WaitReady(css("main")))
	expect(t, ctx, "Carnet de notes", "Vie scolaire", "Camille Nouvel")
	_, body := text(t, ctx)
	if contains(body, "Base élèves") {
		t.Error("the portal shows what is not this person's")
	}

	steps(t, ctx, "a form in the application", chromedp.Navigate(d.url("absences", "/")), chromedp.WaitVisible(css(".who")),
		chromedp.Click(css("[name=a1]")), loaded(chromedp.Click(css("form button"))), chromedp.WaitVisible(css(".saved")))

	steps(t, ctx, "logging out", chromedp.Navigate(d.url("portail", "/.sesame/logout")), chromedp.WaitReady(css("form[method=post]")), submit, chromedp.WaitReady(css("main")))
	steps(t, ctx, "coming back", chromedp.Navigate(d.url("notes", "/")), chromedp.WaitVisible(css("[name=passcode]")))

	steps(t, ctx, "the PASSCODE alone", chromedp.SendKeys(css("[name=identifier]"), "jdupont"), chromedp.SendKeys(css("[name=passcode]"), "7294"+d.next("jdupont")),
		submit, chromedp.WaitVisible(css(".who")))
	expect(t, ctx, "Bonjour Jeanne Dupont")
	playRefusals(t, ctx, d, submit)
}

// playRefusals visits the others of the cast, each of whom meets another page.
func playRefusals(t *testing.T, ctx context.Context, d *demo, submit action) {
	login := func(who, passcode string) {
		t.Helper()
		steps(t, ctx, "logging out before "+who, chromedp.Navigate(d.url("portail", "/.sesame/logout")), chromedp.WaitReady(css("main")))
		if _, body := text(t, ctx); !contains(body, "Identifiant") {
			steps(t, ctx, "confirming", submit, chromedp.WaitReady(css("main")))
		}
		steps(t, ctx, who, chromedp.Navigate(d.url("portail", "/")), chromedp.WaitVisible(css("[name=passcode]")),
			chromedp.SendKeys(css("[name=identifier]"), who), chromedp.SendKeys(css("[name=passcode]"), passcode), submit, chromedp.WaitReady(css("main")))
	}
	login("lbernard", "9304"+d.next("lbernard"))
	expect(t, ctx, refusal, "Référence")
	login("smartin", "6150"+d.next("smartin"))
	expect(t, ctx, "affectation ou de délégation")
	login("nroux", "8417"+d.next("nroux"))
	expect(t, ctx, "chiffres")
	steps(t, ctx, "the next code", chromedp.SendKeys(css("[name=code]"), d.next("nroux")), submit, chromedp.WaitReady(css("main")))
	expect(t, ctx, "Carnet de notes")
}

// TestTheDemonstrationStaysOnLoopback: it shows its keys to whoever looks.
func TestTheDemonstrationStaysOnLoopback(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", "[::]:0", ":8080", "192.0.2.1:8080"} {
		out, err := exec.Command(binary, "sesame", "demo", "--listen", address).CombinedOutput()
		if err == nil || !contains(string(out), "loopback") {
			t.Errorf("--listen %s: %v\n%s", address, err, out)
		}
	}
}

// TestTheKeysOfTheDemonstration: the page shows what the keys show.
func TestTheKeysOfTheDemonstration(t *testing.T) {
	d := startDemo(t)
	b := newBrowser(t)
	p := b.open(d.url("cles", "/"))
	req, _ := http.NewRequest(http.MethodGet, d.url("cles", "/keys.json"), nil)
	answer := b.do(req)
	var shown []struct{ Identifier, Code string }
	if err := json.Unmarshal([]byte(answer.body), &shown); err != nil || len(shown) != len(d.keys) {
		t.Fatalf("%v: %s", err, answer.body)
	}
	for _, k := range shown {
		g := otp.Generator{Kind: otp.TOTP, Hash: otp.SHA1, Digits: 6, Period: time.Minute, Seed: d.keys[k.Identifier].Seed}
		now := g.StepAt(time.Now()) + d.keys[k.Identifier].Off
		if k.Code != g.Code(now) && k.Code != g.Code(now-1) {
			t.Errorf("%s: the page shows another code than the key", k.Identifier)
		}
		if !contains(p.text, k.Identifier) {
			t.Errorf("the page does not name %s", k.Identifier)
		}
	}
}
