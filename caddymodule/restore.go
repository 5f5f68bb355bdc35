package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/authcore/store/badgerstore"
)

// restoration is one restore of a backup in the place of a store that no server
// has open. The backup becomes a store of its own beside that, which is read
// through before anything is moved.
type restoration struct {
	where   place
	policy  authcore.Policy
	by      authcore.Actor
	replace bool // keep a store that is there aside, instead of refusing
}

// restored is what came of it.
type restored struct {
	authcore.Backup
	Directory string `json:"directory"`
	Aside     string `json:"aside,omitempty"`  // where the store of before is
	Faults    int    `json:"faults,omitempty"` // in the audit trail, as in the backup
}

// run restores a backup. Until its last two steps nothing that was there is
// touched.
func (o restoration) run(ctx context.Context, file string) (r restored, err error) {
	_, secrets, err := loadSecrets(o.where.secret)
	if err != nil {
		return r, err
	}
	f, err := os.Open(file)
	if err != nil {
		return r, err
	}
	defer f.Close()
	if _, err := secrets.CheckBackup(f); err != nil {
		return r, fmt.Errorf("%s: %w", file, err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return r, err
	}
	return o.make(ctx, secrets, func(c authcore.Config) (authcore.Backup, error) {
		return authcore.Restore(ctx, c, o.by, f)
	})
}

// accept makes of a store that is refused one that is not, of all that is there.
func (o restoration) accept(ctx context.Context) (r restored, err error) {
	_, secrets, err := loadSecrets(o.where.secret)
	if err != nil {
		return r, err
	}
	copied, err := o.copied()
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(copied)) }()
	found, err := badgerstore.Open(copied, badgerstore.Options{Logger: quietLog, Now: now})
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, found.Close()) }()
	return o.make(ctx, secrets, func(c authcore.Config) (authcore.Backup, error) {
		into := c.Store
		c.Store = found
		return authcore.Accept(ctx, c, o.by, into)
	})
}

// copied copies the store's files, since opening them may change them.
func (o restoration) copied() (string, error) {
	dir := resolveLinks(o.where.dir)
	_, unlock, err := o.claim(dir)
	if err != nil {
		return "", err
	}
	defer unlock()
	to, err := beside(dir)
	if err == nil {
		if err = os.CopyFS(to, os.DirFS(dir)); errors.Is(err, os.ErrNotExist) {
			err = nil // there is nothing to copy
		}
	}
	return to, err
}

// make puts a store that fill filled in the place of the one that is there.
func (o restoration) make(ctx context.Context, secrets *authcore.Secrets, fill func(authcore.Config) (authcore.Backup, error)) (r restored, err error) {
	r.Directory = resolveLinks(o.where.dir)
	full, unlock, err := o.claim(r.Directory)
	if err != nil {
		return r, err
	}
	defer unlock()
	fresh, err := beside(r.Directory)
	if err != nil {
		return r, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(fresh))
		}
	}()
	config := authcore.Config{Secrets: secrets, Policy: o.policy, Now: now}
	if r.Backup, err = filled(fresh, config, fill); err != nil {
		return r, err
	}
	if r.Faults, err = readThrough(ctx, fresh, config); err != nil {
		return r, err
	}
	r.Aside, err = swap(r.Directory, fresh, full)
	return r, err
}

// beside makes a directory beside another, which need not exist.
func beside(dir string) (string, error) {
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return "", err
	}
	return os.MkdirTemp(parent, filepath.Base(dir)+".restoring-")
}

// claim keeps servers from a directory, and tells whether a store is in it.
func (o restoration) claim(dir string) (full bool, unlock func(), err error) {
	full, err = exists(dir)
	if err != nil {
		return full, nil, err
	}
	if full && !o.replace {
		return full, nil, fmt.Errorf("there is something in %s: with --replace it is kept aside and the backup takes its place", dir)
	}
	if !full {
		return full, func() {}, nil
	}
	unlock, err = badgerstore.Lock(dir)
	if errors.Is(err, badgerstore.ErrLocked) {
		err = fmt.Errorf("a server uses the store in %s: stop it, restore, and start it again", dir)
	}
	return full, unlock, err
}

// filled makes a store in a directory.
func filled(dir string, c authcore.Config, fill func(authcore.Config) (authcore.Backup, error)) (b authcore.Backup, err error) {
	if c.Store, err = badgerstore.Open(dir, badgerstore.Options{Logger: quietLog, Now: now}); err != nil {
		return b, err
	}
	b, err = fill(c)
	return b, errors.Join(err, c.Store.Close())
}

// quietLog is for stores that a command opens: what there is to say, it says.
var quietLog = slog.New(slog.DiscardHandler)

// readThrough opens a store as a server does and reads its audit trail, in which
// so many things are wrong.
func readThrough(ctx context.Context, dir string, c authcore.Config) (faults int, err error) {
	if c.Store, err = badgerstore.Open(dir, badgerstore.Options{Logger: quietLog, Now: now}); err != nil {
		return 0, err
	}
	g, err := authcore.New(ctx, c)
	if err == nil {
		var v authcore.Verification
		v, err = g.VerifyAudit(ctx)
		faults = v.Wrong
	}
	return faults, errors.Join(err, c.Store.Close())
}

// swap puts a fresh directory in the place of another, which is kept aside where
// there is something in it.
func swap(dir, fresh string, full bool) (aside string, err error) {
	if full {
		aside = dir + ".before-" + now().UTC().Format("20060102T150405.000")
		if err := os.Rename(dir, aside); err != nil {
			return "", fmt.Errorf("the store cannot be moved aside (a mount point cannot: give the store a directory below it): %w", err)
		}
	}
	if err := os.Rename(fresh, dir); err != nil {
		if full {
			err = errors.Join(err, os.Rename(aside, dir))
		}
		return "", err
	}
	return aside, syncDir(filepath.Dir(dir))
}
