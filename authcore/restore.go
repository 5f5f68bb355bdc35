package authcore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sesame-gateway/sesame/authcore/otp"
	"github.com/sesame-gateway/sesame/authcore/store"
)

// Restore writes a backup into an empty store, for a Gate to be made over it
// afterwards. Of c it takes Store, Secrets, Policy and Now. What became of the
// store after the backup is unknown, so that it is made sure that nothing revives:
//
//   - every code of a time-based key up to the instant of the restore, and as far
//     beyond it as a key may run ahead, counts as used: for about Policy.Large
//     steps (ten minutes) nobody logs in with one;
//   - a counter-based key is to be synchronised: two codes in a row;
//   - emergency codes are gone; a key that was locked over them is lost again, and
//     locked when it is found;
//   - nobody is logged in, and no passkey's answer to an earlier question counts;
//   - the time believed does not go back, and the store's epoch is a new one.
//
// What people and operators decided after the backup is lost: a key that was
// locked, cleared or reported lost since is as it was before. The audit trail
// says when the backup was made, in an alert, and the log since then says what
// is to be done again. A key whose clock was learnt since to be ahead by more
// than Policy.Large may have shown a code by then that is taken once more.
//
// Errors: one that is ErrBackup, a sentence about the clock or the store, the
// store's, r's. After an error the store is to be thrown away.
func Restore(ctx context.Context, c Config, by Actor, r io.Reader) (Backup, error) {
	c = c.withDefaults()
	if err := checkEmpty(ctx, c.Store); err != nil {
		return Backup{}, err
	}
	re := &restorer{ctx: ctx, config: c, now: c.Now().Round(0)}
	b, err := c.Secrets.readBackup(r, re.begin, re.add)
	if err == nil {
		err = re.flush()
	}
	if err == nil {
		err = re.finish(by, b)
	}
	return b, err
}

func checkEmpty(ctx context.Context, s store.Store) error {
	return s.View(ctx, func(r store.Reader) error {
		for _, err := range r.Scan("", "") {
			if err != nil {
				return err
			}
			return errors.New("the store is neither whole nor empty")
		}
		return nil
	})
}

// restorer is one restore under way.
type restorer struct {
	ctx    context.Context
	config Config
	header backupHeader
	now    time.Time // from which on codes are good
	batch  []store.Entry
	bytes  int
}

// What is written in one transaction, well below what a store takes.
const (
	restoreKeys  = 100
	restoreBytes = store.MaxWritten / 2
)

func (r *restorer) begin(h backupHeader) error {
	if wall := r.now; wall.Before(h.Made.Add(-clockLate)) {
		return fmt.Errorf("the clock says %s, and the backup was made at %s: put the clock right first, or codes that were used would be good again",
			wall.UTC().Format(time.RFC3339), h.Made.UTC().Format(time.RFC3339))
	}
	r.header, r.now = h, later(r.now, later(h.Made, h.Highest))
	return nil
}

func (r *restorer) add(e store.Entry) error {
	if strings.HasPrefix(e.Key, keyPrefix) {
		var rec keyRecord
		if err := openRecord(r.config.Secrets, e.Key, e.Value, &rec); err != nil {
			return err
		}
		var err error
		if e.Value, err = sealRecord(r.config.Secrets, e.Key, keyRecord(Key(rec).Restored(r.now, r.config.Policy))); err != nil {
			return err
		}
	}
	if len(r.batch) == restoreKeys || r.bytes+len(e.Key)+len(e.Value) > restoreBytes {
		if err := r.flush(); err != nil {
			return err
		}
	}
	r.batch, r.bytes = append(r.batch, e), r.bytes+len(e.Key)+len(e.Value)
	return nil
}

func (r *restorer) flush() error {
	err := r.config.Store.Update(r.ctx, func(w store.Writer) error {
		for _, e := range r.batch {
			if err := w.Put(e.Key, e.Value, r.expires(e.Key)); err != nil {
				return err
			}
		}
		return nil
	})
	r.batch, r.bytes = r.batch[:0], 0
	return err
}

// expires is when a store may forget a record, which a backup does not say: the
// requests for assistance alone do not stay, however long ago they were sent.
func (r *restorer) expires(name string) time.Time {
	switch kindOf(name) {
	case "request", "asked", "requested":
		return r.now.Add(r.config.Policy.Requests + day)
	}
	return time.Time{}
}

// finish writes what is new in a restored store.
func (r *restorer) finish(by Actor, b Backup) error {
	s := r.config.Secrets
	return r.config.Store.Update(r.ctx, func(w store.Writer) error {
		id, err := read[identityRecord](s, w, identityName)
		if err != nil {
			return err
		}
		if id.ID != r.header.Store || id.Schema != r.header.Schema {
			return refuseBackup("its header is not that of the store in it")
		}
		id.Epoch, id.Restored, id.Keys = max(id.Epoch+1, r.now.UnixMilli()), r.now, b.Keys
		e := Event{
			Kind: StoreRestored, Actor: by.Name, Alert: true, Time: r.now, Reference: NewReference(),
			Detail: fmt.Sprintf("a backup of %s, %d records", r.header.Made.UTC().Format(time.RFC3339), b.Records),
		}
		return errors.Join(write(s, w, identityName, id, time.Time{}), write(s, w, clockName, clockRecord{Highest: r.now}, time.Time{}),
			writeEvents(s, w, []Event{e}))
	})
}

// Restored returns the key as it stands in a store that a backup was restored
// into at that time: whatever it may have shown since the backup opens nothing.
func (k Key) Restored(now time.Time, pol Policy) Key {
	switch {
	case k.Generator.Kind != otp.HOTP:
		k.Used = max(k.Used, k.Generator.StepAt(now)+k.Drift+pol.Large)
	case k.State == Active:
		k.State = ToSynchronise
	}
	if k.State == Locked && k.Emergency.given() {
		k.State = Lost
	}
	k.Emergency = emergency{}
	return k
}
