package authcore

import (
	"context"
	"crypto/hmac"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// A backup is a store's records as they stand there, sealed as they are: who has
// it without the secret file reads what a thief of the store reads, the names of
// the records. What lives for minutes or hours is left out: see ephemeral.

// backupVersion is that of the format written; oldestBackup the earliest one that
// is still read: that of the version before, once there is one.
const (
	backupVersion = 1
	oldestBackup  = 1
)

// ErrBackup is what is wrong with a backup that is not restored; the text says it.
var ErrBackup = errors.New("this backup is refused")

// backupHeader is what a backup says of itself; the tags are the format.
type backupHeader struct {
	Version int       `json:"version"` // of the format
	Schema  int       `json:"schema"`  // of the store
	Store   string    `json:"store"`   // which one
	Epoch   int64     `json:"epoch"`
	Secrets string    `json:"secrets"` // their fingerprint
	Nonce   string    `json:"nonce"`   // of the key that signs
	Made    time.Time `json:"made"`
	Highest time.Time `json:"highest"` // the highest time believed until then
}

// Backup is what was found in a backup.
type Backup struct {
	Store   string    `json:"store"`   // which store it was made of
	Version int       `json:"version"` // of its format
	Made    time.Time `json:"made"`
	Records int       `json:"records"`
	Keys    int       `json:"keys"`
	People  int       `json:"people"`
}

// count takes a record into account.
func (b *Backup) count(name string) {
	b.Records++
	switch {
	case name == keyName(nobodyKey) || name == accountName(nobody):
	case strings.HasPrefix(name, keyPrefix):
		b.Keys++
	case strings.HasPrefix(name, accountPrefix):
		b.People++
	}
}

// ephemeral are the records that a backup leaves out. All that forget a session,
// a login under way or a delay make somebody log in again or guess for a while;
// those that keep something used from being used again are of no use in a
// restored store, which knows another way (see Restore). Messages that wait to be
// sent may have been sent since, and what waits for a second operator is asked anew.
var ephemeral = []string{
	"session", "challenge", "ticket", "ceremony", "slow", "open", "kept", "part", "slots", "asked-today",
	"browser", "outbox", "pending",
}

// leftOut: what says that a store was moved is not for a restored one either.
func leftOut(name string) bool { return name == copyName || slices.Contains(ephemeral, kindOf(name)) }

// backupKey signs the backup of that nonce, under the newest secrets.
func (s *Secrets) backupKey(nonce string) []byte { return s.derive(backupPurpose, nonce) }

// fingerprints tell which secrets these are, those of the newest first.
func (s *Secrets) fingerprints() (marks []string) {
	for _, mark := range s.deriveAll("fingerprint", "") {
		marks = append(marks, textMark(mark))
	}
	return marks
}

const backupPurpose = "backup"

// WriteBackup writes a backup of the store into w, as it is at one instant, while
// all goes on. It is good once it was read back (CheckBackup). Errors: the store's,
// w's.
func (g *Gate) WriteBackup(ctx context.Context, by Actor, w io.Writer) (Backup, error) {
	err := g.act(ctx, func(store.Writer, time.Time) ([]Event, error) {
		return []Event{{Kind: StoreBackedUp, Actor: by.Name}}, nil
	})
	if err != nil {
		return Backup{}, err
	}
	var b Backup
	err = g.shared.store.View(ctx, func(r store.Reader) (err error) {
		b, err = g.writeSnapshot(r, w)
		return err
	})
	return b, err
}

func (g *Gate) writeSnapshot(r store.Reader, w io.Writer) (Backup, error) {
	s := g.secrets()
	id, err := read[identityRecord](s, r, identityName)
	if err != nil {
		return Backup{}, err
	}
	h := backupHeader{
		Version: backupVersion, Schema: id.Schema, Store: id.ID, Epoch: id.Epoch, Secrets: s.fingerprints()[0],
		Nonce: NewNonce(), Made: g.now(), Highest: g.shared.time.look().believed,
	}
	b := Backup{Store: id.ID, Version: h.Version, Made: h.Made}
	out, err := newBackupWriter(w, s.backupKey(h.Nonce), h)
	if err != nil {
		return b, err
	}
	for entry, err := range r.Scan("", "") {
		if err == nil && !leftOut(entry.Key) {
			b.count(entry.Key)
			err = out.record(entry)
		}
		if err != nil {
			return b, err
		}
	}
	return b, out.end(b.Records)
}

// CheckBackup reads a backup to its end: whether it is whole and unchanged, was
// made under these secrets, and holds nothing that they do not open. Error: one
// that is ErrBackup and says what is wrong, or r's.
func (s *Secrets) CheckBackup(r io.Reader) (Backup, error) {
	return s.readBackup(r, func(backupHeader) error { return nil }, func(store.Entry) error { return nil })
}

// readBackup hands out the header of a backup, which is not verified then, and
// its records, each of which opens. Only when it returns no error are they what
// was written.
func (s *Secrets) readBackup(r io.Reader, begin func(backupHeader) error, record func(store.Entry) error) (Backup, error) {
	in, err := newBackupReader(r)
	if err != nil {
		return Backup{}, err
	}
	h := in.header
	if !slices.Contains(s.fingerprints(), h.Secrets) {
		return Backup{}, refuseBackup("it was made under another secret file: restore it with the one of then")
	}
	if h.Schema > schema {
		return Backup{}, refuseBackup("it is of a store of schema %d, and this program knows up to %d: restore it with a later version of Sésame", h.Schema, schema)
	}
	b := Backup{Store: h.Store, Version: h.Version, Made: h.Made}
	in.sign(s.deriveAll(backupPurpose, h.Nonce))
	if err := begin(h); err != nil {
		return Backup{}, err
	}
	for entry, err := range in.records() {
		if err == nil {
			err = s.opens(entry)
		}
		if err == nil {
			b.count(entry.Key)
			err = record(entry)
		}
		if err != nil {
			return Backup{}, err
		}
	}
	return b, in.end(b.Records)
}

// opens reports that a record of a backup is one of ours, and may stand there.
func (s *Secrets) opens(e store.Entry) error {
	switch {
	case leftOut(e.Key):
		return refuseBackup("it holds a record of a kind that no backup holds")
	case pointer(e.Key) && len(e.Value) == 0:
		return nil
	}
	var any anyRecord
	if err := openRecord(s, e.Key, e.Value, &any); err != nil {
		return refuseBackup("%w", err)
	}
	return nil
}

// anyRecord takes the content of any record, and keeps nothing of it.
type anyRecord struct{}

// UnmarshalJSON takes whatever is JSON.
func (*anyRecord) UnmarshalJSON([]byte) error { return nil }

func refuseBackup(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrBackup, fmt.Errorf(format, args...))
}

// signedBy reports whether a MAC is that of one of the hashes.
func signedBy(mac []byte, sums [][]byte) bool {
	return slices.ContainsFunc(sums, func(sum []byte) bool { return hmac.Equal(mac, sum) })
}

// CheckBackup is the same under the gate's secrets.
func (g *Gate) CheckBackup(r io.Reader) (Backup, error) { return g.secrets().CheckBackup(r) }
