package caddymodule

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"html"
	"image"
	"image/png"
	"mime/multipart"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/ui"
)

var textArea = regexp.MustCompile(`(?s)<textarea [^>]*name="([^"]*)"[^>]*>\n(.*?)</textarea>`)
var shownField = regexp.MustCompile(`<input class="input" id="[^"]*" name="([^"]*)" type="[^"]*" value="([^"]*)"`)

// fields are what the form of the assistance on a page would send.
func (a answer) fields() url.Values {
	values := make(url.Values)
	for _, found := range [][][]string{hiddenField.FindAllStringSubmatch(a.body, -1), shownField.FindAllStringSubmatch(a.body, -1), textArea.FindAllStringSubmatch(a.body, -1)} {
		for _, m := range found {
			values.Set(m[1], html.UnescapeString(m[2]))
		}
	}
	return values
}

// asks sends the form on a page, with more fields, or other ones, and files.
func (b *browser) asks(a answer, more url.Values, files ...[]byte) *http.Request {
	b.t.Helper()
	values := a.fields()
	for name, v := range more {
		values[name] = v
	}
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for name, list := range values {
		for _, v := range list {
			if err := w.WriteField(name, v); err != nil {
				b.t.Fatal(err)
			}
		}
	}
	for i, file := range files {
		part, err := w.CreateFormFile(ui.FieldScreenshot, fmt.Sprintf("../../écran\"%d.php.png", i))
		if err != nil {
			b.t.Fatal(err)
		}
		_, _ = part.Write(file)
	}
	if err := w.Close(); err != nil {
		b.t.Fatal(err)
	}
	to, err := a.url().Parse(ui.PathAssistance)
	if err != nil {
		b.t.Fatal(err)
	}
	req := b.page(to.String())
	req.Method = http.MethodPost
	b.body(req, body.String())
	req.Header.Set("Content-Type", w.FormDataContentType())
	req.Header.Set("Origin", to.Scheme+"://"+to.Host)
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	return req
}

// matter is what has to be typed.
func matter() url.Values {
	return url.Values{
		ui.FieldSurname: {"Dupont"}, ui.FieldGivenName: {"Ève"}, ui.FieldPhone: {"02 40 00 00 00"},
		ui.FieldSubject: {"PASSCODE refusé"}, ui.FieldDescription: {"« Identifiant ou PASSCODE incorrect »\r\ndepuis ce matin"},
	}
}

// with is those values with others in their place.
func with(values url.Values, pairs ...string) url.Values {
	for i := 0; i < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	return values
}

func screenshotFile(t testing.TB, w, h int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewRGBA(image.Rect(0, 0, w, h))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// pictureBomb is a PNG that says that it has 30,000 by 30,000 points.
func pictureBomb() []byte {
	header := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32([]byte("IHDR"), 30_000), 30_000)
	header = append(header, 8, 6, 0, 0, 0)
	file := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0d"), header...)
	return binary.BigEndian.AppendUint32(file, crc32.ChecksumIEEE(header))
}

var sentReference = regexp.MustCompile(`reference-code">([0-9A-Z]{4}-[0-9A-Z]{4})<`)

// arrived wants the page that says that a request is kept, and returns that request.
func (s *testServer) arrived(a answer) authcore.Request {
	s.t.Helper()
	m := sentReference.FindStringSubmatch(a.body)
	if a.StatusCode != http.StatusOK || m == nil || !strings.Contains(a.body, "Votre demande est enregistrée") {
		s.t.Fatalf("%s at %s:\n%s", a.Status, a.url(), a.body)
	}
	r, err := s.gate().Request(s.t.Context(), authcore.Reference(m[1]))
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// TestAssistance: from a refused login to a request, with what the refusal's page
// knew, without being logged in; and again as somebody who is.
func TestAssistance(t *testing.T) {
	s := startGate(t, "", "")
	s.teacher("edupont")
	b := newBrowser(t)
	refused := b.submit(b.open(s.at("notes", "/")), "identifier", "edupont", "passcode", "000000")
	link := regexp.MustCompile(`href="([^"]*assistance\?[^"]*)"`).FindStringSubmatch(refused.body)
	if refused.StatusCode != http.StatusForbidden || link == nil {
		t.Fatalf("the refusal does not lead to the assistance:\n%s", refused.body)
	}
	to, err := refused.url().Parse(html.UnescapeString(link[1]))
	if err != nil {
		t.Fatal(err)
	}
	a := b.open(to.String())
	got := a.fields()
	if reference := refused.Header.Get("Sesame-Reference"); got.Get(ui.FieldRefusal) != reference || got.Get(ui.FieldMet) == "" || got.Get(ui.FieldApplication) != "Carnet de notes" {
		t.Errorf("the refusal %s leads to a form with %v", reference, got)
	}
	for _, name := range []string{ui.FieldSurname, ui.FieldEmail, ui.FieldKey, ui.FieldAccounts, ui.FieldEstablishment} {
		if got.Get(name) != "" {
			t.Errorf("somebody who is not logged in learns %s: %s", name, got.Get(name))
		}
	}
	r := s.arrived(b.do(b.asks(a, matter(), screenshotFile(t, 60, 40))))
	if r.Holder != "" || r.Surname != "Dupont" || r.Description != matter().Get(ui.FieldDescription) || r.Pictures != 1 || r.Refusal != refused.Header.Get("Sesame-Reference") {
		t.Errorf("kept: %+v", r)
	}
	in := s.loggedIn("hmartin")
	a = in.open(s.at("portail", ui.PathAssistance))
	if got := a.fields(); got.Get(ui.FieldGivenName) != "Ève" || got.Get(ui.FieldEmail) != "hmartin@ac-exemple.fr" || got.Get(ui.FieldAccounts) != "hmartin" || !regexp.MustCompile(`^…\d{4}$`).MatchString(got.Get(ui.FieldKey)) {
		t.Errorf("what is known of who is logged in: %v", got)
	}
	if r := s.arrived(in.do(in.asks(a, url.Values{ui.FieldSubject: {"x"}, ui.FieldDescription: {"y"}}))); r.Holder != "hmartin" || r.KeyNumber == "" {
		t.Errorf("kept: %+v", r)
	}
}

// What somebody types is kept to the letter, whatever it is, and shown without harm.
func TestAssistanceKeepsWhatIsTyped(t *testing.T) {
	s := startGate(t, "", "")
	for i, text := range []string{
		"a\r\nBcc: x@evil.example\r\n\r\n.\r\nMAIL FROM:<x>", `"><script>alert(1)</script><!--`, "\u202eevil\u202c \u2066x\u2069 \u200f", "👩‍👩‍👧 🔑 é ﷽", "{{.}}{digits}", "NUL\x01\u2028",
	} {
		b := newBrowser(t)
		advance(time.Hour)
		values := matter()
		for _, name := range []string{ui.FieldSurname, ui.FieldGivenName, ui.FieldFunction, ui.FieldEstablishment, ui.FieldPhone, ui.FieldHours, ui.FieldSubject, ui.FieldDescription, ui.FieldKey, ui.FieldAccounts, ui.FieldRefusal, ui.FieldMet, ui.FieldApplication} {
			values.Set(name, text)
		}
		page := b.open(s.at("portail", ui.PathAssistance))
		wrong := b.do(b.asks(page, with(values, ui.FieldEmail, "none")))
		if wrong.StatusCode != http.StatusUnprocessableEntity || strings.Contains(wrong.body, "<script>alert") {
			t.Errorf("%q: %s", text, wrong.Status)
		}
		if back := wrong.fields(); i != 5 && back.Get(ui.FieldSubject) != text || back.Get(ui.FieldEmail) != "none" {
			t.Errorf("%q is shown again as %q", text, back.Get(ui.FieldSubject))
		}
		values.Del(ui.FieldEmail)
		r := s.arrived(b.do(b.asks(page, values)))
		for _, f := range authcore.RequestFields() {
			if got := *r.Text(f); f != authcore.RequestEmail && got != text {
				t.Errorf("%s %q is kept as %q", f, text, got)
			}
		}
	}
	b := newBrowser(t)
	advance(time.Hour)
	long := strings.Repeat("100 kB é🔑\r\n", 6500)
	if r := s.arrived(b.do(b.asks(b.open(s.at("portail", ui.PathAssistance)), with(matter(), ui.FieldDescription, long)))); r.Description != long {
		t.Errorf("of %d bytes %d are kept", len(long), len(r.Description))
	}
}

// What is wrong is said at its field, nothing is kept, and nothing that was typed is
// lost.
func TestAssistanceSaysWhatIsWrong(t *testing.T) {
	s := startGate(t, "", "")
	b := newBrowser(t)
	page := b.open(s.at("portail", ui.PathAssistance))
	zip := []byte("PK\x03\x04 and so on")
	picture := screenshotFile(t, 9, 9)
	for name, c := range map[string]struct {
		values url.Values
		files  [][]byte
		says   string
	}{
		"nothing":              {url.Values{}, nil, "Ce champ est nécessaire."},
		"no way to answer":     {with(matter(), ui.FieldPhone, ""), nil, "Ce champ est nécessaire."},
		"an address with more": {with(matter(), ui.FieldEmail, "a@b.fr, c@d.fr"), nil, "Ce n’est pas une adresse complète."},
		"too long":             {with(matter(), ui.FieldSubject, strings.Repeat("x", 201)), nil, "C’est trop long"},
		"100 kB on a line":     {with(matter(), ui.FieldSurname, strings.Repeat("é🔑 \u202e<b>", 8000)), nil, "C’est trop long"},
		"a description":        {with(matter(), ui.FieldDescription, strings.Repeat("x", authcore.MaxDescription+1)), nil, "C’est trop long"},
		"no text":              {with(matter(), ui.FieldHours, "\xff\xfe"), nil, "caractères illisibles"},
		"a zip":                {matter(), [][]byte{zip}, "n’est pas une image PNG ou JPEG"},
		"a polyglot":           {matter(), [][]byte{append(bytes.Clone(picture), zip...)}, "autre chose que son image"},
		"30,000 by 30,000":     {matter(), [][]byte{pictureBomb()}, "trop grande pour être lue"},
		"half a picture":       {matter(), [][]byte{picture[:len(picture)/2]}, "illisible"},
		"more than 5 MB":       {matter(), [][]byte{append(bytes.Clone(picture), make([]byte, 5<<20)...)}, "dépasse 5\u00a0Mo"},
		"four pictures":        {matter(), [][]byte{picture, picture, picture, picture}, "plus de trois images"},
		"seven large ones":     {matter(), [][]byte{make([]byte, 4<<20), make([]byte, 4<<20), make([]byte, 4<<20), make([]byte, 4<<20), picture, picture, picture}, "plus de trois images"},
	} {
		advance(2 * time.Hour)
		a := b.do(b.asks(page, c.values, c.files...))
		if a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(a.body, c.says) || !strings.Contains(a.body, "Votre demande n’est pas encore partie") {
			t.Errorf("%s: %s at %s, without %q", name, a.Status, a.url(), c.says)
		}
		if got := a.fields(); got.Get(ui.FieldSubject) != c.values.Get(ui.FieldSubject) || got.Get(ui.FieldDescription) != c.values.Get(ui.FieldDescription) || got.Get(ui.FieldSurname) != c.values.Get(ui.FieldSurname) {
			t.Errorf("%s: what was typed is lost", name)
		}
	}
	if list, err := s.gate().Requests(t.Context(), authcore.RequestQuery{}, "", 0); err != nil || len(list) != 0 {
		t.Errorf("%d requests are kept, %v", len(list), err)
	}
	advance(2 * time.Hour)
	if s.arrived(b.do(b.asks(page, matter(), picture, picture, picture))).Pictures != 3 {
		t.Error("three pictures are not kept")
	}
}

// What another site sends is not read; a form of another browser, or of before the
// login, is shown again with all that was typed.
func TestAssistanceForms(t *testing.T) {
	s := startGate(t, "", "")
	s.teacher("hmartin")
	b := newBrowser(t)
	page := b.open(s.at("portail", ui.PathAssistance))
	if a := b.once(crossed(b.asks(page, matter()))); a.StatusCode != http.StatusForbidden || strings.Contains(a.body, "Dupont") {
		t.Errorf("from another site: %s", a.Status)
	}
	for what, by := range map[string]func() *http.Request{
		"without the token": func() *http.Request { return b.asks(page, with(matter(), ui.FieldCSRF, "")) },
		"another browser":   func() *http.Request { return newBrowser(t).asks(page, matter()) },
	} {
		a := newBrowser(t).once(by())
		if a.StatusCode != http.StatusForbidden || !strings.Contains(a.body, "Envoyez votre demande une seconde fois") || a.fields().Get(ui.FieldDescription) != matter().Get(ui.FieldDescription) {
			t.Errorf("%s: %s", what, a.Status)
		}
	}
	a := s.enroll(b, "hmartin", b.open(s.at("portail", "/")))
	if a.StatusCode != http.StatusOK {
		t.Fatal(a.Status)
	}
	again := b.do(b.asks(page, matter()))
	if again.StatusCode != http.StatusForbidden {
		t.Fatalf("a form of before the login: %s", again.Status)
	}
	if r := s.arrived(b.do(b.asks(again, nil))); r.Holder != "hmartin" || r.Surname != "Dupont" {
		t.Errorf("sent a second time: %+v", r)
	}
	plain := b.asks(page, matter())
	plain.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for what, c := range map[string]struct {
		request *http.Request
		want    int
	}{
		"a plain form":    {plain, http.StatusUnsupportedMediaType},
		"a field twice":   {b.asks(page, url.Values{ui.FieldSurname: {"a", "b"}}), http.StatusBadRequest},
		"a field unknown": {b.asks(page, url.Values{"admin": {"1"}}), http.StatusBadRequest},
		"a huge field":    {b.asks(page, url.Values{ui.FieldSubject: {strings.Repeat("x", 300<<10)}}), http.StatusRequestEntityTooLarge},
		"no end":          {cut(b.asks(page, matter())), http.StatusBadRequest},
	} {
		if a := b.once(c.request); a.StatusCode != c.want {
			t.Errorf("%s: %s", what, a.Status)
		}
	}
}

// cut takes the end away from a request's body.
func cut(r *http.Request) *http.Request {
	var body bytes.Buffer
	_, _ = body.ReadFrom(r.Body)
	(*browser)(nil).body(r, body.String()[:body.Len()-10])
	return r
}

// The same form sent twice is one request; the sixth form of a day waits.
func TestAssistanceIsSlowed(t *testing.T) {
	s := startGate(t, "", "")
	b := newBrowser(t)
	page := b.open(s.at("portail", ui.PathAssistance))
	first := s.arrived(b.do(b.asks(page, matter())))
	if second := s.arrived(b.do(b.asks(page, with(matter(), ui.FieldSubject, "other")))); second.Reference != first.Reference || second.Subject != first.Subject {
		t.Error("one form makes two requests")
	}
	for range 3 {
		s.arrived(b.do(b.asks(b.open(s.at("portail", ui.PathAssistance)), matter())))
	}
	a := b.do(b.asks(b.open(s.at("portail", ui.PathAssistance)), matter()))
	if a.StatusCode != http.StatusTooManyRequests || a.Header.Get("Retry-After") == "" || !strings.Contains(a.body, "Trop de demandes viennent d’ici") || a.fields().Get(ui.FieldSurname) != "Dupont" {
		t.Errorf("the sixth: %s", a.Status)
	}
	advance(time.Minute)
	s.arrived(b.do(b.asks(a, nil)))
	forged := b.open(s.at("portail", ui.PathAssistance+"?sent=0000-0000&sum=x"))
	if strings.Contains(forged.body, "0000-0000") || !strings.Contains(forged.body, "<form") {
		t.Error("any address says that a request was sent")
	}
}

// With the store gone the page is there, and what was typed comes back to be printed.
func TestAssistanceWithoutStore(t *testing.T) {
	s := startGate(t, "assistance Rectorat {\n\t\t\tphone \"02 41 00 00 00\"\n\t\t}", "")
	in, out := s.loggedIn("edupont"), newBrowser(t)
	pages := map[*browser]answer{in: in.open(s.at("portail", ui.PathAssistance)), out: out.open(s.at("portail", ui.PathAssistance))}
	takeGate := closeStore(t)
	for _, what := range []string{"no store", "no gate"} {
		for b, page := range pages {
			a := b.do(b.asks(page, matter(), screenshotFile(t, 9, 9)))
			if a.StatusCode != http.StatusServiceUnavailable || !strings.Contains(a.body, "Imprimez cette page") || !strings.Contains(a.body, "depuis ce matin") || !strings.Contains(a.body, "02 41 00 00 00") {
				t.Errorf("%s: %s:\n%s", what, a.Status, a.body)
			}
			if got := a.fields(); got.Get(ui.FieldSurname) != "Dupont" || got.Get("form") != page.fields().Get("form") {
				t.Errorf("%s: to be sent again: %v", what, got)
			}
			if a := b.open(s.at("portail", ui.PathAssistance)); a.StatusCode != http.StatusOK || !strings.Contains(a.body, "<form") {
				t.Errorf("%s: the page itself: %s", what, a.Status)
			}
			if a := b.open(s.at("portail", ui.PathLogin)); what == "no gate" && a.StatusCode != http.StatusServiceUnavailable {
				t.Errorf("%s: the login: %s", what, a.Status)
			}
		}
		if what == "no store" {
			takeGate()
		}
	}
}

// closeStore closes the running configuration's store under it, and returns what
// takes the gate away as well.
func closeStore(t *testing.T) (takeGate func()) {
	t.Helper()
	v, err := caddy.ActiveContext().AppIfConfigured("sesame")
	if err != nil {
		t.Fatal(err)
	}
	app := v.(*App)
	open, key, err := acquire(app.where, app.log)
	if err != nil {
		t.Fatal(err)
	}
	if err := open.store.Close(); err != nil {
		t.Fatal(err)
	}
	return func() {
		app.life.current.Store(nil)
		app.life.over = true
		if _, err := pool.Delete(key); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDoors(t *testing.T) {
	d := &doors{total: 4, each: 2, inside: make(map[netip.Prefix]int)}
	near, far, other := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::ffff"), netip.MustParseAddr("192.0.2.1")
	leave, _ := d.enter(near)
	if _, ok := d.enter(far); !ok {
		t.Error("two of a network are not let in")
	}
	if _, ok := d.enter(far); ok {
		t.Error("three of a network are let in")
	}
	for range 2 {
		if _, ok := d.enter(other); !ok {
			t.Error("another network waits")
		}
		other = other.Next()
	}
	if _, ok := d.enter(other); ok {
		t.Error("more are let in than there is room for")
	}
	leave()
	if _, ok := d.enter(netip.Addr{}); !ok || len(d.inside) != 4 {
		t.Errorf("after one has left there is no room: %v", d.inside)
	}
}

// FuzzReadRequest: whatever the body, the reader keeps its bounds.
func FuzzReadRequest(f *testing.F) {
	f.Add("--x\r\nContent-Disposition: form-data; name=\"surname\"\r\n\r\nDupont\r\n--x--\r\n", "x")
	f.Add("--x\r\nContent-Disposition: form-data; name=\"screenshot\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n\x89PNG\r\n\x1a\n\r\n--x--\r\n", "x")
	f.Add("--x\r\nContent-Disposition: form-data; name=\"screenshot\"; filename=\"\"\r\n\r\n\r\n--x--", "x")
	f.Add("--x\r\nContent-Disposition: form-data; name*=utf-8''csrf\r\n\r\nt\r\n--x\r\nContent-Disposition: form-data; name=csrf\r\n\r\nu\r\n--x--", "x")
	f.Add(strings.Repeat("--x\r\n\r\n", 100), "x")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, body, boundary string) {
		s, err := readRequest(strings.NewReader(body), boundary)
		if len(s.files) > authcore.MaxScreenshots || s.pictures < len(s.files) {
			t.Errorf("%d files of %d", len(s.files), s.pictures)
		}
		if err != nil {
			return
		}
		r, total := s.request(), len(s.csrf)+len(s.form)
		for _, field := range authcore.RequestFields() {
			total += len(*r.Text(field))
		}
		for _, file := range s.files {
			total += len(file)
		}
		if total > len(body) {
			t.Errorf("%d bytes came of %d", total, len(body))
		}
	})
}
