package caddymodule

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/authcore/store/badgerstore"
)

// elsewhere gives the server a place with a secret file, and orders its store to
// another directory.
func (b *adminBench) elsewhere() copyOrder {
	b.t.Helper()
	dir := b.t.TempDir()
	secret := filepath.Join(dir, "secret")
	b.must(makeSecrets(secret))
	b.app.where = place{dir: filepath.Join(dir, "here"), secret: secret}
	return copyOrder{From: b.app.where.dir, Store: &Store{Badger: filepath.Join(dir, "there")}, SecretFile: secret}
}

func (b *adminBench) orderElsewhere() string { return b.body(b.elsewhere()) }

func (b *adminBench) body(v any) string {
	b.t.Helper()
	raw, err := json.Marshal(v)
	b.must(err)
	return string(raw)
}

// A server moves its store on order, and answers nobody from then on.
func TestAdminCopy(t *testing.T) {
	b := newAdminBench(t)
	b.person(authcore.Account{Identifier: "jdupont"}, "0123456789")
	b.firstLogin("jdupont", "0123456789", testPIN)
	o := b.elsewhere()
	b.clock = now() // what expires does so by the clock of the target's engine
	var done authcore.Copied
	b.want(b.post("/sesame/copy", b.body(o)), http.StatusOK, &done)
	if done.Keys != 1 || done.People != 1 || done.Sessions != 1 || done.Faults != 0 {
		t.Errorf("copied: %+v", done)
	}
	if a := b.ask(http.MethodGet, "/sesame/users", ""); a.status != http.StatusServiceUnavailable || !strings.Contains(a.error(), "this store was moved") {
		t.Errorf("behind the move: %d %s", a.status, a.error())
	}
	if a := b.post("/sesame/copy", b.body(o)); a.status != http.StatusConflict || !strings.Contains(a.error(), "this store was moved") {
		t.Errorf("again: %d %s", a.status, a.error())
	}
}

// An order that is wrong changes nothing.
func TestAdminCopyRefuses(t *testing.T) {
	b := newAdminBench(t)
	right := b.elsewhere()
	other := filepath.Join(t.TempDir(), "secret")
	b.must(makeSecrets(other))
	held := filepath.Join(t.TempDir(), "held")
	db, err := badgerstore.Open(held, badgerstore.Options{Logger: quietLog})
	b.must(err)
	defer db.Close()
	for _, c := range []struct {
		name   string
		change func(*copyOrder)
		status int
		says   string
	}{
		{"no store", func(o *copyOrder) { o.Store = nil }, http.StatusBadRequest, "store is missing"},
		{"two stores", func(o *copyOrder) { o.Store = &Store{Badger: "x", Etcd: &Etcd{}} }, http.StatusBadRequest, "there is one"},
		{"the same place", func(o *copyOrder) { o.Store.Badger = o.From }, http.StatusBadRequest, "the same place"},
		{"another secret file", func(o *copyOrder) { o.SecretFile = other }, http.StatusBadRequest, "is another secret file than"},
		{"no secret file", func(o *copyOrder) { o.SecretFile = other + "-none" }, http.StatusBadRequest, "no such file"},
		{"another server's", func(o *copyOrder) { o.From = "/elsewhere" }, http.StatusConflict, "this server has its store in"},
		{"a store in use", func(o *copyOrder) { o.Store.Badger = held }, http.StatusConflict, "a server uses the store there"},
	} {
		o := right
		to := *o.Store
		o.Store = &to
		c.change(&o)
		if a := b.post("/sesame/copy", b.body(o)); a.status != c.status || !strings.Contains(a.error(), c.says) {
			t.Errorf("%s: %d %s", c.name, a.status, a.error())
		}
	}
	b.want(b.ask(http.MethodGet, "/sesame/users", ""), http.StatusOK, nil)
	if _, err := os.Stat(right.Store.Badger); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the target was made: %v", err)
	}
}
