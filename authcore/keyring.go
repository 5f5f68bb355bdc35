package authcore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sesame-gateway/sesame/authcore/otp"
	"github.com/sesame-gateway/sesame/authcore/store"
)

// KeyInfo is what may be shown of a key: everything but its seed, its PIN and the
// codes given with it.
type KeyInfo struct {
	Serial     Serial     `json:"serial"`
	Holder     Identifier `json:"holder,omitempty"`
	State      State      `json:"state"`
	Kind       otp.Kind   `json:"kind"`
	Digits     int        `json:"digits"`
	Period     string     `json:"period,omitempty"`
	PINDefined bool       `json:"pin_defined"`
	ChangePIN  bool       `json:"change_pin"` // another PIN is asked for at the next login
	Activation bool       `json:"activation"` // a first PIN needs the activation code
	Drift      otp.Step   `json:"drift"`
	WrongPIN   int        `json:"wrong_pin"`
	Expires    time.Time  `json:"expires,omitzero"`
	Imported   time.Time  `json:"imported,omitzero"`
	Assigned   time.Time  `json:"assigned,omitzero"`
	HandedOver time.Time  `json:"handed_over,omitzero"`
	LastUsed   time.Time  `json:"last_used,omitzero"`
	ReplacedBy Serial     `json:"replaced_by,omitempty"`
	Replaces   Serial     `json:"replaces,omitempty"`
	Ends       time.Time  `json:"ends,omitzero"`     // of a key that was replaced: it opens until then
	Stock      string     `json:"stock,omitempty"`   // whose stock it belongs to, an establishment's UAI
	Received   time.Time  `json:"received,omitzero"` // there
	Returned   time.Time  `json:"returned,omitzero"` // by a holder, last
}

// Info returns what may be shown of a key.
func (k Key) Info() KeyInfo {
	info := KeyInfo{
		Serial: k.Serial, Holder: k.Holder, State: k.State, Kind: k.Generator.Kind, Digits: k.Generator.Digits,
		PINDefined: !k.PIN.IsZero(), ChangePIN: k.ChangePIN, Activation: k.Activation != "", Drift: k.Drift, WrongPIN: k.WrongPIN,
		Expires: k.Expires, Imported: k.Imported, Assigned: k.Assigned, HandedOver: k.HandedOver, LastUsed: k.LastUsed,
		ReplacedBy: k.ReplacedBy, Replaces: k.Replaces, Ends: k.Ends, Stock: k.Stock, Received: k.Received, Returned: k.Returned,
	}
	if k.Generator.Period > 0 {
		info.Period = k.Generator.Period.String()
	}
	return info
}

// NewKey is a key as its supplier describes it.
type NewKey struct {
	Serial    Serial
	Generator otp.Generator
	Counter   otp.Step  // the next counter of a counter-based key
	Expires   time.Time // zero: never
	// Activation is the code that its first PIN needs: the one that the supplier
	// gives in the place of a PIN. The zero value is none.
	Activation Activation
}

// ImportKey puts a supplier's key in stock, where it opens nothing until it is
// assigned. A file is for Import. Errors: ErrSerialShape, ErrExists,
// ErrSeedExists (which leave what is there as it is), ErrImporting, a sentence
// about the generator, the store's.
func (g *Gate) ImportKey(ctx context.Context, by Actor, n NewKey) error {
	if err := n.check(); err != nil {
		return err
	}
	return g.act(ctx, func(w store.Writer, now time.Time) ([]Event, error) {
		if err := errors.Join(noImport(w), g.unknown(w, n)); err != nil {
			return nil, err
		}
		return []Event{{Kind: KeyImported, Serial: n.Serial, Actor: by.Name}},
			errors.Join(addKeys(g.secrets(), w, 1), g.putKey(w, n.staged(g.secrets()), now))
	})
}

func (n NewKey) check() error {
	if serial, err := ParseSerial(string(n.Serial)); err != nil || serial != n.Serial {
		return fmt.Errorf("key %.40q: %w", n.Serial, ErrSerialShape)
	}
	return n.Generator.Validate()
}

// unknown reports in an error that the serial or the seed of a new key is there
// already.
func (g *Gate) unknown(from getter, n NewKey) error {
	sec := g.secrets()
	if err := absent(from, keyName(n.Serial)); err != nil {
		return fmt.Errorf("key %s: %w", n.Serial, err)
	}
	for _, mark := range sec.deriveAll("seed", string(n.Generator.Seed)) {
		other, err := read[Serial](sec, from, seedName(mark))
		if err == nil {
			return fmt.Errorf("key %s: %w: key %s", n.Serial, ErrSeedExists, other)
		}
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	return nil
}

// maxKeys is how many keys one person may have: each of them looks at each code
// they type.
const maxKeys = 8

// AssignKey gives a key in stock to a person. Errors: ErrNotFound (key or
// person), ErrAssigned, ErrTooManyKeys, the store's.
func (g *Gate) AssignKey(ctx context.Context, by Actor, serial Serial, to Identifier) error {
	return g.act(ctx, func(w store.Writer, now time.Time) ([]Event, error) {
		if err := g.permit(w, by, to, now); err != nil {
			return nil, err
		}
		k, err := g.keyIn(w, serial)
		if err != nil {
			return nil, err
		}
		if err := g.fromOwnStock(w, by, k, to); err != nil {
			return nil, err
		}
		if err := g.giveKey(w, to, serial); err != nil {
			return nil, err
		}
		if k, err = k.Assign(to, now); err != nil {
			return nil, fmt.Errorf("key %s: %w", serial, err)
		}
		return []Event{by.event(KeyAssigned, to, serial, "")},
			write(g.secrets(), w, keyName(serial), keyRecord(k), time.Time{})
	})
}

// UnlockKey lifts a lock. Errors: ErrNotFound, ErrState, the store's.
func (g *Gate) UnlockKey(ctx context.Context, by Actor, serial Serial) error {
	return g.changeKey(ctx, by, serial, KeyUnlocked, Key.Unlock)
}

func (g *Gate) changeKey(ctx context.Context, by Actor, serial Serial, kind EventKind, change func(Key) (Key, error)) error {
	return g.changeKeyWith(ctx, by, serial, kind, "", change)
}

// changeKeyWith is changeKey with a word for the audit trail.
func (g *Gate) changeKeyWith(ctx context.Context, by Actor, serial Serial, kind EventKind, detail string, change func(Key) (Key, error)) error {
	return g.act(ctx, func(w store.Writer, now time.Time) ([]Event, error) {
		k, err := g.keyIn(w, serial)
		if err == nil {
			err = g.permitKey(w, by, k, now)
		}
		if err != nil {
			return nil, err
		}
		was := k.Stock
		if k, err = change(k); err != nil {
			return nil, fmt.Errorf("key %s is %s: %w", serial, k.State, err)
		}
		return []Event{by.event(kind, k.Holder, serial, detail)},
			errors.Join(indexStock(w, serial, was, k.Stock), write(g.secrets(), w, keyName(serial), keyRecord(k), time.Time{}))
	})
}

// KeyInfo returns what may be shown of one key. Errors: ErrNotFound, the store's.
func (g *Gate) KeyInfo(ctx context.Context, serial Serial) (KeyInfo, error) {
	var k Key
	err := g.shared.store.View(ctx, func(r store.Reader) (err error) {
		k, err = g.keyIn(r, serial)
		return err
	})
	return k.Info(), err
}

// Keys returns what may be shown of the keys that keep wants, in the order of
// their serials: those after the given one, at most limit of them. "" is before
// all serials, 0 is no limit. A list is read in pages by handing back the last
// serial of each; however many keys there are, a page takes the memory of limit.
func (g *Gate) Keys(ctx context.Context, after Serial, limit int, keep func(KeyInfo) bool) ([]KeyInfo, error) {
	var infos []KeyInfo
	err := g.shared.store.View(ctx, func(r store.Reader) error {
		page, err := collectPage(g.secrets(), r, keyPrefix, keyName(after), limit, func(rec keyRecord) (bool, error) {
			return rec.Serial != nobodyKey && keep(Key(rec).Info()), nil
		})
		infos = make([]KeyInfo, 0, len(page))
		for _, rec := range page {
			infos = append(infos, Key(rec).Info())
		}
		return err
	})
	return infos, err
}

// keyIn reads a key that a person or an administrator named; the stand-in is
// not one.
func (g *Gate) keyIn(from getter, serial Serial) (Key, error) {
	rec, err := read[keyRecord](g.secrets(), from, keyName(serial))
	if errors.Is(err, store.ErrNotFound) || serial == nobodyKey {
		err = fmt.Errorf("key %s: %w", serial, ErrNotFound)
	}
	return Key(rec), err
}
