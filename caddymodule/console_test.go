package caddymodule

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/authcore/otp"
	"github.com/sesame-gateway/sesame/authcore/screenshot"
	"github.com/sesame-gateway/sesame/authcore/store"
	"github.com/sesame-gateway/sesame/ui"
)

// Two establishments whose check letters are right.
const (
	lycee   = "0441550W"
	college = "0693045K"
)

const consoleOption = `establishments nord ` + college + `
		four_eyes {
			roles
		}`

// consoleServer is a gate with a holder, two referents, an operator and an auditor,
// who have all defined their PIN.
func consoleServer(t testing.TB) *testServer {
	t.Helper()
	s := newTestServer(t)
	s.runConsole()
	return s
}

// runConsole starts it, with these people.
func (s *testServer) runConsole() {
	s.t.Helper()
	s.run(consoleOption, "delegable")
	for id, uai := range map[authcore.Identifier]string{"eve": lycee, "rlycee": lycee, "rnord": college, "oper": lycee, "audit": lycee, "marc": college} {
		s.loggedIn(id)
		s.must(s.gate().SetAccount(s.t.Context(), testActor, authcore.Account{Identifier: id, Establishment: uai}, []authcore.AccountField{authcore.FieldEstablishment}))
	}
	s.role("rlycee", authcore.Office{Role: authcore.RoleReferent, Establishments: []string{lycee}})
	s.role("rnord", authcore.Office{Role: authcore.RoleReferent, Groups: []string{"nord"}})
	s.role("oper", authcore.Office{Role: authcore.RoleOperator})
	s.role("audit", authcore.Office{Role: authcore.RoleAuditor})
	advance(time.Minute)
}

var testActor = authcore.Actor{Name: "test", Who: "test"}

func (s *testServer) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// role gives a role, which two confirm.
func (s *testServer) role(id authcore.Identifier, o authcore.Office) {
	s.t.Helper()
	waits, ok := errors.AsType[*authcore.AwaitsError](s.gate().GiveRole(s.t.Context(), testActor, id, o))
	if !ok {
		s.t.Fatal("a role needs no second operator")
	}
	_, err := s.gate().Confirm(s.t.Context(), authcore.Actor{Name: "other", Who: "other"}, waits.Pending.ID)
	s.must(err)
}

// again logs somebody in with the code of this minute.
func (s *testServer) again(id string) *browser {
	s.t.Helper()
	b, g := newBrowser(s.t), s.seeds[id]
	a := b.submit(b.open(s.at("portail", "/.sesame/login")), "identifier", id, "passcode", testPIN+g.Code(g.StepAt(now())))
	if a.url().Path != "/" {
		s.t.Fatalf("%s is not logged in: %s", id, a.Status)
	}
	return b
}

// key is the serial of somebody's first key.
func (s *testServer) key(id authcore.Identifier) string {
	s.t.Helper()
	a, err := s.gate().Account(s.t.Context(), id)
	s.must(err)
	return string(a.Keys[0])
}

// stock puts a key into the safe of an establishment, or on its way there.
func (s *testServer) stock(serial authcore.Serial, uai string, received bool) {
	s.t.Helper()
	ctx, g := s.t.Context(), otp.Generator{Kind: otp.TOTP, Hash: otp.SHA1, Digits: 6, Period: time.Minute, Seed: []byte("a seed of the key " + serial)}
	s.must(s.gate().ImportKey(ctx, testActor, authcore.NewKey{Serial: serial, Generator: g, Expires: now().AddDate(0, 0, 1)}))
	s.must(s.gate().SendKey(ctx, testActor, serial, uai))
	if received {
		s.must(s.gate().ReceiveKey(ctx, testActor, serial))
	}
}

// dump is all that the store holds, but for the sessions, whose use is written down,
// and what the server writes each minute by itself: the clock, and how often the
// store was compared with its anchor.
func (s *testServer) dump() string {
	s.t.Helper()
	var all strings.Builder
	pool.Range(func(_, v any) bool {
		open := v.(*openStore)
		if open.where.dir != s.storeDir() {
			return true
		}
		s.must(open.store.View(context.Background(), func(r store.Reader) error {
			all.Reset()
			for e, err := range r.Scan("", "") {
				if err != nil {
					return err
				}
				if kind, _, _ := strings.Cut(e.Key, "/"); kind != "session" && kind != "clock" && kind != "identity" {
					all.WriteString(e.Key + " " + string(e.Value) + "\n")
				}
			}
			return nil
		}))
		return true
	})
	if all.Len() == 0 {
		s.t.Fatal("the store is not found")
	}
	return all.String()
}

// consoleTarget is what a path of the console is tried on: each must have one.
type consoleTarget struct {
	query  url.Values
	ready  func(*testServer) // before anybody tries
	extra  []string          // what the form asks for
	noSelf bool              // it is about no person whom one could be oneself
	role   bool              // it is an operator's alone
}

func of(id string) url.Values { return url.Values{ui.FieldPerson: {id}} }

// targets are the paths' targets, on the person named.
func (s *testServer) targets(id string) map[string]consoleTarget {
	key := of(id)
	if a, err := s.gate().Account(s.t.Context(), authcore.Identifier(id)); err == nil && len(a.Keys) > 0 {
		key.Set(ui.FieldSerial, string(a.Keys[0]))
	}
	with := func(name, value string) url.Values { v := of(id); v.Set(name, value); return v }
	request := url.Values{ui.FieldReference: {s.askedBy(id)}}
	return map[string]consoleTarget{
		ui.PathConsole:             {query: url.Values{ui.FieldQuery: {id}}, noSelf: true},
		ui.PathConsolePerson:       {query: of(id)},
		ui.PathConsoleStory:        {query: url.Values{ui.FieldReference: {"7F3K-Q2M9"}}, noSelf: true},
		ui.PathConsoleStock:        {query: url.Values{ui.FieldEstablishment: {lycee}}, noSelf: true},
		ui.PathConsoleStockCSV:     {query: url.Values{ui.FieldEstablishment: {lycee}}, noSelf: true},
		ui.PathConsolePending:      {noSelf: true, role: true},
		ui.PathConsoleRequests:     {noSelf: true},
		ui.PathConsoleRequest:      {query: request, noSelf: true},
		ui.PathConsolePicture:      {query: url.Values{ui.FieldReference: request[ui.FieldReference], ui.FieldNumber: {"1"}}, noSelf: true},
		ui.ActUnlock.Path():        {query: key, ready: func(s *testServer) { s.lock(id) }},
		ui.ActClearPIN.Path():      {query: key},
		ui.ActLose.Path():          {query: key, extra: []string{ui.FieldReason, "oubliée dans un train", ui.FieldDays, "2"}},
		ui.ActHandOver.Path():      {query: key},
		ui.ActReturn.Path():        {query: key},
		ui.ActAssign.Path():        {query: with(ui.FieldSerial, "SAFE-1"), ready: func(s *testServer) { s.stock("SAFE-1", lycee, true) }},
		ui.ActReceive.Path():       {query: url.Values{ui.FieldSerial: {"SENT-1"}}, noSelf: true, ready: func(s *testServer) { s.stock("SENT-1", lycee, false) }},
		ui.ActDelegate.Path():      {query: with(ui.FieldApplication, "notes"), extra: []string{ui.FieldReason, "remplacement", ui.FieldUntil, now().AddDate(0, 1, 0).Format(time.DateOnly)}},
		ui.ActEndDelegation.Path(): {query: with(ui.FieldApplication, "notes"), ready: func(s *testServer) { s.delegated(id) }},
		ui.ActRevokePasskey.Path(): {query: with(ui.FieldPasskey, "0000000000"), noSelf: true},
		ui.ActConfirm.Path():       {query: url.Values{}, role: true},
		ui.ActRefuse.Path():        {query: url.Values{}, role: true},
	}
}

// lock has somebody's key locked by wrong PINs.
func (s *testServer) lock(id string) {
	s.t.Helper()
	for range s.gate().Policy().LockAfter {
		p, err := authcore.ParsePasscode("0000" + s.newCode(id))
		s.must(err)
		_, err = s.gate().Answer(s.t.Context(), s.gate().Begin(""), authcore.PasscodeAnswer{Identifier: authcore.Identifier(id), Passcode: p}, authcore.Source{})
		s.must(err)
	}
	advance(time.Minute)
}

// askedBy is the reference of somebody's request for assistance, with a screenshot.
func (s *testServer) askedBy(id string) string {
	s.t.Helper()
	a, err := s.gate().Account(s.t.Context(), authcore.Identifier(id))
	s.must(err)
	image, err := screenshot.Clean(screenshotFile(s.t, 40, 30))
	s.must(err)
	r, err := s.gate().Ask(s.t.Context(), "the form of "+id, authcore.Request{
		Surname: "Dupont", GivenName: "Ève", Phone: "02 40 00 00 00", Subject: "PASSCODE refusé", Description: "depuis ce matin", Screenshots: []screenshot.Image{image},
	}, &a, authcore.Source{})
	s.must(err)
	return string(r.Reference)
}

func (s *testServer) delegated(id string) {
	s.t.Helper()
	s.must(s.gate().Delegate(s.t.Context(), testActor, authcore.Identifier(id), authcore.Delegation{Application: "notes", Until: now().Add(time.Hour), Reason: "vacances"}))
}

// form is the form of an act, as the browser's session would send it.
func (s *testServer) form(b *browser, path string, to consoleTarget) url.Values {
	s.t.Helper()
	values := url.Values{}
	for name, v := range to.query {
		values[name] = v
	}
	for i := 0; i < len(to.extra); i += 2 {
		values.Set(to.extra[i], to.extra[i+1])
	}
	session, _, err := s.gate().Session(s.t.Context(), authcore.Token(b.own(s.at("portail", "/"), "sesame")), "", false)
	s.must(err)
	token, err := s.gate().FormToken(string(session.ID))
	s.must(err)
	values.Set(ui.FieldCSRF, token)
	return values
}

// send posts a form without its page.
func (s *testServer) send(b *browser, path string, values url.Values, headers ...string) *http.Request {
	s.t.Helper()
	req := b.page(s.at("portail", path))
	req.Method = http.MethodPost
	b.body(req, values.Encode())
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", s.at("portail", ""))
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return req
}

// The matrix: every path of the console, by everybody who may not, in every way.
// Nothing is written. A path that has no target here fails.
func TestConsoleMatrix(t *testing.T) {
	s := consoleServer(t)
	s.lock("eve")
	s.must(s.gate().UnlockKey(t.Context(), testActor, authcore.Serial(s.key("eve"))))
	targets := s.targets("eve")
	for path, to := range targets {
		if to.ready != nil && path != ui.ActUnlock.Path() {
			to.ready(s)
		}
	}
	waits, _ := errors.AsType[*authcore.AwaitsError](s.gate().GiveRole(t.Context(), testActor, "eve", authcore.Office{Role: authcore.RoleAuditor}))
	for _, a := range []ui.Act{ui.ActConfirm, ui.ActRefuse} {
		targets[a.Path()].query.Set(ui.FieldPending, string(waits.Pending.ID))
	}
	advance(time.Minute)
	browsers := map[string]*browser{}
	for _, id := range []string{"eve", "marc", "rlycee", "rnord", "oper", "audit"} {
		browsers[id] = s.again(id)
	}
	mine := map[string]map[string]consoleTarget{"rlycee": s.targets("rlycee"), "oper": s.targets("oper")}
	for path, r := range consoleRoutes() {
		to, ok := targets[path]
		if !ok {
			t.Errorf("%s is not tried", path)
			continue
		}
		refused := func(what string, b *browser, req *http.Request, want int) {
			t.Helper()
			before := s.dump()
			if a := b.once(req); a.StatusCode != want {
				t.Errorf("%s %s, %s: %s, want %d", req.Method, path, what, a.Status, want)
			}
			if s.dump() != before {
				t.Errorf("%s %s, %s: something was written", req.Method, path, what)
			}
		}
		get := func(b *browser, query url.Values) *http.Request {
			return b.page(s.at("portail", path+"?"+query.Encode()))
		}
		refused("nobody", newBrowser(t), get(newBrowser(t), to.query), http.StatusSeeOther)
		refused("a holder", browsers["marc"], get(browsers["marc"], to.query), http.StatusForbidden)
		elsewhere := http.StatusNotFound
		switch {
		case to.role:
			elsewhere = http.StatusForbidden
		case path == ui.PathConsole || path == ui.PathConsoleStory || path == ui.PathConsoleRequests:
			elsewhere = http.StatusOK // and nothing is found, see TestConsoleSearch
		}
		refused("a referent elsewhere", browsers["rnord"], get(browsers["rnord"], to.query), elsewhere)
		if r.post == nil {
			refused("posted", browsers["oper"], s.send(browsers["oper"], path, url.Values{}), http.StatusMethodNotAllowed)
			continue
		}
		if path == ui.ActRevokePasskey.Path() {
			continue // nobody has one over plain http; authcore's own matrix plays it
		}
		who := "rlycee"
		if to.role {
			who = "oper"
		}
		right := browsers[who]
		form := s.form(right, path, to)
		refused("nobody", newBrowser(t), s.send(newBrowser(t), path, form), http.StatusSeeOther)
		refused("a holder", browsers["marc"], s.send(browsers["marc"], path, s.form(browsers["marc"], path, to)), http.StatusForbidden)
		refused("a referent elsewhere", browsers["rnord"], s.send(browsers["rnord"], path, s.form(browsers["rnord"], path, to)), elsewhere)
		refused("an auditor", browsers["audit"], get(browsers["audit"], to.query), http.StatusForbidden)
		refused("an auditor", browsers["audit"], s.send(browsers["audit"], path, s.form(browsers["audit"], path, to)), http.StatusForbidden)
		refused("another's token", right, s.send(right, path, s.form(browsers["marc"], path, to)), http.StatusForbidden)
		without := s.form(right, path, to)
		without.Del(ui.FieldCSRF)
		refused("no token", right, s.send(right, path, without), http.StatusForbidden)
		refused("cross-site", right, s.send(right, path, form, "Sec-Fetch-Site", "cross-site"), http.StatusForbidden)
		refused("another origin", right, s.send(right, path, form, "Sec-Fetch-Site", "", "Origin", "http://evil.example"), http.StatusForbidden)
		if self := mine[who][path]; !to.noSelf && !to.role {
			refused("oneself", right, get(right, self.query), http.StatusForbidden)
			refused("oneself", right, s.send(right, path, s.form(right, path, self)), http.StatusForbidden)
			self.query = of("audit")
			self.query.Set(ui.FieldSerial, s.key("audit"))
			self.query.Set(ui.FieldApplication, "notes")
			refused("somebody with a role", right, s.send(right, path, s.form(right, path, self)), http.StatusForbidden)
		}
	}
	advance(authcore.Fresh)
	for path, r := range consoleRoutes() {
		if r.post == nil || path == ui.ActRevokePasskey.Path() {
			continue
		}
		to, b := targets[path], browsers["rlycee"]
		if to.role {
			b = browsers["oper"]
		}
		for _, req := range []*http.Request{b.page(s.at("portail", path+"?"+to.query.Encode())), s.send(b, path, s.form(b, path, to))} {
			before := s.dump()
			a := b.once(req)
			if where := a.Header.Get("Location"); a.StatusCode != http.StatusSeeOther || !strings.HasPrefix(where, s.at("portail", ui.PathLogin+"?")) || !strings.Contains(where, url.QueryEscape(path)) {
				t.Errorf("%s %s, a stale proof: %s to %q", req.Method, path, a.Status, where)
			}
			if s.dump() != before {
				t.Errorf("%s %s, a stale proof: something was written", req.Method, path)
			}
		}
	}
}

// Each act, by who may: the page asks, the form does it, once.
func TestConsoleActs(t *testing.T) {
	s := consoleServer(t)
	acts := slices.Clone(consoleActs)
	slices.SortStableFunc(acts, func(a, b consoleAct) int { return cmp.Compare(last[a.act], last[b.act]) })
	for _, a := range acts {
		if a.act == ui.ActRevokePasskey {
			continue
		}
		to := s.targets("eve")[a.act.Path()]
		if to.ready != nil {
			to.ready(s)
		}
		who := "rlycee"
		if to.role {
			who = "oper"
			waits, _ := errors.AsType[*authcore.AwaitsError](s.gate().GiveRole(t.Context(), testActor, "eve", authcore.Office{Role: authcore.RoleAuditor}))
			to.query.Set(ui.FieldPending, string(waits.Pending.ID))
		}
		advance(time.Minute)
		b := s.again(who)
		page := b.open(s.at("portail", a.act.Path()+"?"+to.query.Encode()))
		if page.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", a.act, page.Status)
			continue
		}
		before := len(s.eventsBy(who + " (console)"))
		done := b.submit(page, to.extra...)
		if after := s.eventsBy(who + " (console)"); done.StatusCode != http.StatusOK || len(after) == before || after[len(after)-1].Address == "" {
			t.Errorf("%s: %s, and %d entries of theirs: %s", a.act, done.Status, len(after)-before, done.body)
		}
	}
}

// last puts what takes the key from its holder behind the rest.
var last = map[ui.Act]int{ui.ActReturn: 3, ui.ActLose: 4, ui.ActConfirm: 6, ui.ActRefuse: 5}

// eventsBy are the entries of an actor's acts, confirmed ones too.
func (s *testServer) eventsBy(actor string) []authcore.Event {
	s.t.Helper()
	all, err := s.gate().Events(s.t.Context(), authcore.AuditQuery{})
	s.must(err)
	return slices.DeleteFunc(all, func(e authcore.Event) bool { return !strings.HasPrefix(e.Actor, actor) })
}
