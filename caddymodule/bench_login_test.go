package caddymodule

import (
	"log/slog"
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
