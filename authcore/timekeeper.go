package authcore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// timekeeper looks at the server's clock for all gates of a store.
type timekeeper struct {
	clock func() time.Time
	alarm func(timeline) // must not wait

	mu     sync.Mutex
	last   time.Time // as the clock gave it: with the monotonic reading, where it has one
	line   timeline
	told   timeline  // of the alarm that no entry of the audit trail tells of yet
	stored time.Time // what was kept last
}

func newTimekeeper(clock func() time.Time, alarm func(timeline)) *timekeeper {
	at := clock()
	return &timekeeper{clock: clock, alarm: alarm, last: at, line: startTimeline(at.Round(0), time.Time{})}
}

// look reads the clock. How much time has passed since the last look is told by
// the monotonic clock, which nobody sets; a clock without one (see package time)
// tells it itself.
func (k *timekeeper) look() timeline {
	before, line := k.read()
	if line.worse(before) {
		k.alarm(line)
	}
	return line
}

// read takes the time, and returns how it stood before as well.
func (k *timekeeper) read() (before, line timeline) {
	k.mu.Lock()
	defer k.mu.Unlock() // of whatever panics here, one request must end and not all
	at := k.clock()
	before = k.line
	k.line = before.look(at.Round(0), at.Sub(k.last))
	k.last = at
	return before, k.judge(before)
}

// judge notes for the audit trail that the clock has come into doubt.
func (k *timekeeper) judge(before timeline) timeline {
	if k.line.worse(before) {
		k.told = k.line
	}
	return k.line
}

// restart begins anew, from a time that was kept; zero has the clock believed.
func (k *timekeeper) restart(kept time.Time) {
	k.mu.Lock()
	at := k.clock()
	k.last, k.stored, k.told = at, kept, timeline{}
	k.line = startTimeline(at.Round(0), kept)
	line := k.judge(timeline{state: ClockSound})
	k.mu.Unlock()
	if line.state != ClockSound {
		k.alarm(line)
	}
}

// due returns what is to be kept now: the alarm to tell of, if any, and whether
// anything is.
func (k *timekeeper) due() (alarm timeline, due bool) {
	line := k.look()
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.told, k.told != timeline{} || line.believed.Sub(k.stored) >= clockKept
}

// done notes that a time was kept, and the alarm told of.
func (k *timekeeper) done(alarm timeline, kept time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.told == alarm {
		k.told = timeline{}
	}
	k.stored = kept
}

// ErrClock is what Answer returns while nobody can log in: until the server's
// clock is right, or has been accepted. Nothing was consumed.
var ErrClock = errors.New("the server's clock is in doubt")

// clockRecord is the highest time that was believed.
type clockRecord struct {
	Highest time.Time `json:"highest"`
}

// now is the time that validities are measured by; see timeline.
func (g *Gate) now() time.Time { return g.shared.time.look().now() }

// wall is the time by the server's clock, whatever is held of it: that of codes,
// and of what others verify.
func (g *Gate) wall() time.Time { return g.shared.time.look().wall }

// Now returns the time by which the gate measures all that ends: the server's
// clock, unless that was set back.
func (g *Gate) Now() time.Time { return g.now() }

// checkClock returns ErrClock, with a sentence that names both times, while the
// clock lets nobody in.
func (g *Gate) checkClock() error {
	if line := g.shared.time.look(); line.state.refuses() {
		return fmt.Errorf("%w: %s", ErrClock, line)
	}
	return nil
}

// alarmClock tells the log at once; the audit trail, and who counts its alerts, is
// told by KeepTime.
func alarmClock(log *slog.Logger) func(timeline) {
	return func(l timeline) {
		log.Error("the server's clock is in doubt", slog.String("state", l.state.String()), slog.String("why", l.String()),
			slog.Time("clock", l.wall), slog.Time("believed", l.believed))
	}
}

// recall begins with the time that the store was told last.
func (g *Gate) recall(ctx context.Context) error {
	kept, err := g.keptTime(ctx)
	if err == nil {
		g.shared.time.restart(kept)
	}
	return err
}

// keptTime returns the time that the store was told last, zero where it never was.
func (g *Gate) keptTime(ctx context.Context) (time.Time, error) {
	var rec clockRecord
	err := g.shared.store.View(ctx, func(r store.Reader) (err error) {
		rec, err = read[clockRecord](g.secrets(), r, clockName)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return time.Time{}, nil
	}
	return rec.Highest, err
}

// KeepTime keeps the highest time believed, once a minute at most, for the next
// start to compare its clock with. It is to be called about that often; what it
// finds in doubt it tells in the audit trail. Error: the store's.
func (g *Gate) KeepTime(ctx context.Context) error {
	alarm, due := g.shared.time.due()
	if !due {
		return nil
	}
	var highest time.Time
	err := g.act(ctx, func(w store.Writer, _ time.Time) (events []Event, err error) {
		rec, err := read[clockRecord](g.secrets(), w, clockName)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
		if believed := g.shared.time.look().believed; believed.After(rec.Highest) {
			rec.Highest = believed
		}
		highest = rec.Highest
		if alarm != (timeline{}) {
			events = []Event{{Kind: ClockDoubted, Detail: alarm.String(), Alert: true}}
		}
		return events, write(g.secrets(), w, clockName, rec, time.Time{})
	})
	if err == nil {
		g.shared.time.done(alarm, highest)
	}
	return err
}

// Clock is what is held of the server's clock.
type Clock struct {
	State    ClockState `json:"state"`
	Clock    time.Time  `json:"clock"`         // what it says
	Believed time.Time  `json:"believed"`      // the highest time that was believed
	Kept     time.Time  `json:"kept,omitzero"` // what the store was told last
	Logins   bool       `json:"logins"`        // people can log in
	Why      string     `json:"why,omitempty"` // a sentence, unless it is sound
}

// Clock returns what is held of the server's clock. Error: the store's.
func (g *Gate) Clock(ctx context.Context) (Clock, error) {
	kept, err := g.keptTime(ctx)
	l := g.shared.time.look()
	return Clock{State: l.state, Clock: l.wall, Believed: l.believed, Kept: kept, Logins: !l.state.refuses(), Why: l.String()}, err
}

// AcceptClock has the clock believed as it is, for an administrator who has seen
// that it is right. Where it is not sound, all sessions end: by the time believed
// before, some had. Error: the store's.
func (g *Gate) AcceptClock(ctx context.Context, by Actor) error {
	line := g.shared.time.look()
	if line.state == ClockSound {
		return nil
	}
	if err := g.endAllSessions(ctx, by); err != nil {
		return err
	}
	err := g.act(ctx, func(w store.Writer, _ time.Time) ([]Event, error) {
		return []Event{{Kind: ClockAccepted, Actor: by.Name, Detail: line.wall.UTC().Format(time.RFC3339)}},
			write(g.secrets(), w, clockName, clockRecord{Highest: line.wall}, time.Time{})
	})
	if err != nil {
		return err
	}
	g.shared.time.restart(time.Time{})
	return g.endAllSessions(ctx, by) // those that began meanwhile, by the other time
}

// endAllSessions ends every session that has not been ended, whatever the time.
func (g *Gate) endAllSessions(ctx context.Context, by Actor) error {
	var open []SessionID
	err := g.shared.store.View(ctx, func(r store.Reader) error {
		_, err := collect(g.secrets(), r, sessionPrefix, func(rec sessionRecord) (bool, error) {
			if rec.Parent == "" && rec.Ended.IsZero() {
				open = append(open, rec.ID)
			}
			return false, nil
		})
		return err
	})
	for _, id := range open {
		if err == nil {
			err = g.endSession(ctx, id, Event{Kind: SessionEnded, Actor: by.Name, Detail: "clock"})
		}
		if errors.Is(err, ErrNoSession) {
			err = nil
		}
	}
	return err
}
