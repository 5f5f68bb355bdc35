package authcore

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// Token is what a browser keeps in its cookie: 256 bits, 43 characters of
// base64url. Only its SHA-256 is stored. It never prints.
type Token string

const tokenLength = 43

// sum is what is stored of it.
func (t Token) sum() [sha256.Size]byte {
	var room [tokenLength]byte // so that a token's copy is not allocated
	return sha256.Sum256(append(room[:0], t...))
}

// Format prints a placeholder for every verb; string(t) gives the value.
func (Token) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// LogValue is the placeholder that slog prints.
func (Token) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON writes the placeholder.
func (Token) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// SessionID names a session without opening it: the base64url SHA-256 of its
// token.
type SessionID string

func (t Token) id() SessionID { return SessionID(hashName(string(t))) }

// Session is a person logged in, in one browser, on one host. The portal's is
// the session proper; an application's host holds one of its own that lives and
// ends with the portal's (its Parent).
type Session struct {
	ID     SessionID
	Parent SessionID // "" for the portal's
	Host   string    // "" for the portal's

	Holder Identifier
	Serial Serial
	Method string // how: MethodOTP, MethodEmergency or MethodPasskey
	Epoch  int    // Account.Epoch at the login

	Began time.Time // with the code that opened it
	Seen  time.Time // last use that was written down
	Idle  time.Time // ends then if unused
	End   time.Time // ends then at the latest
	Ended time.Time // zero while it lives; an ended session is kept, as ended

	Address string
	Agent   string

	Passkey string // Passkey.Mark of the one that opened it, or ""
}

// How somebody logged in.
const (
	MethodOTP       = "otp"       // a PASSCODE
	MethodEmergency = "emergency" // a PASSCODE, of a code that stands in for the key's
	MethodPasskey   = "passkey"
)

// alive reports whether the session still opens anything, for the account as it
// is now: what a passkey opened ends with the passkey.
func (s Session) alive(a Account, now time.Time) bool {
	return s.Ended.IsZero() && !a.Closed(now) && s.Epoch == a.Epoch && now.Before(s.Idle) && now.Before(s.End) &&
		(s.Passkey == "" || a.opensBy(s.Passkey))
}

// touch moves the idle end, but not before a twentieth of the idle time is over
// since it was last moved: a write for each request would cost more than the
// request. So a session ends when it was unused for the idle time, or up to a
// twentieth less. It reports whether there is anything to save.
func (s Session) touch(now time.Time, pol Policy) (Session, bool) {
	if !s.stale(now, pol) {
		return s, false
	}
	s.Seen, s.Idle = now, now.Add(pol.Idle)
	return s, true
}

// stale tells whether the idle end is worth moving.
func (s *Session) stale(now time.Time, pol Policy) bool { return now.Sub(s.Seen) >= pol.Idle/20 }

// hashName is the base64url SHA-256 of a secret that holds 256 bits, so that
// neither salt nor slowness is needed.
func hashName(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Session reads from the store the session that a cookie opens on a host ("" is the
// portal's), and its account as it is now: delegations that have not begun or
// that are over, by the calendar of the server's zone, are left out. An active use
// moves the idle end; a background poll does not. Errors: ErrNoSession, the
// store's.
func (g *Gate) Session(ctx context.Context, t Token, host string, active bool) (Session, Account, error) {
	st, err := g.readStanding(ctx, t, host, g.now())
	if err != nil {
		return Session{}, Account{}, err
	}
	if active && g.touch(ctx, &st.root, g.now()) {
		if st, err = g.readStanding(ctx, t, host, g.now()); err != nil {
			return Session{}, Account{}, err
		}
	}
	return st.Session, st.Account, nil
}

// readSession reads the session of a cookie, the portal's session that it hangs
// on, and the account. The session returned began and ends when the portal's does.
func readSession(sec *Secrets, r getter, t Token, host string, now time.Time) (s, root Session, a Account, err error) {
	s, err = sessionOf(sec, r, t.id())
	if err == nil && s.Host != host {
		err = ErrNoSession
	}
	if err != nil {
		return s, root, a, err
	}
	root = s
	if s.Parent != "" {
		if root, err = sessionOf(sec, r, s.Parent); err != nil {
			return s, root, a, err
		}
	}
	rec, err := read[accountRecord](sec, r, accountName(s.Holder))
	if errors.Is(err, store.ErrNotFound) {
		err = ErrNoSession
	}
	if err != nil {
		return s, root, a, err
	}
	a = Account(rec)
	if !root.alive(a, now) || !s.Ended.IsZero() || root.Holder != s.Holder {
		return s, root, a, ErrNoSession
	}
	s.Began, s.Seen, s.Idle, s.End, s.Epoch = root.Began, root.Seen, root.Idle, root.End, root.Epoch
	return s, root, a, nil
}

func sessionOf(sec *Secrets, r getter, id SessionID) (Session, error) {
	rec, err := read[sessionRecord](sec, r, sessionName(id))
	if errors.Is(err, store.ErrNotFound) {
		err = ErrNoSession
	}
	return Session(rec), err
}

// touchWait is how long a request waits for the record of the session's use. What is
// not begun by then is left to the next one.
const touchWait = time.Second

// touch saves that a session is in use, when that is worth a write. A failure is
// logged and harms nobody: the session ends a little earlier. It reports whether it
// has tried: that may have taken long enough for the session to be ended meanwhile.
func (g *Gate) touch(ctx context.Context, s *Session, now time.Time) (tried bool) {
	if !s.stale(now, g.policy) {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, touchWait)
	defer cancel()
	err := g.shared.store.Update(ctx, func(w store.Writer) error {
		now, err := sessionOf(g.secrets(), w, s.ID)
		if err != nil {
			return err
		}
		touched, worth := now.touch(g.now(), g.policy)
		if !worth || !now.Ended.IsZero() {
			return nil
		}
		return write(g.secrets(), w, sessionName(s.ID), sessionRecord(touched), touched.End.Add(day))
	})
	if err != nil && !errors.Is(err, ErrNoSession) {
		g.log.WarnContext(ctx, "a session's use could not be saved", slog.Any("error", err))
	}
	return true
}

// End ends the session of a cookie everywhere: on the portal and on every host
// that it was handed to. Errors: ErrNoSession, the store's.
func (g *Gate) End(ctx context.Context, s Session, from Source) error {
	root := s.ID
	if s.Parent != "" {
		root = s.Parent
	}
	address, agent := from.text()
	return g.endSession(ctx, root, Event{Kind: SessionEnded, Address: address, Agent: agent, Detail: "logout"})
}

// EndSession ends one session by its name, for an administrator. Errors:
// ErrNotFound, the store's.
func (g *Gate) EndSession(ctx context.Context, by Actor, id SessionID) error {
	err := g.endSession(ctx, id, Event{Kind: SessionEnded, Actor: by.Name})
	if errors.Is(err, ErrNoSession) {
		return fmt.Errorf("session: %w", ErrNotFound)
	}
	return err
}

func (g *Gate) endSession(ctx context.Context, id SessionID, e Event) error {
	return g.act(ctx, func(w store.Writer, now time.Time) ([]Event, error) {
		s, err := sessionOf(g.secrets(), w, id)
		if err != nil || !s.Ended.IsZero() {
			return nil, err
		}
		s.Ended = now
		e.Holder, e.Serial = s.Holder, s.Serial
		return []Event{e}, write(g.secrets(), w, sessionName(id), sessionRecord(s), s.End.Add(day))
	})
}

// Sessions returns the sessions that are alive, those of one person or of
// everybody (""), in the order of their IDs: those after the given one, at most
// limit of them. "" is before all IDs, 0 is no limit. The hosts' own are not
// counted apart.
func (g *Gate) Sessions(ctx context.Context, of Identifier, after SessionID, limit int) ([]Session, error) {
	var alive []Session
	err := g.shared.store.View(ctx, func(r store.Reader) error {
		now := g.now()
		found, err := collectPage(g.secrets(), r, sessionPrefix, sessionName(after), limit, func(rec sessionRecord) (bool, error) {
			if rec.Parent != "" || of != "" && rec.Holder != of {
				return false, nil
			}
			a, err := g.accountIn(r, rec.Holder)
			if errors.Is(err, ErrNotFound) {
				return false, nil
			}
			return err == nil && Session(rec).alive(a, now), err
		})
		alive = make([]Session, 0, len(found))
		for _, rec := range found {
			alive = append(alive, Session(rec))
		}
		return err
	})
	return alive, err
}

// act runs one change by an administrator or a session, with its audit entries
// in the same transaction and the log behind it.
func (g *Gate) act(ctx context.Context, change func(store.Writer, time.Time) ([]Event, error)) error {
	return g.actUnder(ctx, NewReference(), change)
}

// actUnder is act under a reference that there is already.
func (g *Gate) actUnder(ctx context.Context, reference Reference, change func(store.Writer, time.Time) ([]Event, error)) error {
	var events []Event
	err := g.shared.store.Update(ctx, func(w store.Writer) (err error) {
		now := g.now()
		if events, err = change(w, now); err != nil {
			return err
		}
		for i := range events {
			events[i].Time, events[i].Reference = now, reference
		}
		return errors.Join(writeEvents(g.secrets(), w, events), g.tell(g.secrets(), w, events))
	})
	if err == nil {
		g.logEvents(ctx, events)
		g.told(events)
	}
	return err
}
