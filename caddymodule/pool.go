package caddymodule

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/authcore/store"
	"github.com/sesame-gateway/sesame/authcore/store/badgerstore"
)

// pool holds the open stores by directory, or by place in etcd. Caddy starts a new configuration
// before it stops the old one, and a directory can be opened once only: both use
// the same store, which closes behind the last of them.
var pool = caddy.NewUsagePool()

// openTimeout bounds what a configuration may wait for its store's first answer.
const openTimeout = 30 * time.Second

// openStore is one entry of the pool.
type openStore struct {
	where place
	store store.Store
	gate  *authcore.Gate
	post  *courier
	log   *slog.Logger

	anchoring sync.Mutex // one anchor is made and written at a time

	mu  sync.Mutex
	sum [sha256.Size]byte // of the secret file in use
}

// Destruct closes the store once nobody refers to it.
func (s *openStore) Destruct() error {
	s.post.stop()
	s.keepAnchor()
	return s.store.Close()
}

// errOtherSecret is what a second user of a store gets whose options differ.
var errOtherSecret = errors.New("this store is already open with another secret_file: one store has one; to move the file, stop the server first")

// acquire takes a reference on the store of a place, which it opens when nobody
// has it open. The caller gives the reference back with pool.Delete(key), but
// only when there is no error.
func acquire(where place, log *slog.Logger) (s *openStore, key string, err error) {
	key = where.name()
	if where.etcd == nil {
		key = resolveLinks(key)
	}
	v, loaded, err := pool.LoadOrNew(key, func() (caddy.Destructor, error) { return openPlace(where, log) })
	if err != nil {
		return nil, "", err
	}
	s = v.(*openStore)
	if !loaded {
		return s, key, nil
	}
	if err := s.join(where, log); err != nil {
		_, errDelete := pool.Delete(key)
		return nil, "", errors.Join(err, errDelete)
	}
	return s, key, nil
}

// openPlace opens a store with its secrets, or makes both when neither exists.
func openPlace(where place, log *slog.Logger) (caddy.Destructor, error) {
	if where.etcd != nil {
		return openCluster(where, log)
	}
	content, secrets, err := loadOrMakeSecrets(where, func() (bool, error) { return exists(where.dir) })
	if err != nil {
		return nil, err
	}
	st, err := badgerstore.Open(where.dir, badgerstore.Options{Logger: log, Now: now})
	if errors.Is(err, badgerstore.ErrLocked) {
		return nil, fmt.Errorf("another server already uses the store in %s: stop it, or give this one another directory (store badger DIR)", where.dir)
	}
	if err != nil {
		return nil, fmt.Errorf("the store in %s: %w", where.dir, err)
	}
	return openGate(where, st, content, secrets, log)
}

// openCluster is openPlace in etcd, which is asked first whether anything is there.
func openCluster(where place, log *slog.Logger) (caddy.Destructor, error) {
	st, err := where.etcd.open(log)
	if err != nil {
		return nil, fmt.Errorf("the store in %s: %w", where.name(), err)
	}
	content, secrets, err := loadOrMakeSecrets(where, func() (bool, error) { return used(st) })
	if err != nil {
		return nil, errors.Join(err, st.Close())
	}
	return openGate(where, st, content, secrets, log)
}

// openGate makes a gate of an open store, which it closes when it cannot.
func openGate(where place, st store.Store, content []byte, secrets *authcore.Secrets, log *slog.Logger) (caddy.Destructor, error) {
	ctx, cancel := context.WithTimeout(context.Background(), openTimeout)
	defer cancel()
	gate, err := authcore.New(ctx, authcore.Config{
		Store: st, Secrets: secrets, Now: now, Logger: log, OnAlert: countAlert,
		Anchor: func() (*authcore.Anchor, error) { return where.anchor.read(secrets) },
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the store in %s: %w", where.name(), err), st.Close())
	}
	content = completeSecrets(where.secret, content, secrets, log)
	s := &openStore{where: where, store: st, gate: gate, post: startCourier(gate), log: log, sum: sha256.Sum256(content)}
	s.keepAnchor()
	return s, nil
}

// join makes an open store serve one more configuration: it must name the same
// secret file, which is read again, so that a reload is all that a change of
// secrets takes.
func (s *openStore) join(where place, log *slog.Logger) error {
	if where.secret != s.where.secret {
		return errOtherSecret
	}
	if where.etcd != nil && where.etcd.with != s.where.etcd.with {
		return errOtherAccess
	}
	content, secrets, err := loadSecrets(where.secret)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sum := sha256.Sum256(content)
	if bytes.Equal(sum[:], s.sum[:]) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), openTimeout)
	defer cancel()
	if err := s.gate.UseSecrets(ctx, secrets); err != nil {
		return fmt.Errorf("the secret file %s has changed and does not fit the store: %w", where.secret, err)
	}
	s.sum = sha256.Sum256(completeSecrets(where.secret, content, secrets, log))
	return nil
}

// resolveLinks gives a directory, which need not exist, the one name that it has
// without symbolic links.
func resolveLinks(dir string) string {
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		return real
	}
	parent := filepath.Dir(dir)
	if parent == dir {
		return dir
	}
	return filepath.Join(resolveLinks(parent), filepath.Base(dir))
}

// lifetime is a configuration's hold on its store: taken once, at its start or
// at the first request, whichever comes first, and given back once.
type lifetime struct {
	current atomic.Pointer[authcore.Gate]

	mu    sync.Mutex
	held  string // the pool's key while a reference is held
	leave func() // the courier, if this configuration has mail
	store *openStore
	over  bool
}

// errOver is what requests get that outlived their configuration before it
// opened its store.
var errOver = errors.New("this configuration has ended")

// gate returns the gate under this configuration's policy. Apps start in no
// order, so that requests may come before Start: they open the store as well as
// it does.
func (a *App) gate() (*authcore.Gate, error) {
	if g := a.life.current.Load(); g != nil {
		return g, nil
	}
	l := &a.life
	l.mu.Lock()
	defer l.mu.Unlock()
	if g := l.current.Load(); g != nil {
		return g, nil
	}
	if l.over {
		return nil, errOver
	}
	s, key, err := acquire(a.where, a.log)
	if err != nil {
		return nil, err
	}
	l.held, l.store = key, s
	m := a.mailer(s.gate)
	if m != nil {
		l.leave = s.post.join(&carrier{carry: m.carry, log: a.log})
	}
	g := s.gate.With(a.settings.policy, a.log).WithPasskeys(a.passkeys).WithConsole(a.console).WithMail(a.office != nil).WithDesk(a.desk())
	l.current.Store(g)
	return g, nil
}

// end gives the reference back, if there is one. Requests still being answered
// keep their gate: it works on while another configuration has the store open,
// and fails with store.ErrClosed from then on.
func (l *lifetime) end() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	if l.held == "" {
		return nil
	}
	if l.leave != nil {
		l.leave()
	}
	key := l.held
	l.held = ""
	if _, err := pool.Delete(key); err != nil {
		return fmt.Errorf("closing the store: %w", err)
	}
	return nil
}

// exists tells whether anything is in a directory.
func exists(dir string) (bool, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return len(entries) > 0, err
}
