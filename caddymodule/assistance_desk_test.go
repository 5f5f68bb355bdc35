package caddymodule

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/authcore/screenshot"
)

// asked is a request that is handed on by a rig.
func (r *mailRig) asked(t *testing.T, d authcore.Desk, request authcore.Request) authcore.Request {
	t.Helper()
	sent, err := r.gate.WithDesk(d).Ask(t.Context(), authcore.NewNonce(), request, nil, authcore.Source{})
	if err != nil {
		t.Fatal(err)
	}
	return sent
}

// nasty is a request that tries to be more than a request.
func nasty(t *testing.T) authcore.Request {
	t.Helper()
	picture, err := screenshot.Clean(screenshotFile(t, 40, 30))
	if err != nil {
		t.Fatal(err)
	}
	return authcore.Request{
		Surname: "Dupont\r\nBcc: x@evil.example", GivenName: "Ève", Email: "eve.dupont@ac-exemple.fr", Subject: "Objet\r\nBcc: y@evil.example\u2028\u202ex",
		Description: "Bonjour\r\n.\r\nMAIL FROM:<z@evil.example>\r\n{{.}} <b>é</b> 🔑", Screenshots: []screenshot.Image{picture},
	}
}

// TestRequestByMail: a request arrives as one mail for the one address, with all that
// was typed, its screenshots, and the way to answer.
func TestRequestByMail(t *testing.T) {
	s := startSMTP(t, "127.0.0.1:0", nil, false, &smtpServer{})
	r := newMailRig(t, s.plain())
	sent := r.asked(t, authcore.Desk{Mail: "assistance@ac-exemple.fr"}, nasty(t))
	r.round(t.Context())
	m := <-s.arrived
	s.none(t)
	if m.to != "assistance@ac-exemple.fr" {
		t.Errorf("it goes to %s", m.to)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil || !strings.Contains(subject, string(sent.Reference)) || !strings.Contains(subject, "Objet  Bcc: y@evil.example") || m.Header.Get("Bcc") != "" {
		t.Errorf("the head is %v, with the subject %q", m.Header, subject)
	}
	if m.Header.Get("Reply-To") != "<eve.dupont@ac-exemple.fr>" {
		t.Errorf("the answer goes to %s", m.Header.Get("Reply-To"))
	}
	_, parameters, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	parts := multipart.NewReader(strings.NewReader(m.body), parameters["boundary"])
	text, err := parts.NextRawPart()
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(quotedprintable.NewReader(text))
	if err != nil || !strings.Contains(string(body), "Bonjour\r\n.\r\nMAIL FROM:<z@evil.example>\r\n{{.}} <b>é</b> 🔑") || !strings.Contains(string(body), "Envoyée sans connexion") {
		t.Errorf("the body is %q, %v", body, err)
	}
	file, err := parts.NextPart()
	if err != nil || file.FileName() != string(sent.Reference)+"-1.png" || !strings.HasPrefix(file.Header.Get("Content-Type"), "image/png") {
		t.Fatalf("the attachment is %v, %v", file, err)
	}
	if _, err := parts.NextPart(); !errors.Is(err, io.EOF) {
		t.Errorf("there is more: %v", err)
	}
	if r.left(t) != 0 {
		t.Error("it is still in the outbox")
	}
}

// A request without an address to answer to has none in its mail; one that was removed
// is handed on no more.
func TestRequestByMailWithoutAddress(t *testing.T) {
	s := startSMTP(t, "127.0.0.1:0", nil, false, &smtpServer{})
	r := newMailRig(t, s.plain())
	request := nasty(t)
	request.Email, request.Phone, request.Screenshots = "", "02 40 00 00 00", nil
	gone := r.asked(t, authcore.Desk{Mail: "assistance@ac-exemple.fr"}, request)
	if err := r.gate.RemoveRequest(t.Context(), authcore.Actor{Name: "test"}, gone.Reference); err != nil {
		t.Fatal(err)
	}
	kept := r.asked(t, authcore.Desk{Mail: "assistance@ac-exemple.fr"}, request)
	r.round(t.Context())
	m := <-s.arrived
	s.none(t)
	if m.Header.Get("Reply-To") != "" || !strings.Contains(m.Header.Get("Subject"), string(kept.Reference)) {
		t.Errorf("the head is %v", m.Header)
	}
	if r.left(t) != 0 {
		t.Error("one is still in the outbox")
	}
}

const hookKey = "a-key-of-more-than-22-characters"

// hookServer takes what is posted, and answers each with the next status.
type hookServer struct {
	*httptest.Server
	mu       sync.Mutex
	statuses []int
	got      []*http.Request
	bodies   []string
}

func startHook(t *testing.T, statuses ...int) *hookServer {
	t.Helper()
	s := &hookServer{statuses: statuses}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.got, s.bodies = append(s.got, r), append(s.bodies, string(body))
		status := s.statuses[min(len(s.got), len(s.statuses))-1]
		if status == http.StatusFound {
			w.Header().Set("Location", "/elsewhere")
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(s.Close)
	return s
}

// rig is a rig that posts to the server and has no mail.
func (s *hookServer) rig(t *testing.T) *mailRig {
	t.Helper()
	r := newMailRig(t, &Mail{Server: "127.0.0.1:1", TLS: "none", From: "a@b.fr"})
	r.mailer.office = nil
	file := filepath.Join(t.TempDir(), "hook")
	if err := os.WriteFile(file, []byte(hookKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	hook, err := (&Webhook{URL: s.URL + "/sesame", SecretFile: file}).open()
	if err != nil {
		t.Fatal(err)
	}
	r.mailer.hook = hook
	return r
}

// signed reports whether a request carries the signature of its body.
func signed(r *http.Request, body string) bool {
	at, sum, ok := strings.Cut(strings.TrimPrefix(r.Header.Get("Sesame-Signature"), "t="), ",v1=")
	mac := hmac.New(sha256.New, []byte(hookKey))
	mac.Write([]byte(at + "." + body))
	seconds, err := strconv.ParseInt(at, 10, 64)
	return ok && err == nil && now().Sub(time.Unix(seconds, 0)).Abs() < time.Minute && sum == hex.EncodeToString(mac.Sum(nil))
}

// TestRequestByWebhook: a request is posted, signed, again and again with growing
// delays until the service takes it, and then no more.
func TestRequestByWebhook(t *testing.T) {
	s := startHook(t, http.StatusServiceUnavailable, http.StatusFound, http.StatusNotFound, http.StatusUnauthorized, http.StatusCreated)
	r := s.rig(t)
	request := nasty(t)
	sent := r.asked(t, authcore.Desk{Hook: s.URL + "/sesame"}, request)
	for i := range 5 {
		r.round(t.Context())
		r.round(t.Context()) // nothing is due yet
		s.mu.Lock()
		if len(s.got) != i+1 {
			t.Fatalf("in round %d it was posted %d times", i+1, len(s.got))
		}
		got, body := s.got[i], s.bodies[i]
		s.mu.Unlock()
		if got.Method != http.MethodPost || got.URL.Path != "/sesame" || got.Header.Get("Content-Type") != "application/json" || !signed(got, body) {
			t.Errorf("%s %s with %v", got.Method, got.URL, got.Header)
		}
		if body != s.bodies[0] || got.Header.Get("Sesame-Delivery") != s.got[0].Header.Get("Sesame-Delivery") || got.Header.Get("Sesame-Delivery") == "" {
			t.Error("another attempt posts something else")
		}
		advance(time.Minute << i)
	}
	var d hookDocument
	if err := json.Unmarshal([]byte(s.bodies[0]), &d); err != nil {
		t.Fatal(err)
	}
	if d.Request.Reference != sent.Reference || d.Request.Surname != request.Surname || d.Request.Description != request.Description || d.Request.Holder != "" ||
		len(d.Files) != 1 || d.Files[0].Type != "image/png" || !bytes.Equal(d.Files[0].Data, request.Screenshots[0].Bytes()) {
		t.Errorf("posted: %+v", d.Request)
	}
	if r.left(t) != 0 {
		t.Error("it is still in the outbox")
	}
}

// What a service says that it will never take is given up, with an alert.
func TestRequestByWebhookGivenUp(t *testing.T) {
	for _, status := range forGoodStatus {
		s := startHook(t, status)
		r := s.rig(t)
		r.asked(t, authcore.Desk{Hook: s.URL}, nasty(t))
		r.round(t.Context())
		if r.left(t) != 0 {
			t.Errorf("after %d it is still in the outbox", status)
		}
		alerts, err := r.gate.Events(t.Context(), authcore.AuditQuery{Alerts: true})
		if err != nil || len(alerts) != 1 || alerts[0].Kind != authcore.MessageGivenUp {
			t.Errorf("after %d the alerts are %v, %v", status, alerts, err)
		}
	}
}

// A service that is away keeps no mail from its way, and loses nothing within an hour.
func TestRequestByWebhookAway(t *testing.T) {
	smtp := startSMTP(t, "127.0.0.1:0", nil, false, &smtpServer{})
	s := startHook(t, http.StatusNoContent)
	r := s.rig(t)
	mailer := newMailRig(t, smtp.plain()).mailer
	r.mailer.office = mailer.office
	address := s.URL
	s.Close()
	r.asked(t, authcore.Desk{Mail: "assistance@ac-exemple.fr", Hook: address}, nasty(t))
	for range 8 {
		r.round(t.Context())
		advance(10 * time.Minute)
	}
	<-smtp.arrived
	smtp.none(t)
	again := startHook(t, http.StatusNoContent)
	r.mailer.hook.address = again.URL
	advance(time.Hour)
	r.round(t.Context())
	again.mu.Lock()
	defer again.mu.Unlock()
	if len(again.got) != 1 {
		t.Errorf("it was posted %d times", len(again.got))
	}
}

// The key of the signature is in nothing that prints.
func TestWebhookKeepsItsKey(t *testing.T) {
	s := startHook(t, http.StatusTeapot)
	r := s.rig(t)
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	log.Info("hook", "hook", r.mailer.hook)
	err := r.mailer.hook.post(context.Background(), "id", []byte("{}"))
	out.WriteString(err.Error())
	if strings.Contains(out.String(), hookKey) || !slices.Contains(s.bodies, "{}") {
		t.Errorf("printed: %s", out.String())
	}
}

// TestAdminAssistance: requests over the API.
func TestAdminAssistance(t *testing.T) {
	b := newAdminBench(t)
	var all []authcore.Reference
	for i, establishment := range []string{"", "Collège 0693045K", "0441550W"} {
		r := nasty(t)
		r.Establishment = establishment
		sent, err := b.gate.Ask(t.Context(), strconv.Itoa(i), r, nil, authcore.Source{})
		b.must(err)
		all = append(all, sent.Reference)
		advance(time.Second)
	}
	var list requestList
	b.must(json.Unmarshal(b.ask(http.MethodGet, "/sesame/assistance?establishment=0693045K", "").body.Bytes(), &list))
	if len(list.Requests) != 1 || list.Requests[0].Reference != all[1] || list.Requests[0].Description != "" {
		t.Errorf("of the establishment: %+v", list)
	}
	path := "/sesame/assistance/" + string(all[1])
	var r requestView
	b.must(json.Unmarshal(b.ask(http.MethodGet, path, "").body.Bytes(), &r))
	if r.Surname != nasty(t).Surname || r.Description != nasty(t).Description || r.UAI != "0693045K" || r.Screenshots != 1 {
		t.Errorf("shown: %+v", r)
	}
	var p hookPicture
	b.must(json.Unmarshal(b.ask(http.MethodGet, path+"/screenshots/1", "").body.Bytes(), &p))
	if p.Type != "image/png" || p.Name != string(all[1])+"-1.png" || !bytes.Equal(p.Data, nasty(t).Screenshots[0].Bytes()) {
		t.Errorf("the screenshot is %s, %s of %d bytes", p.Name, p.Type, len(p.Data))
	}
	for target, want := range map[string]int{
		"/sesame/assistance/0000-0000": 404, "/sesame/assistance/x": 400, path + "/screenshots/2": 404, path + "/screenshots/x": 400,
		"/sesame/assistance?establishment=x": 400, "/sesame/assistance?after=x": 400, "/sesame/assistance?after=0000-0000": 404,
	} {
		if a := b.ask(http.MethodGet, target, ""); a.status != want {
			t.Errorf("%s: %d %s", target, a.status, a.error())
		}
	}
	if a := b.ask(http.MethodDelete, path, ""); a.status != http.StatusNoContent {
		t.Errorf("removed: %d", a.status)
	}
	if a := b.ask(http.MethodGet, path, ""); a.status != http.StatusNotFound {
		t.Errorf("after that: %d", a.status)
	}
}
