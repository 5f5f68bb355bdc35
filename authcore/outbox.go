package authcore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// The outbox holds what somebody outside is to be told: it is written in the
// transaction of what it tells, so that neither a crash nor a mail server that is
// away loses it, and is carried by whoever imports this package.
//
// An attempt is charged before it is made ([Gate.TakeMessage]), as the code of a
// login is consumed before it is judged: whoever breaks off in the middle, and
// whoever else looks at the same time, finds the next attempt's time. A message that
// was accepted while the answer got lost is carried twice, under the same ID.

// Way is how a message goes. The zero value is invalid.
type Way uint8

// The ways, and their words.
const (
	ByMail    Way = iota + 1 // "mail": Address is an e-mail address
	ByWebhook                // "webhook": Address is a URL
)

var wayNames = words[Way]{what: "way of a message", names: []string{"", "mail", "webhook"}}

// String gives the way's word.
func (w Way) String() string { return wayNames.name(w) }

// MarshalText gives the way's word; an unknown way is an error.
func (w Way) MarshalText() ([]byte, error) { return wayNames.marshal(w) }

// UnmarshalText reads a way's word; anything else is an error.
func (w *Way) UnmarshalText(b []byte) error { return wayNames.unmarshal(w, b) }

// Message is one thing to be told, with the facts that its text is made of. It holds
// no secret.
type Message struct {
	ID       string     `json:"id"` // the same at each attempt, and of no other message
	Way      Way        `json:"way"`
	Address  string     `json:"address"`            // as it was when the message was written
	Language string     `json:"language,omitempty"` // Account.Language
	About    Identifier `json:"about,omitempty"`    // whose data it holds
	Notice   Notice     `json:"notice,omitzero"`    // what it tells
	Request  Reference  `json:"request,omitempty"`  // or the request for assistance that it hands on

	Written  time.Time `json:"written"`
	Due      time.Time `json:"due"`                // of the next attempt
	Attempts int       `json:"attempts,omitempty"` // those that were begun
	Problem  string    `json:"problem,omitempty"`  // why the last one failed, in the words of whoever refused
}

const (
	firstPause = time.Minute // behind the first attempt, and doubled by each
	lastPause  = time.Hour
	// patience is how long a message is tried: RFC 5321, section 4.5.4.1, has four
	// days at the least.
	patience = 5 * day
	// maxProblem bounds what is kept of a refusal, in bytes.
	maxProblem = 200
)

// pause is the time from one attempt to the next: a minute, doubled by each, up to
// an hour.
func (m Message) pause() time.Duration {
	p := firstPause
	for range m.Attempts - 1 {
		if p = min(2*p, lastPause); p == lastPause {
			break
		}
	}
	return p
}

// post writes a message that is due at once. Whoever posts rings when the
// transaction is done.
func post(s *Secrets, w store.Writer, m Message, now time.Time) error {
	m.ID, m.Written, m.Due = strings.ToLower(rand.Text()), now, now
	return write(s, w, outboxName(m), m, time.Time{})
}

// ring tells whoever carries messages that there are some.
func (g *Gate) ring() {
	select {
	case g.shared.posted <- struct{}{}:
	default: // it has not heard the last one yet
	}
}

// Posted is signalled when messages were written. One signal may stand for several,
// and one goroutine is to listen.
func (g *Gate) Posted() <-chan struct{} { return g.shared.posted }

// WithMail returns the same gate with mail, or without: then no notices are written.
// New makes it without.
func (g *Gate) WithMail(on bool) *Gate {
	with := *g
	with.mail = on
	return &with
}

// DueMessages returns the messages whose time has come, those due longest first, at
// most limit of them (1 or more), and the time of the first one that is due later; zero when there
// is none, or when limit cut the list. Error: the store's.
func (g *Gate) DueMessages(ctx context.Context, limit int) (due []Message, next time.Time, err error) {
	err = g.shared.store.View(ctx, func(r store.Reader) error {
		now := g.now()
		due, next = nil, time.Time{}
		// What is wanted is the one message to stop at: they are sorted by their time.
		_, err := collectPage(g.secrets(), r, outboxPrefix, "", 1, func(m Message) (last bool, err error) {
			if now.Before(m.Due) {
				next = m.Due
				return true, nil
			}
			due = append(due, m)
			return len(due) == limit, nil
		})
		return err
	})
	return due, next, err
}

// TakeMessage charges an attempt to a message that was due, and returns it as it is
// then. Errors: ErrNotFound when another took it, or it is gone; the store's.
func (g *Gate) TakeMessage(ctx context.Context, m Message) (Message, error) {
	var taken Message
	err := g.shared.store.Update(ctx, func(w store.Writer) (err error) {
		if taken, err = messageIn(g.secrets(), w, m); err != nil {
			return err
		}
		taken.Attempts++
		taken.Due = g.now().Add(taken.pause())
		return errors.Join(w.Delete(outboxName(m)), write(g.secrets(), w, outboxName(taken), taken, time.Time{}))
	})
	return taken, err
}

// MessageDelivered ends a message that was taken and has been accepted. Errors:
// ErrNotFound, the store's.
func (g *Gate) MessageDelivered(ctx context.Context, m Message) error {
	return g.act(ctx, func(w store.Writer, _ time.Time) ([]Event, error) {
		m, err := messageIn(g.secrets(), w, m)
		if err != nil {
			return nil, err
		}
		return []Event{m.event(MessageSent)}, w.Delete(outboxName(m))
	})
}

// MessageFailed ends an attempt that failed, for a reason that is cut to 200 bytes of
// one line. The message is given up, with an alert, when it is refused for good, and
// when it was written five days ago or more. Errors: ErrNotFound, the store's.
func (g *Gate) MessageFailed(ctx context.Context, m Message, why string, forGood bool) (givenUp bool, err error) {
	err = g.act(ctx, func(w store.Writer, now time.Time) ([]Event, error) {
		m, err := messageIn(g.secrets(), w, m)
		if err != nil {
			return nil, err
		}
		m.Problem = oneLine(why)
		if givenUp = forGood || now.Sub(m.Written) >= patience; !givenUp {
			return nil, write(g.secrets(), w, outboxName(m), m, time.Time{})
		}
		e := m.event(MessageGivenUp)
		e.Alert, e.Detail = true, e.Detail+": "+m.Problem
		return []Event{e}, w.Delete(outboxName(m))
	})
	return givenUp, err
}

// event writes down what became of a message.
func (m Message) event(kind EventKind) Event {
	about := m.Notice.What.String()
	if m.Request != "" {
		about = "request " + string(m.Request)
	}
	return Event{Kind: kind, Holder: m.About, Detail: fmt.Sprintf("%s about %s", m.Way, about)}
}

// messageIn reads a message as it stands under the due time that it had.
func messageIn(s *Secrets, from getter, m Message) (Message, error) {
	is, err := read[Message](s, from, outboxName(m))
	if errors.Is(err, store.ErrNotFound) {
		err = fmt.Errorf("message: %w", ErrNotFound)
	}
	return is, err
}

// oneLine is a text of others as the records keep it.
func oneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, text)
	return strings.ToValidUTF8(text[:min(len(text), maxProblem)], "")
}

// messagesOf returns the messages that hold somebody's data, the first due first.
func (g *Gate) messagesOf(r store.Reader, id Identifier) ([]Message, error) {
	return collect(g.secrets(), r, outboxPrefix, func(m Message) (bool, error) { return m.About == id, nil })
}

// forgetMessages deletes the messages about somebody. One that is taken meanwhile has
// another name, so it looks until there is none.
func (g *Gate) forgetMessages(ctx context.Context, id Identifier) error {
	for {
		var names []string
		err := g.shared.store.View(ctx, func(r store.Reader) error {
			messages, err := g.messagesOf(r, id)
			names = nil
			for _, m := range messages {
				names = append(names, outboxName(m))
			}
			return err
		})
		if err != nil || len(names) == 0 {
			return err
		}
		if err := g.deleteAll(ctx, names); err != nil {
			return err
		}
	}
}
