package caddymodule

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/authcore/store"
)

// lineKinds are the kinds of entries in an answer made of lines.
func (a *adminAnswer) lineKinds(t *testing.T) (kinds []string) {
	t.Helper()
	for line := range bytes.Lines(a.body.Bytes()) {
		var e authcore.Event
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		kinds = append(kinds, e.Kind.String())
	}
	return kinds
}

// The trail comes in one object, or in lines to who asks for them.
func TestAdminAuditForms(t *testing.T) {
	b := newAdminBench(t)
	var list eventList
	a := b.ask(http.MethodGet, "/sesame/audit", "")
	if b.want(a, http.StatusOK, &list); len(list.Events) != 0 || a.body.String() != `{"events":[]}`+"\n" {
		t.Errorf("nothing is %q", &a.body)
	}
	b.person(authcore.Account{Identifier: "jdupont"}, "0123456789")
	b.want(b.ask(http.MethodGet, "/sesame/audit", ""), http.StatusOK, &list)
	if len(list.Events) != 3 {
		t.Errorf("%d entries", len(list.Events))
	}
	for accept, lines := range map[string]bool{
		"": false, "*/*": false, "application/json": false, "application/x-ndjson": true, "text/html, application/x-ndjson;q=0.5": true,
		"application/x-ndjson;q=0": false, "application/x-ndjson;q=0.0, */*": false, "x": false,
	} {
		a := b.ask(http.MethodGet, "/sesame/audit?kind=account-added", "", "Accept: "+accept)
		want := "application/json"
		if lines {
			want = ndjson
		}
		if got := a.header.Get("Content-Type"); a.status != http.StatusOK || got != want || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("Accept %q: %d %q", accept, a.status, got)
		}
		if lines && len(a.lineKinds(t)) != 1 {
			t.Errorf("Accept %q: %q", accept, &a.body)
		}
	}
}

func TestAdminAuditFilters(t *testing.T) {
	b := newAdminBench(t)
	b.person(authcore.Account{Identifier: "jdupont"}, "0123456789")
	b.firstLogin("jdupont", "0123456789", "7294")
	b.login("jdupont", "0123456789", "0000")
	for query, want := range map[string]int{
		"": 7, "?alerts=true": 1, "?alerts=false": 7, "?kind=pin-wrong": 1, "?kind=pin-wrong,key-assigned": 2,
		"?until=2026-09-01T07:58:20Z": 0, "?until=2026-09-01T07:58:21Z": 3, "?since=2026-09-01T07:59:00Z&until=2026-09-01T08:01:00Z": 3,
	} {
		var list eventList
		b.want(b.ask(http.MethodGet, "/sesame/audit"+query, ""), http.StatusOK, &list)
		if len(list.Events) != want {
			t.Errorf("audit%s: %d entries, want %d", query, len(list.Events), want)
		}
	}
}

// Who follows is sent what is there and then what comes, until they leave.
func TestAdminFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newAdminBench(t)
		b.person(authcore.Account{Identifier: "jdupont"}, "")
		answer := make(chan *adminAnswer)
		go func() { answer <- b.follow(t.Context(), "", 4) }()
		for _, id := range []authcore.Identifier{"smartin", "cnouvel", "lbernard", "absent"} {
			<-time.After(3 * followEvery) // of the bubble's clock
			b.must(b.gate.AddAccount(t.Context(), castActor, authcore.Account{Identifier: id}))
		}
		a := <-answer
		if got := a.lineKinds(t); len(got) != 4 || a.header.Get("Content-Type") != ndjson {
			t.Errorf("%d %s: %v", a.status, a.header.Get("Content-Type"), got)
		}
		var who []string
		for line := range strings.Lines(a.body.String()) {
			_, after, _ := strings.Cut(line, `"holder":"`)
			id, _, _ := strings.Cut(after, `"`)
			who = append(who, id)
		}
		if diff := cmp.Diff([]string{"jdupont", "smartin", "cnouvel", "lbernard"}, who); diff != "" {
			t.Errorf("followed (-want +got):\n%s", diff)
		}
	})
}

// A store that fails breaks the answer off: nobody takes a part for the whole.
func TestAdminAuditBreaksOff(t *testing.T) {
	b := newAdminBench(t)
	for range 3 {
		b.person(authcore.Account{Identifier: authcore.Identifier("p" + b.clock.Format("150405"))}, "")
		b.clock = b.clock.Add(time.Second)
	}
	ctx := context.WithValue(t.Context(), wroteKey{}, func(*adminAnswer) { _ = b.store.Close() })
	broken := func() (cause any) {
		defer func() { cause = recover() }()
		b.askIn(ctx, http.MethodGet, "/sesame/audit?follow=true&since=2026-01-01T00:00:00Z", "")
		return nil
	}()
	if broken != http.ErrAbortHandler {
		t.Errorf("got %v", broken)
	}
}

// tamper removes the first look-up by a key.
func (b *adminBench) tamper() {
	b.t.Helper()
	var name string
	b.must(b.store.View(b.t.Context(), func(r store.Reader) error {
		for e, err := range r.Scan("index/key/", "") {
			name = e.Key
			return err
		}
		return nil
	}))
	b.must(b.store.Update(b.t.Context(), func(w store.Writer) error { return w.Delete(name) }))
}

func TestAdminVerify(t *testing.T) {
	b := newAdminBench(t)
	b.person(authcore.Account{Identifier: "jdupont"}, "0123456789")
	var v authcore.Verification
	b.want(b.ask(http.MethodGet, "/sesame/audit/verify", ""), http.StatusOK, &v)
	want := authcore.Verification{Entries: 3, Chains: 2, Oldest: adminStart, Newest: adminStart}
	if diff := cmp.Diff(want, v); diff != "" {
		t.Errorf("verified (-want +got):\n%s", diff)
	}
	b.tamper()
	b.want(b.ask(http.MethodGet, "/sesame/audit/verify", ""), http.StatusOK, &v)
	if v.Wrong != 1 || len(v.Faults) != 1 || !strings.HasSuffix(v.Faults[0], " is not found by its key any more: the look-up was removed") {
		t.Errorf("after a look-up was removed: %+v", v)
	}
}

func TestAdminPurge(t *testing.T) {
	b := newAdminBench(t)
	b.person(authcore.Account{Identifier: "jdupont"}, "0123456789")
	b.clock = b.clock.Add(time.Hour)
	var r purgeReport
	b.want(b.post("/sesame/audit/purge", `{"before":"2026-09-01T08:30:00Z"}`), http.StatusOK, &r)
	e := b.events()
	if r.Removed != 3 || len(e) != 1 || e[0].Kind != authcore.AuditPurged || e[0].Actor != "127.0.0.1" || e[0].Detail != "3 before 2026-09-01T08:30:00Z" {
		t.Errorf("%d removed, left: %+v", r.Removed, e)
	}
	for _, body := range []string{`{}`, `{"before":"2199-01-01T00:00:00Z"}`, `{"before":"hier"}`} {
		if a := b.post("/sesame/audit/purge", body); a.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", body, a.status, &a.body)
		}
	}
}

func TestAdminPersonData(t *testing.T) {
	b := newAdminBench(t)
	b.person(authcore.Account{Identifier: "jdupont", Surname: "Dupont"}, "0123456789")
	b.firstLogin("jdupont", "0123456789", "7294")
	sent, err := b.gate.WithDesk(authcore.Desk{Mail: "assistance@ac-exemple.fr"}).Ask(t.Context(), "form", nasty(t), &authcore.Account{Identifier: "jdupont"}, authcore.Source{})
	b.must(err)
	var d personData
	a := b.ask(http.MethodGet, "/sesame/users/jdupont/export", "")
	b.want(a, http.StatusOK, &d)
	if d.User == nil || d.User.Surname != "Dupont" || len(d.Keys) != 1 || len(d.Sessions) != 1 || len(d.Events) != 6 || len(d.Requests) != 1 || d.Requests[0].Reference != sent.Reference || len(d.Messages) != 1 || d.Messages[0].Request != sent.Reference {
		t.Errorf("exported: %s", &a.body)
	}
	for _, form := range seedForms(castKey("0123456789").Seed) {
		if strings.Contains(a.body.String(), form) || strings.Contains(a.body.String(), "argon2") {
			t.Error("the export shows a seed or a PIN's hash")
		}
	}
	if a := b.ask(http.MethodPost, "/sesame/users/jdupont/erase", ""); a.status != http.StatusConflict || !strings.Contains(a.error(), "remove the account first") {
		t.Errorf("erasing too early: %d %s", a.status, &a.body)
	}
	b.want(b.ask(http.MethodDelete, "/sesame/users/jdupont?keys=return", ""), http.StatusNoContent, nil)
	if a := b.ask(http.MethodPost, "/sesame/users/jdupont/erase", ""); a.status != http.StatusNoContent {
		t.Errorf("erasing: %d %s", a.status, &a.body)
	}
	for _, target := range []string{"GET /sesame/users/jdupont/export", "POST /sesame/users/jdupont/erase"} {
		method, path, _ := strings.Cut(target, " ")
		if a := b.ask(method, path, ""); a.status != http.StatusNotFound || !strings.Contains(a.error(), "whose data were erased on 2026-09-01") {
			t.Errorf("%s, once more: %d %s", target, a.status, &a.body)
		}
	}
	if e := b.events(authcore.DataErased); len(e) != 1 || e[0].Holder != "" || e[0].Actor != "127.0.0.1" {
		t.Errorf("what is told of it: %+v", e)
	}
}

// The trail is swept at once and then every day, until the configuration ends.
func TestDaily(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithCancel(t.Context())
		begun, done := time.Now(), make(chan struct{})
		var at []time.Duration
		go func() {
			every(ctx, 24*time.Hour, func() { at = append(at, time.Since(begun)) })
			close(done)
		}()
		<-time.After(60 * time.Hour) // of the bubble's clock
		end()
		<-done
		if diff := cmp.Diff([]time.Duration{0, 24 * time.Hour, 48 * time.Hour}, at); diff != "" {
			t.Errorf("swept at (-want +got):\n%s", diff)
		}
	})
}
