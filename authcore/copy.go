package authcore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// CopyOrder says where a store is copied to.
type CopyOrder struct {
	To store.Store
	// Source and Target are where the two stores are, for people.
	Source, Target string
	// Replace has what is in the target go.
	Replace bool
}

// Copied is what a Copy did.
type Copied struct {
	Store    string `json:"store"`    // which one it is, here and there
	Records  int    `json:"records"`  // each of them read back and compared
	Keys     int    `json:"keys"`     // OTP keys
	People   int    `json:"people"`   // accounts
	Sessions int    `json:"sessions"` // records of sessions, ended ones among them
	Stopped  int    `json:"stopped"`  // for so many milliseconds the gates of the source answered nobody
	Faults   int    `json:"faults"`   // in the audit trail, as in the source
}

// ErrTarget is what Copy returns for a target that it does not write into; the text
// says why.
var ErrTarget = errors.New("the target is not copied into")

// Copy moves the store in c, while gates use it, into another one, and has that
// take its place. Of c it takes Store, Secrets, Policy and Now.
//
// Records are copied as they are, sealed, while all goes on; then what has changed
// meanwhile is copied again, until little has. Then the source is latched: a record
// in it, which every Update reads, refuses whatever is not committed by then, and
// its gates answer nobody from there on. What is left is copied, all of both stores
// is read and compared, the audit trail verified; last, the target's own latch goes,
// and its gates open.
//
// So nothing is lost, and nothing revives: what was used, ended, locked or decided
// in the source is so in the target, up to the last transaction. Sessions go on,
// logins under way as well. The source never opens again by itself; whoever has
// lost the target may Accept it, and nothing used revives there either.
//
// When it fails before the target has opened, the source is released again. When it
// is cut off, the target is refused by every gate, and the source too if it was
// latched: the next Copy to the same place finishes. Errors: ErrTarget, ErrMoved,
// ErrHalfCopied, ErrWrongSecret, ErrNewerStore, a sentence, those of the stores.
func Copy(ctx context.Context, c Config, o CopyOrder, by Actor) (Copied, error) {
	c = c.withDefaults()
	g, err := open(ctx, c)
	if err != nil {
		return Copied{}, err
	}
	p := &copying{ctx: ctx, gate: g, order: o, by: by, config: c, id: NewNonce(), began: g.now()}
	return p.run()
}

// copying is one Copy under way.
type copying struct {
	ctx    context.Context
	gate   *Gate // over the source, without its latch
	config Config
	order  CopyOrder
	by     Actor
	id     string
	began  time.Time
	found  Copied
}

// While so many records differ at most, the source is latched: that takes about as
// long as they do. It is latched after so many rounds in any case.
const (
	copyFew    = 200
	copyRounds = 5
)

func (p *copying) run() (Copied, error) {
	again, err := p.checkSource()
	if err == nil {
		err = p.identify()
	}
	if err == nil {
		err = p.begin(again)
	}
	if err != nil {
		return p.found, err
	}
	for range copyRounds {
		differed, err := p.level()
		if err != nil {
			return p.found, err
		}
		if differed <= copyFew {
			break
		}
	}
	err = p.exchange()
	return p.found, err
}

// checkSource refuses a source that was moved, or is no whole store itself. Again
// says that an earlier copy to the same place had latched it.
func (p *copying) checkSource() (again bool, err error) {
	rec, err := p.latchOf(p.config.Store)
	switch {
	case err != nil || rec == nil:
		return false, err
	case rec.Into || !rec.Ended.IsZero() || rec.Other != p.order.Target:
		return false, rec.refusal()
	}
	return true, nil
}

// identify finds out which store the source is.
func (p *copying) identify() error {
	id, made, err := p.gate.identity(p.ctx)
	if err == nil && !made {
		err = errors.New("there is no store to copy")
	}
	p.found.Store = id.ID
	return err
}

// latchOf returns a store's latch, nil where there is none.
func (p *copying) latchOf(s store.Store) (found *copyRecord, err error) {
	err = s.View(p.ctx, func(r store.Reader) error {
		rec, err := read[copyRecord](p.gate.secrets(), r, copyName)
		if errors.Is(err, store.ErrNotFound) {
			found = nil
			return nil
		}
		found = &rec
		return err
	})
	return found, err
}

// begin latches the target. Where the source was latched for it and it has none,
// the earlier copy had opened it, and died before it could say so.
func (p *copying) begin(again bool) error {
	rec, err := p.latchOf(p.order.To)
	if err != nil {
		return fmt.Errorf("%w: its records are under another secret file (%w)", ErrTarget, err)
	}
	whole, err := p.holdsStore()
	switch {
	case err != nil:
		return err
	case again && rec == nil && whole:
		done := p.record(p.order.Target)
		done.Ended = p.began
		return errors.Join(p.put(p.config.Store, done), done.refusal())
	case rec != nil && rec.Into:
	case p.order.Replace:
	case rec != nil:
		return fmt.Errorf("%w: it holds a store that was moved; --replace has that go (%w)", ErrTarget, rec.refusal())
	case whole:
		return fmt.Errorf("%w: there is a store in it; --replace has that go", ErrTarget)
	}
	into := p.record(p.order.Source)
	into.Into = true
	return p.put(p.order.To, into)
}

// holdsStore reports whether the target has anything beside a latch.
func (p *copying) holdsStore() (whole bool, err error) {
	err = p.order.To.View(p.ctx, func(r store.Reader) error {
		whole = false
		for e, err := range r.Scan("", "") {
			if err != nil {
				return err
			}
			if whole = e.Key != copyName; whole {
				break
			}
		}
		return nil
	})
	return whole, err
}

func (p *copying) record(other string) copyRecord {
	return copyRecord{ID: p.id, Began: p.began, Other: other}
}

// put writes a latch.
func (p *copying) put(s store.Store, rec copyRecord) error {
	return s.Update(p.ctx, func(w store.Writer) error {
		return write(p.gate.secrets(), w, copyName, rec, time.Time{})
	})
}

// exchange latches the source, has the target become as it is, and opens that.
func (p *copying) exchange() error {
	began := p.config.Now()
	if err := p.put(p.config.Store, p.record(p.order.Target)); err != nil {
		return errors.Join(err, p.release())
	}
	if err := p.finish(); err != nil {
		return errors.Join(err, p.release())
	}
	switch err := p.open(); {
	case errors.Is(err, store.ErrFailed): // it may be open, so the source stays shut
		return fmt.Errorf("whether the target has opened is not known; copy again, to the same place: %w", err)
	case err != nil:
		return errors.Join(err, p.release())
	}
	p.found.Stopped = int(p.config.Now().Sub(began).Milliseconds())
	done := p.record(p.order.Target)
	done.Ended = p.gate.now()
	return p.put(p.config.Store, done)
}

// finish copies what is left until nothing differs: the last round has read all of
// both stores, of which neither changes any more but by what expires.
func (p *copying) finish() error {
	for range copyRounds {
		differed, err := p.level()
		if err != nil {
			return err
		}
		if differed == 0 {
			return p.verify()
		}
	}
	return fmt.Errorf("%w: it does not hold what is written into it; is it in use?", ErrTarget)
}

// verify reads the audit trail of the target.
func (p *copying) verify() error {
	c := p.config
	c.Store = p.order.To
	g, err := open(p.ctx, c)
	if err != nil {
		return err
	}
	v, err := g.VerifyAudit(p.ctx)
	p.found.Faults = v.Wrong
	return err
}

// release lets the gates of the source go on, unless another Copy has latched it
// since. It is done even where the context is over.
func (p *copying) release() error {
	return p.config.Store.Update(context.WithoutCancel(p.ctx), func(w store.Writer) error {
		err := p.own(w)
		if errors.Is(err, store.ErrNotFound) {
			return nil // it had not come to that
		}
		return errors.Join(err, w.Delete(copyName))
	})
}

// own returns an error unless the latch is this Copy's.
func (p *copying) own(from getter) error {
	rec, err := read[copyRecord](p.gate.secrets(), from, copyName)
	if err == nil && rec.ID != p.id {
		err = errors.New("another copy of this store has begun meanwhile: let that go on")
	}
	return err
}

// open removes the target's latch and tells its audit trail.
func (p *copying) open() error {
	return p.order.To.Update(p.ctx, func(w store.Writer) error {
		if err := p.own(w); err != nil {
			return err
		}
		e := Event{Kind: StoreMoved, Actor: p.by.Name, Alert: true, Time: p.gate.now(), Reference: NewReference(),
			Detail: fmt.Sprintf("from %s, %d records", p.order.Source, p.found.Records)}
		return errors.Join(w.Delete(copyName), writeEvents(p.gate.secrets(), w, []Event{e}))
	})
}

// Copy is the same for the gate's own store, while the gate is in use.
func (g *Gate) Copy(ctx context.Context, o CopyOrder, by Actor) (Copied, error) {
	c := Config{Store: g.shared.store, Secrets: g.secrets(), Policy: g.policy, Now: g.shared.time.clock}
	if l, ok := c.Store.(*latched); ok {
		c.Store = l.Store
	}
	return Copy(ctx, c, o, by)
}
