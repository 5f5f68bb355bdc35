package caddymodule

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/authcore/store"
	"github.com/sesame-gateway/sesame/authcore/store/badgerstore"
)

// copyOrder asks a server to move its store. Paths are absolute.
type copyOrder struct {
	From       string `json:"from"` // where the caller believes that it is
	Store      *Store `json:"store"`
	SecretFile string `json:"secret_file"`
	Replace    bool   `json:"replace,omitempty"`
}

// orderTo is the order to move a store to a place.
func orderTo(from, to place, replace bool) copyOrder {
	o := copyOrder{From: from.name(), Store: &Store{Badger: to.dir}, SecretFile: to.secret, Replace: replace}
	if c := to.etcd; c != nil {
		o.Store = &Store{Etcd: &Etcd{
			Endpoints: c.endpoints, CA: c.with.ca, Cert: c.with.cert, Key: c.with.key,
			Username: c.with.username, PasswordFile: c.with.passwordFile, Prefix: c.prefix, Behind: caddy.Duration(c.with.behind),
		}}
	}
	return o
}

// copyStore moves the server's own store to another place.
func copyStore(c *adminCall) (any, error) {
	var o copyOrder
	if err := c.decode(&o); err != nil {
		return nil, err
	}
	if o.Store == nil {
		return nil, adminRefusal(http.StatusBadRequest, "store is missing: where the store is to be copied to")
	}
	from := c.app.where
	to, err := (&App{Store: o.Store, SecretFile: o.SecretFile}).place()
	if err == nil {
		err = sameSecrets(from, to)
	}
	if err != nil {
		return nil, adminRefusal(http.StatusBadRequest, "%w", err)
	}
	if o.From != from.name() {
		return nil, adminRefusal(http.StatusConflict, "this server has its store in %s, and not in %s", from.name(), o.From)
	}
	// It takes as long as it takes; the endpoint's own limits are for short answers.
	answer := http.NewResponseController(c.w)
	_, _ = answer.SetReadDeadline(time.Time{}), answer.SetWriteDeadline(time.Time{})
	done, err := copyInto(to, func(st store.Store) (authcore.Copied, error) {
		return c.gate.Copy(c.Context(), authcore.CopyOrder{To: st, Source: from.name(), Target: to.name(), Replace: o.Replace}, c.by)
	})
	for _, wrong := range []error{authcore.ErrTarget, authcore.ErrMoved, authcore.ErrHalfCopied, errTaken} {
		if errors.Is(err, wrong) {
			return nil, adminRefusal(http.StatusConflict, "%w", err)
		}
	}
	return done, err
}

// errTaken is what is wrong with a directory that a server uses.
var errTaken = errors.New("a server uses the store there: stop it first")

// copyInto opens a place for a copy into it.
func copyInto(to place, run func(store.Store) (authcore.Copied, error)) (done authcore.Copied, err error) {
	st, err := openToCopy(to)
	if err != nil {
		return done, err
	}
	done, err = run(st)
	return done, errors.Join(err, st.Close())
}

func openToCopy(p place) (st store.Store, err error) {
	if p.etcd != nil {
		st, err = p.etcd.open(quietLog)
	} else if st, err = badgerstore.Open(p.dir, badgerstore.Options{Logger: quietLog, Now: now}); errors.Is(err, badgerstore.ErrLocked) {
		err = errTaken
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.name(), err)
	}
	return st, nil
}

// sameSecrets refuses to move a store to where its records would not open.
func sameSecrets(from, to place) error {
	if from.name() == to.name() {
		return errors.New("both configurations have their store in the same place")
	}
	here, _, err := loadSecrets(from.secret)
	if err != nil {
		return err
	}
	there, _, err := loadSecrets(to.secret)
	if err == nil && !bytes.Equal(here, there) {
		err = fmt.Errorf("%s is another secret file than %s, and the store is sealed under that: put a copy of it there", to.secret, from.secret)
	}
	return err
}

// errHeld is what copyHere returns for a directory that a running server holds.
var errHeld = errors.New("a server has the store open")

// copyHere moves a store in etcd, or in a directory that no server holds.
func copyHere(ctx context.Context, from, to place, policy authcore.Policy, replace bool) (done authcore.Copied, err error) {
	if err := sameSecrets(from, to); err != nil {
		return done, err
	}
	_, secrets, err := loadSecrets(from.secret)
	if err != nil {
		return done, err
	}
	if from.etcd == nil {
		if full, err := exists(from.dir); err != nil || !full {
			return done, errors.Join(err, fmt.Errorf("there is no store in %s", from.dir))
		}
	}
	source, err := openToCopy(from)
	if errors.Is(err, errTaken) {
		err = errHeld
	}
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	config := authcore.Config{Store: source, Secrets: secrets, Policy: policy, Now: now, Logger: slog.New(slog.DiscardHandler)}
	return copyInto(to, func(st store.Store) (authcore.Copied, error) {
		o := authcore.CopyOrder{To: st, Source: from.name(), Target: to.name(), Replace: replace}
		return authcore.Copy(ctx, config, o, authcore.Actor{Name: userName()})
	})
}
