package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/sesame-gateway/sesame/authcore/porttest"
)

// movedBinary is the server with a clock that tests can move, built once.
var movedBinary = sync.OnceValues(func() (string, error) {
	path := binary + "-moved"
	out, err := exec.Command("go", "build", "-tags", "movedclock", "-o", path, "../../xcaddy").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return path, nil
})

// post is a form as it was on the wire.
type post struct {
	address, contentType, cookie string
	body                         []byte
}

// posts are those that went by, in order.
type posts struct {
	mu  sync.Mutex
	all []post
}

func (p *posts) add(r *http.Request, body []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.Method == http.MethodPost {
		p.all = append(p.all, post{r.RequestURI, r.Header.Get("Content-Type"), r.Header.Get("Cookie"), body})
	}
}

// take empties the list and says how long it was.
func (p *posts) take() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.all)
	p.all = nil
	return n
}

// to are those to an address.
func (p *posts) to(prefix string) (found []post) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, one := range p.all {
		if strings.HasPrefix(one.address, prefix) {
			found = append(found, one)
		}
	}
	return found
}

// dossier is an old application with a long form, that keeps a cookie for its own
// path and answers a form with a page that links relatively.
func dossier(received *posts) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		received.add(r, body)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		http.SetCookie(w, &http.Cookie{Name: "JSESSIONID", Value: "12", Path: "/dossier"})
		if r.Method == http.MethodPost {
			fmt.Fprintf(w, `<!doctype html><title>ok</title><p id="saved">enregistré</p><a id="next" href="suite">suite</a>`)
			return
		}
		enctype := r.URL.Query().Get("enctype")
		fmt.Fprintf(w, `<!doctype html><title>dossier</title>
<form method="post" action="enregistrer?eleve=12&amp;q={b}|'c" enctype="%s">
<input type="hidden" name="jeton" value="abc+/=&amp;é">
<input name="nom"><textarea name="bilan"></textarea>
<select name="avis"><option>favorable</option><option value="r&amp;s">réservé</option></select>
<input type="checkbox" name="option" value="1" checked><input type="checkbox" name="option" value="2" checked>
<input type="file" name="piece"><button id="save">Enregistrer</button></form>`, enctype)
	})
}

// newMovedServer is a gate whose clock can be moved, before the dossier, and
// behind a proxy that notes what browsers send.
func newMovedServer(t *testing.T) (s *server, sent, received *posts, move func(time.Duration)) {
	t.Helper()
	received = &posts{}
	s, sent, move = newMovedServerBefore(t, dossier(received), "")
	return s, sent, received, move
}

// newMovedServerBefore is the same before another application, whose block in the
// configuration has more lines.
func newMovedServerBefore(t *testing.T, application http.Handler, more string) (s *server, sent *posts, move func(time.Duration)) {
	t.Helper()
	sent = &posts{}
	app := httptest.NewServer(application)
	t.Cleanup(app.Close)
	_, inner, _ := net.SplitHostPort(porttest.Address(t, "127.0.0.1"))
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		sent.add(r, body)
		req, _ := http.NewRequestWithContext(r.Context(), r.Method, "http://127.0.0.1:"+inner, bytes.NewReader(body))
		req.URL.Opaque, req.Host, req.Header = r.RequestURI, r.Host, r.Header
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer resp.Body.Close()
		for name, values := range resp.Header {
			w.Header()[name] = values
		}
		w.WriteHeader(resp.StatusCode)
		_, _ = io.Copy(w, resp.Body)
	}))
	t.Cleanup(front.Close)
	useMovedBinary(t)
	env, move := newClock(t)
	s = newServerWith(t, func(s *server) string {
		s.env = append(s.env, env)
		_, s.port, _ = net.SplitHostPort(front.Listener.Addr().String())
		text := strings.ReplaceAll(s.caddyfile(), s.app.Listener.Addr().String(), app.Listener.Addr().String())
		text = strings.Replace(text, "name   \"Carnet de notes\"", more+"name   \"Carnet de notes\"", 1)
		text = strings.ReplaceAll(text, "http_port "+s.port, "http_port "+inner)
		for _, site := range []string{s.portal(""), s.notes(""), s.autre("")} {
			text = strings.ReplaceAll(text, site+" {\n\tbind", strings.Replace(site, s.port, inner, 1)+" {\n\tbind")
		}
		return text
	})
	return s, sent, move
}

// TestALongForm is filled in, its session expires, it is sent, and after the login
// it comes to the application by one click: the same bytes, once.
func TestALongForm(t *testing.T) {
	s, sent, received, move := newMovedServer(t)
	s.person("jdupont", "--group", "enseignants")
	h := s.holder(t, "jdupont")
	h.firstLogin(h.open(s.portal("/")))
	ctx := chrome(t)
	at := func(ahead time.Duration) {
		move(ahead)
		h.last = max(h.last, s.keys["jdupont"].StepAt(timeNow().Add(ahead))-1)
	}
	click := func(selector string) action { return loaded(chromedp.Click(css(selector))) }
	login := func(then string) {
		t.Helper()
		steps(t, ctx, "logging in", chromedp.WaitVisible(css("[name=passcode]")), chromedp.SendKeys(css("[name=identifier]"), "jdupont"),
			chromedp.SendKeys(css("[name=passcode]"), pin+h.next()), click("form[method=post] button[type=submit]"), chromedp.WaitReady(css(then)))
	}
	piece := filepath.Join(s.dir, `relevé "1".pdf`)
	s.write(piece, "%PDF-1.7\x00\xff\r\n--boundary\r\n"+strings.Repeat("\x00\x01\x02é", 50_000))
	ahead := 2 * time.Minute
	at(ahead)
	for i, enctype := range []string{"application/x-www-form-urlencoded", "multipart/form-data"} {
		received.take()
		sent.take()
		page := s.notes("/dossier/formulaire?enctype=" + enctype)
		steps(t, ctx, "opening the form", chromedp.Navigate(page), chromedp.WaitReady(css("body")))
		if i == 0 {
			login("#save")
		}
		steps(t, ctx, "filling it in", chromedp.WaitVisible(css("#save")), chromedp.SendKeys(css("[name=nom]"), "Noël & fils \"12\" <b>"),
			chromedp.SendKeys(css("[name=bilan]"), strings.Repeat("Une année sérieuse ; l’élève progresse.\n", 20)))
		if i == 1 {
			steps(t, ctx, "choosing a file", upload("[name=piece]", piece))
		}
		ahead += 61 * time.Minute
		at(ahead)
		steps(t, ctx, "sending it, too late", click("#save"), chromedp.WaitVisible(css("[name=passcode]")))
		expect(t, ctx, "Votre formulaire est gardé", "Carnet de notes")
		first := sent.to("/dossier/enregistrer")
		if n := received.take(); len(first) != 1 || n != 0 {
			t.Fatalf("the browser has sent %d forms, the application got %d", len(first), n)
		}
		login("form[method=post]")
		expect(t, ctx, "Le formulaire que vous aviez envoyé a été gardé.", "« Carnet de notes »", "Envoyer de nouveau", "Ne pas l’envoyer")
		if received.take() != 0 {
			t.Fatal("it was sent without a click")
		}
		steps(t, ctx, "sending it again", click("form[method=post] button[type=submit]"), chromedp.WaitVisible(css("#saved")))
		got := received.to("/dossier/")
		if len(got) != 1 {
			t.Fatalf("the application got %d forms", len(got))
		}
		if got[0].address != first[0].address || got[0].contentType != first[0].contentType || !bytes.Equal(got[0].body, first[0].body) || len(got[0].body) < 500 {
			t.Errorf("the application got %s, %s, %d bytes; the browser had sent %s, %s, %d bytes",
				got[0].address, got[0].contentType, len(got[0].body), first[0].address, first[0].contentType, len(first[0].body))
		}
		if got[0].cookie != "JSESSIONID=12" {
			t.Errorf("the application's cookie for its path: %d bytes", len(got[0].cookie))
		}
		if next, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.getElementById("next").href`)); err != nil || next != s.notes("/dossier/suite") {
			t.Errorf("the links of its answer lead to %s, %v", next, err)
		}
	}

	// What is too large is told so, and the way back brings the form.
	large := filepath.Join(s.dir, "large")
	s.write(large, strings.Repeat("0123456789abcdef", 1<<20))
	received.take()
	steps(t, ctx, "opening the form", chromedp.Navigate(s.notes("/dossier/formulaire?enctype=multipart/form-data")), chromedp.WaitVisible(css("#save")),
		chromedp.SendKeys(css("[name=nom]"), "Zoé"), upload("[name=piece]", large))
	at(ahead + 61*time.Minute)
	steps(t, ctx, "sending 16 MiB, too late", click("#save"), chromedp.WaitReady(css("main")))
	expect(t, ctx, "Votre session est terminée", "Connectez-vous dans un nouvel onglet")
	if received.take() != 0 {
		t.Error("the application got it")
	}
}

// upload chooses a file.
func upload(selector, path string) action {
	return func(ctx context.Context, tab *chromedp.Target) (chromedp.Void, error) {
		return chromedp.SetUploadFiles(css(selector), []string{path})(ctx, tab)
	}
}
