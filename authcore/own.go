package authcore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// What a person does for themselves, in a session of their own.

// openSession is an entry of the list of a person's sessions, which spares looking
// at everybody's.
type openSession struct {
	ID  SessionID `json:"id"`
	End time.Time `json:"end"`
}

// maxOpen is how many sessions of one person are listed, the newest of them.
const maxOpen = 50

// listed is the list with a new session in it, without those that are over.
func listed(list []openSession, s Session, now time.Time) []openSession {
	list = slices.DeleteFunc(slices.Clone(list), func(o openSession) bool { return !now.Before(o.End) || o.ID == s.ID })
	list = append(list, openSession{s.ID, s.End})
	return list[max(0, len(list)-maxOpen):]
}

func openSessions(sec *Secrets, from getter, id Identifier) ([]openSession, error) {
	list, err := read[[]openSession](sec, from, openName(id))
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return list, err
}

// OwnSessions returns the sessions of a session's person that are alive, the
// newest first, fifty at most; those of applications' hosts are not counted apart.
func (g *Gate) OwnSessions(ctx context.Context, s Session) ([]Session, error) {
	var alive []Session
	err := g.shared.store.View(ctx, func(r store.Reader) error {
		alive = nil
		a, err := g.accountIn(r, s.Holder)
		if err != nil {
			return err
		}
		list, err := openSessions(g.secrets(), r, s.Holder)
		if err != nil {
			return err
		}
		for _, o := range list {
			one, err := sessionOf(g.secrets(), r, o.ID)
			if err != nil && !errors.Is(err, ErrNoSession) {
				return err
			}
			if err == nil && one.Holder == s.Holder && one.alive(a, g.now()) {
				alive = append(alive, one)
			}
		}
		return nil
	})
	slices.SortStableFunc(alive, func(a, b Session) int { return cmp.Compare(b.Began.UnixNano(), a.Began.UnixNano()) })
	return alive, err
}

// EndOwnSession ends a session of the same person by its name, everywhere. Errors:
// ErrNotFound when it is nobody's, or not this person's; the store's.
func (g *Gate) EndOwnSession(ctx context.Context, s Session, id SessionID, from Source) error {
	address, agent := from.text()
	return g.act(ctx, func(w store.Writer, now time.Time) ([]Event, error) {
		other, err := sessionOf(g.secrets(), w, id)
		switch {
		case errors.Is(err, ErrNoSession), err == nil && (other.Holder != s.Holder || other.Parent != ""):
			return nil, fmt.Errorf("session: %w", ErrNotFound)
		case err != nil || !other.Ended.IsZero():
			return nil, err
		}
		other.Ended = now
		e := Event{Kind: SessionEnded, Holder: other.Holder, Serial: other.Serial, Address: address, Agent: agent, Detail: "by its holder"}
		return []Event{e}, write(g.secrets(), w, sessionName(id), sessionRecord(other), other.End.Add(day))
	})
}

// EndOtherSessions ends all of a person's sessions but this one of the portal.
func (g *Gate) EndOtherSessions(ctx context.Context, s Session, from Source) error {
	all, err := g.OwnSessions(ctx, s)
	for _, other := range all {
		if err == nil && other.ID != s.ID {
			err = g.EndOwnSession(ctx, s, other.ID, from)
		}
	}
	return err
}
