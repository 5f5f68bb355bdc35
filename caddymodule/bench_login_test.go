package caddymodule

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/authcore/store/badgerstore"
)

// BenchmarkLogin is what a login costs on disk, pages and network apart: one
// refused for its code, which writes an audit entry and hashes no PIN, and one
// that opens a session.
func BenchmarkLogin(b *testing.B) {
	secrets, err := authcore.NewSecrets()
	if err != nil {
		b.Fatal(err)
	}
	c := &cast{t: b, clock: time.Now()}
	db, err := badgerstore.Open(b.TempDir()+"/store", badgerstore.Options{Logger: slog.New(slog.DiscardHandler), Now: c.now})
	c.must(err)
	b.Cleanup(func() { c.must(db.Close()) })
	c.open(db, secrets)
	c.person(authcore.Account{Identifier: "jdupont"}, "0123456789")
	c.person(authcore.Account{Identifier: "smartin"}, "FT1")
	c.firstLogin("jdupont", "0123456789", testPIN)
	b.Run("refused", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c.must(c.blind("smartin"))
		}
	})
	b.Run("granted", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if r := c.login("jdupont", "0123456789", testPIN); r.Outcome != authcore.Granted {
				b.Fatalf("the login was %s", r.Outcome)
			}
		}
	})
}

// A thousand posts of one PASSCODE on the real engine: one opens, and every other
// one gets its refusal, with an entry in a trail that verifies. None is told that
// the gate is busy, as they would be if their entries waited for each other.
func TestAThousandAnswersOnDisk(t *testing.T) {
	secrets, err := authcore.NewSecrets()
	if err != nil {
		t.Fatal(err)
	}
	c := &cast{t: t, clock: time.Now()}
	db, err := badgerstore.Open(t.TempDir()+"/store", badgerstore.Options{Logger: slog.New(slog.DiscardHandler), Now: c.now})
	c.must(err)
	c.open(db, secrets)
	c.person(authcore.Account{Identifier: "jdupont"}, "0123456789")
	c.firstLogin("jdupont", "0123456789", testPIN)
	code := c.passcode("0123456789", testPIN)
	var granted, denied atomic.Int64
	var all sync.WaitGroup
	for range 1000 {
		all.Go(func() {
			r, err := c.gate.Answer(t.Context(), c.gate.Begin(""), authcore.PasscodeAnswer{Identifier: "jdupont", Passcode: code}, c.from())
			switch {
			case err != nil:
				t.Error(err)
			case r.Outcome == authcore.Granted:
				granted.Add(1)
			case r.Outcome == authcore.Denied:
				denied.Add(1)
			}
		})
	}
	all.Wait()
	if granted.Load() != 1 || denied.Load() != 999 {
		t.Errorf("%d opened, %d were refused", granted.Load(), denied.Load())
	}
	v, err := c.gate.VerifyAudit(t.Context())
	c.must(err)
	if v.Wrong != 0 || v.Entries < 1000 {
		t.Errorf("the trail: %+v", v)
	}
	c.must(db.Close())
}
